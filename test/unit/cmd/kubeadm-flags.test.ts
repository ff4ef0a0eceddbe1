import { Command } from 'commander';
import { describe, expect, it, vi } from 'vitest';
import { joinCommand } from '../../../src/cmd/join.ts';
import { joinOptions } from '../../../src/cmd/join-options.ts';
import { plainSwitches } from '../../../src/cmd/kubeadm-flags.ts';
import { program, runProgram } from '../../../src/main.ts';
import { standardError } from '../../harness/standard-error.ts';

/** Those of kubeadm v1.36, by its generated reference. */
const COMMON = ['rootfs', 'v'];
const TOKEN = ['dry-run', 'kubeconfig'];
const RENEW = ['cert-dir', 'config', 'kubeconfig'];
const TEMPLATES = ['output', 'allow-missing-template-keys', 'show-managed-fields'];
const INIT_AND_JOIN =
  'apiserver-advertise-address apiserver-bind-port certificate-key config cri-socket dry-run ignore-preflight-errors node-name patches skip-phases token';
const KUBEADM: Readonly<Record<string, readonly string[]>> = {
  init: `${INIT_AND_JOIN} apiserver-cert-extra-sans cert-dir control-plane-endpoint feature-gates image-repository kubernetes-version pod-network-cidr service-cidr service-dns-domain skip-certificate-key-print skip-token-print token-ttl upload-certs`.split(
    ' ',
  ),
  join: `${INIT_AND_JOIN} control-plane discovery-file discovery-token discovery-token-ca-cert-hash discovery-token-unsafe-skip-ca-verification tls-bootstrap-token`.split(
    ' ',
  ),
  reset:
    'cert-dir cleanup-tmp-dir config cri-socket dry-run force ignore-preflight-errors kubeconfig skip-phases'.split(
      ' ',
    ),
  token: TOKEN,
  'token create': [
    ...TOKEN,
    ...['certificate-key', 'config', 'description', 'groups', 'print-join-command', 'ttl', 'usages'],
  ],
  'token delete': TOKEN,
  'token generate': TOKEN,
  'token list': [...TOKEN, ...TEMPLATES],
  'kubeconfig user': ['client-name', 'config', 'org', 'token', 'validity-period'],
  'certs renew': RENEW,
  'certs check-expiration': [...RENEW, ...TEMPLATES],
  'certs certificate-key': [],
  'certs generate-csr': ['cert-dir', 'config', 'kubeconfig-dir'],
};

const at = (path: string): Command =>
  path.split(' ').reduce<Command>((command, name) => {
    const found = command.commands.find(each => each.name() === name);
    if (found === undefined) throw new Error(`there is no ${path}`);
    return found;
  }, program());

describe('a command line for kubeadm', () => {
  it.each(Object.entries(KUBEADM))('has no flag for %s that is unknown here', (path, flags) => {
    const known = at(path).options.map(({ long }) => long?.slice(2));
    expect([...flags, ...COMMON].filter(name => !known.includes(name))).toEqual([]);
  });

  it.each([
    [
      ['join', 'h:1', '--dry-run=true', '--control-plane=false'],
      ['join', 'h:1', '--dry-run'],
    ],
    [
      ['join', '--token=true', 'h:1'],
      ['join', '--token=true', 'h:1'],
    ],
    [
      ['join', '--nonsense=true'],
      ['join', '--nonsense=true'],
    ],
    [
      ['token', 'create', '--print-join-command=true'],
      ['token', 'create', '--print-join-command'],
    ],
    [['cluster', 'exec', 'n', '--', 'ls', '--all=true', '--dry-run=true'], undefined],
  ])('may give a switch its value: %j', (words, plain = words) => {
    expect(plainSwitches(program(words), words)).toEqual(plain);
  });

  it('may give a list by several flags', () => {
    const join = joinOptions(new Command('join'));
    join.parse(['--ignore-preflight-errors=Swap', '--ignore-preflight-errors', 'NumCPU,Mem', 'h:1'], { from: 'user' });
    expect(join.opts()['ignorePreflightErrors']).toBe('Swap,NumCPU,Mem');
    const create = at('token create');
    create.parseOptions(['--usages=signing', '--usages=authentication', '--groups=system:bootstrappers:a']);
    expect(create.opts()).toMatchObject({ usages: 'signing,authentication', groups: 'system:bootstrappers:a' });
  });
});

describe('what kubeadm takes and is not made here', () => {
  const said = standardError();

  it.each<[Partial<Parameters<typeof joinCommand>[1]>, string]>([
    [{ patches: '/etc/patches' }, '--patches: Forbidden: there are no static pods here that could be patched'],
    [{ criSocket: 'unix:///run/containerd/containerd.sock' }, "the runtime of a node is gantry's own"],
    [{ criSocket: 'tcp://10.0.0.5:1' }, '--cri-socket: Invalid value: "tcp://10.0.0.5:1": only URL scheme "unix"'],
    // what is wrong after it is told of, so this is not
    [{ criSocket: 'unix:///run/gantry/cri.sock', nodeIp: '10.0.0.x' }, '--node-ip: "10.0.0.x" is not an IP address'],
    [{ criSocket: '/run/gantry/cri.sock', nodeIp: '10.0.0.x' }, '--node-ip: "10.0.0.x" is not an IP address'],
    [{ criSocket: '/run/gantry/cri.sock', config: '/x', token: '' }, "'--config' with arguments [cri-socket]"],
  ])('is refused by join in one line: %j', async (flags, because) => {
    const code = await joinCommand(flags.config === undefined ? '192.0.2.1:6443' : undefined, {
      token: 'abcdef.0123456789abcdef',
      discoveryToken: '',
      tlsBootstrapToken: '',
      discoveryFile: '',
      discoveryTokenCaCertHash: [],
      nodeIp: '192.0.2.2',
      nodeLabels: '',
      ignorePreflightErrors: '',
      skipPhases: '',
      ...flags,
    });
    expect([code, said().trimEnd().split('\n')]).toEqual([3, [expect.stringContaining(because)]]);
  });

  it.each([
    ['certs generate-csr --kubeconfig-dir=/tmp', 'certificates are signed on this machine alone'],
    ['join 192.0.2.1:6443 --rootfs=/mnt', '--rootfs: this works on the machine that it runs on'],
  ])('is refused by gantry %s', async (words, because) => {
    await expect(runProgram(words.split(' '))).rejects.toThrow(because);
  });

  it('is how much is told: it is taken, and nothing follows from it', async () => {
    const print = vi.spyOn(console, 'log').mockReturnValue();
    await runProgram(['token', '-v', '5', 'generate', '--v=9', '--dry-run=false']);
    expect([said(), print.mock.calls]).toEqual(['', [[expect.stringMatching(/^[a-z0-9]{6}\.[a-z0-9]{16}$/)]]]);
    process.exitCode = undefined;
  });
});

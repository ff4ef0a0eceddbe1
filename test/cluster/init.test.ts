import { copyFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureCertificates } from '../../src/bootstrap/certificates/certificates.ts';
import { certificatePlan } from '../../src/bootstrap/certificates/plan.ts';
import { filesBelow } from '../../src/bootstrap/files.ts';
import { INIT_PHASES } from '../../src/bootstrap/init/phases.ts';
import type { Host } from '../../src/local-cluster/host/host.ts';
import { OWN_DIRECTORIES } from '../../src/local-cluster/host/plan.ts';
import { expireCertificates } from '../harness/expired-certificates.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { put, run } from '../harness/host.ts';
import { newestKubectl } from '../harness/kubectl.ts';
import { machineSnapshot, snapshotDifference } from '../harness/machine-snapshot.ts';
import { machine } from '../harness/reset-machine.ts';
import { waitFor } from '../harness/wait-for.ts';
import { initSettings } from '../unit/bootstrap/init-settings.ts';

const ADDRESS = '10.50.0.2';
const FLAGS = [`--apiserver-advertise-address=${ADDRESS}`, '--ignore-preflight-errors=NumCPU,Mem'];
const TOKEN = 'abcdef.0123456789abcdef';

async function kubectl(host: Host, ...args: string[]): Promise<string> {
  const program = newestKubectl();
  if ('missing' in program) throw new Error(program.missing);
  return run(host, [program.path, '--kubeconfig=/etc/kubernetes/admin.conf', ...args]);
}

const CLUSTER = 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n';

/** Every phase whole, and before that one of its parts alone. */
const PHASES = ['certs ca', ...INIT_PHASES.map(({ name, phases }) => (phases === undefined ? name : `${name} all`))];

describe('init', () => {
  let host: Host;
  const init = (...args: string[]) => host.exec(gantryCommand('init', ...args), { timeoutMs: 60_000 });
  beforeAll(async () => {
    host = await machine();
  });
  afterAll(() => host.delete());

  it('run dry tells what it would do, without secrets, and changes nothing', async () => {
    const snapshot = () =>
      machineSnapshot({
        run: script => run(host, ['sh'], { input: script }),
        roots: ['/run', ...OWN_DIRECTORIES],
        pruned: ['/run/host-data', '/run/host-proc', '/run/mount'],
      });
    const before = await snapshot();
    const { code, stdout, stderr } = await init(...FLAGS, '--dry-run', `--token=${TOKEN}`);
    expect([code, stderr]).toEqual([0, '']);
    expect(snapshotDifference(before, await snapshot())).toEqual([]);
    for (const part of [
      '[dryrun] Would write file "/etc/kubernetes/pki/ca.key" (mode 0600)\n\ta private key (not shown)',
      `a certificate of CN=kube-apiserver for ${host.name.toLowerCase()}`,
      '[dryrun] Would start gantry-etcd',
      '[dryrun] Would write the ConfigMap "kubeadm-config"',
      'Finished dry-running successfully',
    ])
      expect(stdout).toContain(part);
    for (const secret of ['PRIVATE KEY', TOKEN, TOKEN.slice(7), Buffer.from(TOKEN.slice(7)).toString('base64')])
      expect(stdout).not.toContain(secret);
  });

  it.each([
    [
      'an unknown field',
      `${CLUSTER}clusterNam: x\n`,
      [],
      3,
      'gantry: /root/c.yaml:3:1: unknown field "clusterNam" (did you mean "clusterName"?)\n',
    ],
    ['another kind', 'apiVersion: v1\nkind: Pod\n', [], 3, 'kind "Pod" is not taken here'],
    [
      'neither kind of kubeadm',
      'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n',
      [],
      3,
      'no InitConfiguration or ClusterConfiguration kind was found',
    ],
    [
      'a value of a kubelet that is wrong',
      `${CLUSTER}---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: -1\n`,
      [],
      3,
      '/root/c.yaml:6:1: maxPods: Invalid value',
    ],
    [
      'flags beside the file',
      CLUSTER,
      ['--service-cidr=10.0.0.0/16'],
      3,
      "can not mix '--config' with arguments [service-cidr]",
    ],
    [
      'no route to tell the address by',
      CLUSTER,
      [],
      3,
      "there is no default route to tell this machine's address by: give --apiserver-advertise-address",
    ],
    [
      'an unknown flag of a daemon',
      `${CLUSTER}apiServer: {extraArgs: [{name: nope, value: x}]}\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {advertiseAddress: ${ADDRESS}}\n`,
      [],
      3,
      '"nope" is no flag here',
    ],
  ])('refuses a file with %s', async (_, text, flags, code, because) => {
    put(host, '/root/c.yaml', text);
    const answer = await init('--config=/root/c.yaml', ...flags);
    expect(answer.stderr).toContain(because);
    expect([answer.code, answer.stdout]).toEqual([code, '']);
  });

  it.each([
    [['--feature-gates=A=true'], 'A is not a valid feature name.'],
    [['--skip-phases=nope'], '--skip-phases: there is no phase "nope"'],
    [['--pod-network-cidr=10.0.0.0/33'], 'networking.podSubnet: Invalid value: "10.0.0.0/33": couldn\'t parse subnet'],
    [['--apiserver-cert-extra-sans=a_b'], 'altname is not a valid IP address, DNS label'],
    [['--token=half'], 'the bootstrap token was not of the form'],
    [['--proxy-mode=magic'], 'mode: Invalid value: "magic"'],
    [['--node-labels=node-role.kubernetes.io/edge='], "unknown 'kubernetes.io' or 'k8s.io' labels specified"],
    [['--apiserver-advertise-address=10.50.0.x'], 'ip address is not valid'],
  ])('refuses %s', async (flags, because) => {
    const answer = await init(...FLAGS, ...flags);
    expect(answer.stderr).toContain(because);
    expect(answer.code).toBe(3);
  });

  it.each([
    [
      'an address that the machine has not got',
      '--apiserver-advertise-address=10.50.0.3',
      '[ERROR AdvertiseAddress]: this machine has no address 10.50.0.3',
    ],
    [
      'an endpoint whose name is not known',
      '--control-plane-endpoint=nosuch.example:6443',
      '[ERROR ControlPlaneEndpoint]: the name nosuch.example of the control-plane endpoint nosuch.example:6443, by which',
    ],
    [
      'an endpoint that no route leads to',
      '--control-plane-endpoint=192.0.2.77:6443',
      '[ERROR ControlPlaneEndpoint]: there is no route to the control-plane endpoint 192.0.2.77:6443, by which',
    ],
    [
      'a network of Services that its own address is in',
      '--service-cidr=10.50.0.0/24',
      '[ERROR ServiceCIDR]: the address 10.50.0.2 (eth0) of this machine is in the network of Services of the cluster, 10.50.0.0/24',
    ],
    [
      'a network of pods that its own address is in',
      '--pod-network-cidr=10.48.0.0/14',
      '[ERROR PodCIDR]: the address 10.50.0.2 (eth0) of this machine is in the network of pods of the cluster, 10.48.0.0/14',
    ],
  ])('refuses %s before it makes anything', async (_, flag, because) => {
    const { code, stderr } = await init(...FLAGS, flag);
    expect(stderr).toContain(because);
    expect(code).toBe(2);
    expect(await run(host, ['sh', '-c', 'find /etc/kubernetes /var/lib/etcd -mindepth 1'])).toBe('');
  });

  it('names what is in its way, each with what mends it, and makes nothing', async () => {
    await run(host, [
      'sh',
      '-c',
      'mkdir -p /var/lib/etcd/member /etc/kubernetes/pki; echo x >/etc/kubernetes/pki/ca.crt',
    ]);
    const start = (command: string) =>
      run(host, ['sh', '-c', `setsid ${command} </dev/null >/dev/null 2>&1 & echo $! >>/root/pids`]);
    await start('socat TCP-LISTEN:10250,fork -');
    await start("bash -c 'exec -a kubelet sleep 600'");
    await waitFor('the port to be taken', async () => (await run(host, ['ss', '-ltn'])).includes(':10250'));
    const { code, stderr } = await init(...FLAGS);
    expect(code).toBe(2);
    for (const part of [
      'gantry: [preflight] Some fatal errors occurred:\n',
      '\t[ERROR Port-10250]: Port 10250 is in use, by process ',
      ' (socat)\n\t\tto mend it: kill ',
      '\t[ERROR DirAvailable--var-lib-etcd]: /var/lib/etcd is not empty: it holds the data of an etcd',
      '\t[ERROR FileContent--etc-kubernetes-pki-ca.crt]: /etc/kubernetes/pki/ca.crt is no certificate',
      '\t[ERROR Service-Kubelet]: another kubelet runs here: process ',
      'you can make a check non-fatal with `--ignore-preflight-errors=...`',
    ])
      expect(stderr).toContain(part);
    expect(
      await run(host, ['sh', '-c', 'ls /etc/kubernetes /etc/kubernetes/pki; ls /etc/gantry 2>&1 || true']),
    ).not.toContain('bootstrap.json');
    await run(host, ['sh', '-c', 'kill $(cat /root/pids); rm -r /var/lib/etcd/* /etc/kubernetes/*']);
  });

  it('names every file of a pki directory that is of others, or half there, and touches none', async () => {
    const pkiDir = host.path('/etc/kubernetes/pki');
    const lives = { leafMs: 86_400_000, caMs: 864_000_000 };
    const at = (node: string) => initSettings({}, { nodeName: node, advertiseAddress: ADDRESS });
    const make = (into: string) =>
      ensureCertificates(certificatePlan(at('n')), { pkiDir: into, lives, now: Date.now() }, () => undefined);
    make(pkiDir);
    const other = `${host.path('/etc')}/other-pki`;
    make(other);
    const name = (file: string) => `${pkiDir}/${file}`;
    // signed by another CA, with its key; the key of another; without its key; without the CA that signed it
    for (const extension of ['crt', 'key'])
      copyFileSync(`${other}/front-proxy-client.${extension}`, name(`front-proxy-client.${extension}`));
    copyFileSync(`${other}/apiserver-kubelet-client.key`, name('apiserver-kubelet-client.key'));
    rmSync(name('apiserver.key'));
    rmSync(name('etcd/ca.crt'));
    const list = () => run(host, ['sh', '-c', 'find /etc/kubernetes -type f -exec sha256sum {} + | sort']);
    const before = await list();
    const { code, stderr } = await init(...FLAGS);
    for (const problem of [
      'apiserver.crt]: /etc/kubernetes/pki/apiserver.crt is there and its key /etc/kubernetes/pki/apiserver.key is not: put the key beside it, or remove it',
      'apiserver-kubelet-client.crt is not of the key in /etc/kubernetes/pki/apiserver-kubelet-client.key; remove it and its key',
      'front-proxy-client.crt is not signed by the front-proxy-ca; remove it and its key',
      'etcd-server.crt]: /etc/kubernetes/pki/etcd/server.crt is there, and /etc/kubernetes/pki/etcd/ca.crt that signed it is not',
    ])
      expect(stderr).toContain(problem);
    expect(code).toBe(2);
    expect(await list()).toBe(before);
    await run(host, ['sh', '-c', 'rm -r /etc/kubernetes/* /etc/other-pki']);
  });

  it('is the same by its phases one after another', async () => {
    for (const path of PHASES) {
      const { code, stderr } = await init('phase', ...path.split(' '), ...FLAGS, `--token=${TOKEN}`);
      expect([path, code, stderr]).toEqual([path, 0, '']);
    }
    expect(await kubectl(host, 'get', 'nodes', '-o', 'jsonpath={.items[*].spec.taints[*].key}')).toContain(
      'node-role.kubernetes.io/control-plane',
    );
    const daemon = () => run(host, ['pgrep', '-f', 'gantry.mjs run node ']);
    const before = await daemon();
    const again = await init(...FLAGS, `--token=${TOKEN}`);
    expect(again.stdout).toContain('phases of init were run here before, one by one: what they made is kept');
    expect(again.stdout).toContain(`gantry join ${ADDRESS}:6443 --token ${TOKEN}`);
    expect(await daemon()).toBe(before);
    // what the daemon reads is another then
    expect((await init(...FLAGS, `--token=${TOKEN}`, '--proxy-mode=iptables')).code).toBe(0);
    await waitFor('the daemon of the node to be started anew', async () => (await daemon()) !== before);
  });

  it('run again with a certificate that is over says how to renew it, and goes on then', async () => {
    const files = filesBelow(host.path('/'));
    const controlPlane = host.service('gantry-control-plane');
    for (const [name, because] of [
      ['front-proxy-client', '/etc/kubernetes/pki/front-proxy-client.crt has expired at '],
      ['admin.conf', 'the certificate in /etc/kubernetes/admin.conf has expired at '],
    ]) {
      // it would renew it at once
      controlPlane.signal('STOP');
      expect(expireCertificates(host, files, each => each === name)).toEqual([name]);
      const { code, stderr } = await init(...FLAGS, `--token=${TOKEN}`);
      expect(stderr).toContain(because);
      expect(stderr).toContain('run "gantry certs renew all", and this again');
      expect(code).not.toBe(0);
      await run(host, gantryCommand('certs', 'renew', 'all'));
      controlPlane.signal('CONT');
    }
    expect((await init(...FLAGS, `--token=${TOKEN}`)).code).toBe(0);
  });
});

describe('init by an endpoint that leads nowhere', () => {
  let host: Host;
  beforeAll(async () => {
    host = await machine();
  });
  afterAll(() => host.delete());

  it('names it where the node does not come, and so does the status', async () => {
    const text = `${CLUSTER}controlPlaneEndpoint: nosuch.example:6443
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: ${ADDRESS}}
timeouts: {kubeletHealthCheck: 10s}
`;
    put(host, '/root/c.yaml', text);
    const ignored = '--ignore-preflight-errors=NumCPU,Mem,ControlPlaneEndpoint';
    const command = gantryCommand('init', '--config=/root/c.yaml', ignored);
    const { code, stdout, stderr } = await host.exec(command, { timeoutMs: 120_000 });
    expect(stdout).toContain('[WARNING ControlPlaneEndpoint]: the name nosuch.example');
    const what =
      /the control-plane endpoint nosuch\.example:6443, by which nodes ask the API server, does not lead to it \(.*(ENOTFOUND|EAI_AGAIN).*\), which answers at https:\/\/10\.50\.0\.2:6443/;
    const remedy = `echo "${ADDRESS} nosuch.example" >>/etc/hosts`;
    expect(stderr).toMatch(what);
    expect(stderr).toContain(`waited 10 s for the node`);
    expect(stderr).toContain(remedy);
    expect(code).not.toBe(0);
    const status = await host.exec(gantryCommand('status'), { timeoutMs: 30_000 });
    expect(status.stdout).toMatch(what);
    expect(status.stdout).toContain(remedy);
    expect(status.stdout).not.toContain('gantry logs control-plane');
  });
});

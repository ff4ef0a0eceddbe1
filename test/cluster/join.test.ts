import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Node } from '../../src/api/types/gen/core-v1.ts';
import { issueClientPair } from '../../src/bootstrap/certificates/issue.ts';
import { createHost } from '../../src/local-cluster/host/create.ts';
import type { Host, HostProcess } from '../../src/local-cluster/host/host.ts';
import { attachHost } from '../../src/local-cluster/network/network.ts';
import { hostLink } from '../../src/local-cluster/network/plan.ts';
import { hostsDirOf, readClusterRecord } from '../../src/local-cluster/record.ts';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { readPrivateKey } from '../../src/pki/keys.ts';
import { CLUSTERS_DIR, TestCluster } from '../harness/cluster.ts';
import { gantryCommand, PROJECT } from '../harness/gantry-command.ts';
import { run } from '../harness/host.ts';
import { RUN_DIR } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

/** What a person waits for an answer, with the start of the program. */
const LIMIT_MS = 5000;
const HOLE = '198.51.100.7';
const UNREACHABLE = '198.51.101.7';

interface Case {
  readonly endpoint?: string;
  readonly token?: string;
  readonly pin?: string;
  readonly more?: readonly string[];
}

describe('a machine that is to join a cluster', { timeout: 120_000 }, () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  let joiner: Host;
  let servers: HostProcess;
  let endpoint = '';
  let token = '';
  let pin = '';
  let before = '';

  /** Everything that a join could leave. */
  const traces = (): Promise<string> =>
    run(joiner, ['sh', '-c', 'find /etc/kubernetes /etc/gantry /var/lib/kubelet /run/gantry 2>/dev/null | sort']);
  const join = async ({ endpoint: where = endpoint, token: by = token, pin: hash = pin, more = [] }: Case) => {
    const argv = gantryCommand(
      'join',
      ...(where === '' ? [] : [where]),
      ...(by === '' ? [] : [`--token=${by}`]),
      ...(hash === '' ? [] : [`--discovery-token-ca-cert-hash=${hash}`]),
      `--node-name=${cluster.name}-joiner`,
      `--node-ip=${hostLink(cluster.name, readClusterRecord(cluster.name, CLUSTERS_DIR).network, 1).address}`,
      ...more,
    );
    const started = performance.now();
    const answer = await joiner.exec(argv, { timeoutMs: 60_000 });
    return { ...answer, ms: performance.now() - started };
  };

  beforeAll(async () => {
    await cluster.create();
    const record = readClusterRecord(cluster.name, CLUSTERS_DIR);
    const [first] = record.nodes;
    endpoint = `${first?.address}:${record.apiServerPort}`;
    const printed = await cluster.onNode('control-plane', ...gantryCommand('token', 'create', '--print-join-command'));
    [, token = '', pin = ''] = /--token (\S+)[\s\S]*--discovery-token-ca-cert-hash (\S+)/.exec(printed) ?? [];
    joiner = await createHost({
      name: `${cluster.name}-joiner`,
      hostsDir: hostsDirOf(cluster.name, CLUSTERS_DIR),
      resolvConf: `nameserver ${HOLE}\n`,
    });
    attachHost(joiner.pid1.pid, record.network, hostLink(cluster.name, record.network, 1));
    for (const command of [
      'ip link add hole type veth peer name hole2',
      'ip link set hole up',
      'ip link set hole2 up',
      'ip route add 198.51.100.0/24 dev hole',
      `ip neigh add ${HOLE} lladdr 02:00:00:00:00:01 dev hole nud permanent`,
      'ip route add unreachable 198.51.101.0/24',
    ])
      await run(joiner, command.split(' '));
    const key = readFileSync(cluster.host('control-plane').path('/etc/kubernetes/pki/ca.key'), 'utf8');
    const issuer = {
      certificate: parseCertificate(readFileSync(cluster.host('control-plane').path('/etc/kubernetes/pki/ca.crt'))),
      key: readPrivateKey(key),
    };
    const pair = issueClientPair(issuer, { commonName: 'strange', organizations: [] }, Date.now(), 86_400_000);
    writeFileSync(joiner.path('/root/strange.pem'), `${pair.cert}${pair.key}`);
    const logFile = `${RUN_DIR}/${cluster.name}-strange.log`;
    const kinds = '7001=plain-http 7002=web-site 7003=not-initialized 7004=three-hours-ahead 7005=silent 7006=hangs-up';
    const script = `${PROJECT}/test/harness/strange-servers.mjs`;
    servers = joiner.spawn([process.execPath, script, '/root/strange.pem', ...kinds.split(' ')], { logFile });
    await waitFor('the strange servers', () => readFileSync(logFile, 'utf8').includes('listening'));
    before = await traces();
  }, 180_000);
  afterAll(async () => {
    servers?.kill();
    await joiner?.delete();
    await cluster.delete();
  });

  it.each<[string, () => Case, RegExp]>([
    [
      'no cluster to join',
      () => ({ endpoint: '', token: '', pin: '' }),
      /which cluster\? Give HOST:PORT.*gantry token create --print-join-command/,
    ],
    ['an address without a port', () => ({ endpoint: '10.0.0.1' }), /"10.0.0.1" is not HOST:PORT/],
    ['what is no token', () => ({ token: 'abc' }), /the bootstrap token is not of the form/],
    [
      'no pin',
      () => ({ pin: '' }),
      /give --discovery-token-ca-cert-hash.*or --discovery-token-unsafe-skip-ca-verification/,
    ],
    ['what is no pin', () => ({ pin: 'sha256:12' }), /invalid discovery token CA certificate hash "sha256:12"/],
    [
      'the pin of another CA',
      () => ({ pin: `sha256:${'0'.repeat(64)}` }),
      /its key is sha256:[0-9a-f]{64}, not sha256:0{64}\. Either this is another cluster/,
    ],
    [
      'a token that the cluster does not know',
      () => ({ token: 'aaaaaa.0123456789abcdef' }),
      /token id "aaaaaa" is invalid for this cluster or it has expired.*gantry token create --print-join-command/,
    ],
    [
      'a token with another secret',
      () => ({ token: `${token.slice(0, 7)}0000000000000000` }),
      /failed to verify JWS signature.*gantry token create --print-join-command/,
    ],
    [
      'the name of a node that is alive',
      () => ({ more: [`--node-name=${cluster.name}-control-plane`] }),
      /a Node with name ".*-control-plane" and status "Ready" already exists.*kubectl delete node.*--node-name/,
    ],
    ['what is no node name', () => ({ more: ['--node-name=a_b'] }), /"a_b" is no node name/],
    [
      'a port where nobody listens',
      () => ({ endpoint: '127.0.0.1:7000' }),
      /nothing listens at 127.0.0.1:7000 \(connection refused\)/,
    ],
    ['a black hole', () => ({ endpoint: `${HOLE}:6443` }), /198.51.100.7:6443 did not answer within 2.5 s.*firewall/],
    [
      'an address without a route',
      () => ({ endpoint: `${UNREACHABLE}:6443` }),
      /there is no route to 198.51.101.7:6443/,
    ],
    [
      'a name, and no name server answers',
      () => ({ endpoint: 'api.example:6443' }),
      /the name api.example could not be resolved, because no name server answers: check \/etc\/resolv.conf/,
    ],
    [
      'a server that speaks no TLS',
      () => ({ endpoint: '127.0.0.1:7001' }),
      /what listens at 127.0.0.1:7001 does not speak HTTPS/,
    ],
    [
      'a web site',
      () => ({ endpoint: '127.0.0.1:7002' }),
      /what answers at https:\/\/127.0.0.1:7002 is no Kubernetes API server \(HTTP 404, text\/html\)/,
    ],
    [
      'a cluster without cluster-info',
      () => ({ endpoint: '127.0.0.1:7003' }),
      /has no ConfigMap "cluster-info".*gantry init phase bootstrap-token/,
    ],
    [
      'a control plane whose clock is ahead',
      () => ({ endpoint: '127.0.0.1:7004' }),
      /\[ERROR ClockSkew\]: this machine's clock says .* and the control plane's .*, (3 h|2 h 59 min) later: .*timedatectl set-ntp true/,
    ],
    [
      'a server that says nothing',
      () => ({ endpoint: '127.0.0.1:7005' }),
      /127.0.0.1:7005 did not answer within 2.5 s/,
    ],
    [
      'a server that hangs up',
      () => ({ endpoint: '127.0.0.1:7006' }),
      /127.0.0.1:7006 ended the connection before it answered/,
    ],
    [
      'a discovery file that is not there',
      () => ({ endpoint: '', token: '', pin: '', more: ['--discovery-file=/none'] }),
      /--discovery-file: ENOENT/,
    ],
    [
      'the wish to be a control plane',
      () => ({ more: ['--control-plane', '--certificate-key=ab'] }),
      /a cluster has one control plane, and further machines join as nodes;.*: leave --control-plane and --certificate-key out/,
    ],
    [
      'half of that wish',
      () => ({ endpoint: '', token: '', pin: '', more: ['--apiserver-advertise-address=10.0.0.1'] }),
      /a cluster has one control plane.*: leave --apiserver-advertise-address out/,
    ],
    [
      'a label that no node may give itself',
      () => ({ more: ['--node-labels=node-role.kubernetes.io/worker='] }),
      /unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels.*kubectl label node NAME node-role.kubernetes.io\/worker=/,
    ],
    ['what is no label', () => ({ more: ['--node-labels=a=b=c'] }), /--node-labels: "a=b=c" is no label/],
    ['what is no address', () => ({ more: ['--node-ip=10.0.0.x'] }), /--node-ip: "10.0.0.x" is not an IP address/],
    [
      'an address that the machine has not got',
      () => ({ more: ['--node-ip=192.0.2.77'] }),
      /\[ERROR NodeIP\]: this machine has no address 192.0.2.77, at which its node is to be reached: it has \S+\n.*--node-ip/,
    ],
    [
      'a phase that there is not',
      () => ({ more: ['--skip-phases=dance'] }),
      /--skip-phases: there is no phase "dance"; there are preflight, kubelet-start/,
    ],
  ])('is told within 5 s what is wrong with %s, and is left as it was', async (_, words, reason) => {
    // a machine that does too much else may stop a program for seconds: it is asked again then
    const { code, stdout, stderr } = await waitFor(
      `an answer within ${LIMIT_MS} ms`,
      async saw => {
        const answer = await join(words());
        saw(answer);
        return answer.ms < LIMIT_MS && answer;
      },
      { timeoutMs: 100_000 },
    );
    expect(stderr).toMatch(reason);
    expect(stderr + stdout).not.toContain(token.slice(7));
    expect(code).not.toBe(0);
    expect(await traces()).toBe(before);
  });

  it('is told what would be done by --dry-run, by a discovery file, and is left as it was', async () => {
    const info = await kubectl.ok('get configmap cluster-info -n kube-public -o jsonpath={.data.kubeconfig}');
    writeFileSync(joiner.path('/root/discovery.conf'), info);
    const { code, stdout, stderr } = await join({
      endpoint: '',
      token: '',
      pin: '',
      more: ['--dry-run', '--discovery-file=/root/discovery.conf', `--tls-bootstrap-token=${token}`],
    });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('[dryrun] Would write file "/etc/kubernetes/bootstrap-kubelet.conf" (mode 0600)');
    expect(stdout).toContain('[dryrun] Would start gantry-node');
    expect(stdout).not.toContain(token);
    expect(await traces()).toBe(before);
  });

  it('is told by --config what it would be by flags, which cannot stand beside it', async () => {
    const config = {
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'JoinConfiguration',
      discovery: { bootstrapToken: { token, apiServerEndpoint: endpoint, caCertHashes: [pin] } },
      nodeRegistration: { taints: [{ key: 'new', effect: 'NoSchedule' }], imagePullSerial: false },
    };
    const kubelet = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration', maxPods: 5 };
    writeFileSync(joiner.path('/root/join.yaml'), `${JSON.stringify(config)}\n---\n${JSON.stringify(kubelet)}`);
    const none = { endpoint: '', token: '', pin: '' };
    const { code, stdout, stderr } = await join({ ...none, more: ['--config=/root/join.yaml', '--dry-run'] });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('--register-with-taints=new=:NoSchedule');
    expect(stdout.split('\n').filter(line => line.startsWith('[config] WARNING'))).toEqual([
      '[config] WARNING: the document of kind KubeletConfiguration is not for join, and ignored',
      '[config] WARNING: JoinConfiguration: nodeRegistration.imagePullSerial is not heeded: no part of a cluster is an image here, and none is pulled',
    ]);
    const mixed = await join({ ...none, token, more: ['--config=/root/join.yaml'] });
    expect(mixed.stderr).toContain("can not mix '--config' with arguments [token]");
    writeFileSync(joiner.path('/root/join.yaml'), 'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n');
    expect((await join({ ...none, more: ['--config=/root/join.yaml'] })).stderr).toMatch(
      /kind "Pod" is not taken here/,
    );
    writeFileSync(
      joiner.path('/root/join.yaml'),
      JSON.stringify({ ...config, kind: 'InitConfiguration', discovery: undefined }),
    );
    expect((await join({ ...none, more: ['--config=/root/join.yaml'] })).stderr).toContain(
      'there is no JoinConfiguration in it',
    );
    writeFileSync(joiner.path('/root/join.yaml'), JSON.stringify({ ...config, controlPlane: {} }));
    expect((await join({ ...none, more: ['--config=/root/join.yaml'] })).stderr).toMatch(
      /join.yaml:\d+:\d+: controlPlane: Forbidden: a cluster has one control plane, and further machines join as nodes/,
    );
    writeFileSync(joiner.path('/root/join.yaml'), JSON.stringify({ ...config, discovry: {} }));
    expect((await join({ ...none, more: ['--config=/root/join.yaml'] })).stderr).toMatch(/join.yaml.*discovry/);
    expect(await traces()).toBe(before);
  });

  it('is told that it has an address in a network of the cluster, and is left as it was', async () => {
    await run(joiner, ['ip', 'address', 'add', '10.96.7.7/32', 'dev', 'hole']);
    try {
      const { code, stderr } = await join({});
      expect(stderr).toContain(
        '[ERROR ServiceCIDR]: the address 10.96.7.7 (hole) of this machine is in the network of Services of the cluster, 10.96.0.0/12',
      );
      expect(code).toBe(2);
      expect(await traces()).toBe(before);
    } finally {
      await run(joiner, ['ip', 'address', 'del', '10.96.7.7/32', 'dev', 'hole']);
    }
  });

  it('is told what to give where there is no default route to tell its address by', async () => {
    const [route = ''] = (await run(joiner, ['ip', 'route', 'show', 'default'])).split('\n');
    if (route !== '') await run(joiner, ['ip', 'route', 'del', 'default']);
    const words = [endpoint, `--token=${token}`, `--discovery-token-ca-cert-hash=${pin}`];
    const { code, stderr } = await joiner.exec(gantryCommand('join', ...words));
    if (route !== '') await run(joiner, ['sh', '-c', `ip route add ${route}`]);
    expect(stderr).toBe("gantry: there is no default route to tell this machine's address by: give --node-ip\n");
    expect(code).not.toBe(0);
    expect(await traces()).toBe(before);
  });

  it('joins, phase by phase, and is a node; its token is not left behind, and nodes that are no neighbours are told of', async () => {
    const far = `${cluster.name}-far`;
    await kubectl.given([{ apiVersion: 'v1', kind: 'Node', metadata: { name: far } }]).ok('create -f -');
    const addresses = [{ type: 'InternalIP', address: '203.0.113.9' }];
    await kubectl.ok(`patch node ${far} --subresource=status -p`, JSON.stringify({ status: { addresses } }));
    let said = '';
    for (const phase of ['preflight', 'kubelet-start', 'kubelet-wait-bootstrap']) {
      const argv = ['phase', phase, endpoint, `--token=${token}`, `--discovery-token-ca-cert-hash=${pin}`];
      const name = `--node-name=${cluster.name}-joiner`;
      const ip = `--node-ip=${hostLink(cluster.name, readClusterRecord(cluster.name, CLUSTERS_DIR).network, 1).address}`;
      said = await run(joiner, gantryCommand('join', ...argv, name, ip));
    }
    expect(said).toContain(`[WARNING PodNetwork]: pods here and on ${far} (203.0.113.9, `);
    expect(said).not.toContain('control-plane (');
    await kubectl.ok(`delete node ${far}`);
    await waitFor('the node', async () => {
      const node = JSON.parse(await kubectl.ok(`get node ${cluster.name}-joiner -o json`)) as Node;
      return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    });
    expect(await run(joiner, ['sh', '-c', `grep -rl ${token.slice(7)} /etc /var/lib/kubelet /var/log || true`])).toBe(
      '',
    );
  });

  it('is that node and no other: under another name, or with the pin of another cluster, it is told to be reset first', async () => {
    const started = () => run(joiner, ['sh', '-c', 'cat /run/host-services/gantry-node/run']);
    const before = await started();
    const told = /run "gantry reset" first/;
    for (const { more = [], pin: hash = pin } of [
      { more: [`--node-name=${cluster.name}-other`] },
      { pin: `sha256:${'0'.repeat(64)}` },
    ] satisfies Case[]) {
      const { code, stdout, stderr } = await join({ more, pin: hash });
      expect(stderr).toMatch(told);
      expect([code === 0, stdout.includes('This node has joined')]).toEqual([false, false]);
      const phase = await joiner.exec(
        gantryCommand(
          'join',
          'phase',
          'kubelet-start',
          endpoint,
          `--token=${token}`,
          `--discovery-token-ca-cert-hash=${hash}`,
          `--node-name=${cluster.name}-joiner`,
          ...more,
        ),
      );
      expect(phase.stderr).toMatch(told);
    }
    expect(await started()).toBe(before);
    expect((await join({ token: 'abcdef.0123456789abcdef' })).stdout).toContain('This node has joined the cluster');
  });

  it('has its tokens listed and deleted, and made once', async () => {
    const token = (...words: string[]) =>
      cluster.run(['exec', 'control-plane', '--', ...gantryCommand('token', ...words)]);
    const made = (await token('create', '--ttl=1h', '--description=for one rack', '--usages=signing')).out.trim();
    expect((await token('list')).out).toMatch(
      new RegExp(
        `^TOKEN +TTL +EXPIRES +USAGES +DESCRIPTION +EXTRA GROUPS\n[\\s\\S]*${made} +(59m|1h) .*signing +for one rack +system:boot`,
      ),
    );
    const documents = (await token('list', '-o', 'json')).out;
    expect(documents).toContain(`"token": "${made}"`);
    const twice = await token('create', made);
    expect([twice.code, twice.err]).toEqual([
      1,
      expect.stringContaining(`a token with id "${made.slice(0, 6)}" already exists`),
    ]);
    const config = cluster.host('control-plane').path('/root/tokens.yaml');
    const tokens = ['abcdef.0123456789abcdef', 'ghijkl.0123456789abcdef'];
    const bootstrapTokens = tokens.map(each => ({ token: each, ttl: '1h', description: 'of a file' }));
    writeFileSync(
      config,
      JSON.stringify({ apiVersion: 'kubeadm.k8s.io/v1beta4', kind: 'InitConfiguration', bootstrapTokens }),
    );
    const mixed = await token('create', '--config=/root/tokens.yaml', '--ttl=1h');
    expect([mixed.code, mixed.err]).toEqual([1, "gantry: can not mix '--config' with arguments [ttl]\n"]);
    const printed = await token('create', '--config=/root/tokens.yaml', '--print-join-command');
    expect(printed.out).toMatch(
      /^gantry join \S+ --token abcdef\.0123456789abcdef --discovery-token-ca-cert-hash \S+\n$/,
    );
    expect((await token('list')).out.match(/^(abcdef|ghijkl)\.\w+ +(59m|1h) .* of a file /gm)).toHaveLength(2);
    const control = await token('create', '--print-join-command', '--certificate-key=ab');
    expect(control.err).toContain('a cluster has one control plane');
    await token('delete', ...tokens);
    expect((await token('delete', made)).out).toBe(`bootstrap token "${made.slice(0, 6)}" deleted\n`);
    const gone = await token('delete', made.slice(0, 6));
    expect([gone.code, gone.err]).toEqual([1, expect.stringContaining('the cluster knows none of this id')]);
  });

  const gantry = (...words: string[]) => cluster.onNode('control-plane', ...gantryCommand(...words));

  it('meets certificates that are told of, and renewed at once in the running server', async () => {
    expect(await gantry('certs', 'check-expiration')).toMatch(
      /^CERTIFICATE +EXPIRES[\s\S]*\napiserver +\w+ \d\d, \d{4} .* 364d +ca +no/,
    );
    const file = cluster.host('control-plane').path('/etc/kubernetes/pki/apiserver.crt');
    const before = readFileSync(file, 'utf8');
    expect(await gantry('certs', 'renew', 'all')).toMatch(
      /certificate for serving the Kubernetes API renewed: it holds until 20[\s\S]*nothing has to be restarted/,
    );
    expect(readFileSync(file, 'utf8')).not.toBe(before);
    const wanted = parseCertificate(readFileSync(file)).fingerprint256;
    const address = readClusterRecord(cluster.name, CLUSTERS_DIR).nodes[0]?.address ?? '';
    await waitFor('the API server to show the new one', async () => (await shownBy(address, 6443)) === wanted);
    expect(await kubectl.ok('get --raw /readyz')).toBe('ok');
  });

  it('meets other users, who have kubeconfigs of their own', async () => {
    const text = await gantry('kubeconfig', 'user', '--client-name=jane', '--org=devs,ops', '--validity-period=1h');
    const map = await kubectl.ok(
      'get configmap kubeadm-config -n kube-system -o jsonpath={.data.ClusterConfiguration}',
    );
    writeFileSync(cluster.host('control-plane').path('/root/cluster.yaml'), map);
    const byFile = await gantry('kubeconfig', 'user', '--client-name=jane', '--config=/root/cluster.yaml');
    const server = (config: string): string | undefined => /server: \S+/.exec(config)?.[0];
    expect(server(byFile)).toBe(server(text));
    expect(await gantry('certs', 'check-expiration', '--config=/root/cluster.yaml')).toMatch(/^CERTIFICATE +EXPIRES/);
    const kubeconfig = `${RUN_DIR}/${cluster.name}-jane.kubeconfig`;
    writeFileSync(kubeconfig, text);
    const who = JSON.parse(await kubectl.ok(`--kubeconfig=${kubeconfig} auth whoami -o json`)) as {
      status: { userInfo: { username: string; groups: string[] } };
    };
    expect(who.status.userInfo).toMatchObject({
      username: 'jane',
      groups: expect.arrayContaining(['devs', 'ops', 'system:authenticated']),
    });
  });
});

function shownBy(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '');
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

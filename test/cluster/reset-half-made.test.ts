import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { caPin } from '../../src/bootstrap/ca-pin.ts';
import { filesBelow } from '../../src/bootstrap/files.ts';
import { FAULT_POINTS } from '../../src/linux/fault-point.ts';
import { createHost } from '../../src/local-cluster/host/create.ts';
import type { Host } from '../../src/local-cluster/host/host.ts';
import { attachHost } from '../../src/local-cluster/network/network.ts';
import { hostLink } from '../../src/local-cluster/network/plan.ts';
import { readClusterRecord } from '../../src/local-cluster/record.ts';
import { CLUSTERS_DIR, TestCluster } from '../harness/cluster.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { run } from '../harness/host.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import type { MachineSnapshot } from '../harness/machine-snapshot.ts';
import { seededRandom } from '../harness/random.ts';
import { difference, INIT, KILLED, kubectl, machine, RESET, SLOW, snapshot } from '../harness/reset-machine.ts';
import { RUN_DIR } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

const TOKEN = {
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'bootstrap.kubernetes.io/token',
  metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' },
  stringData: {
    'token-id': 'abcdef',
    'token-secret': '0123456789abcdef',
    'usage-bootstrap-authentication': 'true',
    'usage-bootstrap-signing': 'true',
    'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
  },
};
/** All of them under GANTRY_SOAK=1. */
const random = seededRandom();
function sample<T>(values: readonly T[], count: number): T[] {
  const shuffled = values.map(value => ({ value, at: random.next() })).sort((a, b) => a.at - b.at);
  return shuffled.slice(0, process.env['GANTRY_SOAK'] === '1' ? values.length : count).map(({ value }) => value);
}

describe(`gantry reset after an init that was killed (GANTRY_SEED=${random.seed})`, () => {
  let host: Host;
  let before: MachineSnapshot;
  beforeAll(async () => {
    host = await machine();
    before = await snapshot(host);
  });
  afterAll(() => host.delete());

  const ends = [
    'reset/node-stopped',
    'reset/pods-stopped',
    'reset/daemons-stopped',
    'reset/thing-removed:1',
    'reset/thing-removed:9',
    'reset/all-removed',
  ];
  const phases = FAULT_POINTS.filter(point => point.startsWith('bootstrap/init/'));
  it.each(sample(phases, 3))('at %s leaves nothing, killed itself and run again', async point => {
    expect((await host.exec(INIT, { env: { GANTRY_FAULT: point } })).code).toBe(KILLED);
    for (const end of sample(ends, 2)) await host.exec(RESET, { env: { GANTRY_FAULT: end } });
    await run(host, RESET, SLOW);
    expect(await difference(host, before)).toEqual([]);
  });

  it('leaves nothing of one without preflight', async () => {
    const env = { GANTRY_FAULT: 'bootstrap/init/etcd' };
    expect((await host.exec([...INIT, '--skip-phases=preflight'], { env })).code).toBe(KILLED);
    await run(host, RESET, SLOW);
    expect(await difference(host, before)).toEqual([]);
  });

  it('has nothing to take away that everybody may write, whatever the umask was', async () => {
    await run(host, ['sh', '-c', 'umask 0; exec "$@"', 'sh', ...INIT], SLOW);
    const tops = [
      '/etc/kubernetes',
      '/etc/gantry',
      '/etc/cni',
      '/opt/cni',
      '/var/lib/etcd',
      '/var/lib/kubelet',
      '/run/gantry',
    ];
    // links have no modes, and what pods make of their own is theirs
    const open = ['find', ...tops, '-perm', '/022', '!', '-type', 'l', '!', '-path', '/var/lib/kubelet/pods/*'];
    expect(await run(host, [...open, '-print'])).toBe('');
    expect(
      await run(host, ['stat', '--format=%a', '/etc/kubernetes/pki', '/etc/kubernetes/pki/ca.key', '/var/lib/etcd']),
    ).toBe('755\n600\n700\n');
    await run(host, RESET, SLOW);
    expect(await difference(host, before)).toEqual([]);
  });

  it('leaves nothing of phases that were run alone, and of an init after them with other places', async () => {
    const init = (...words: string[]) => run(host, gantryCommand('init', ...words), SLOW);
    const own = '/etc/kubernetes/of-the-admin';
    await run(host, ['sh', '-c', `mkdir ${own} && touch ${own}/notes.txt`]);
    const withNotes = await snapshot(host);
    await init('phase', 'certs', 'all', `--cert-dir=${own}`, '--apiserver-advertise-address=10.50.0.2');
    // as after one that was killed before it left word of what it was told
    await run(host, ['rm', '/etc/gantry/init-configuration.yaml']);
    const [file, env] = ['/run/places.yaml', { GANTRY_FAULT: 'bootstrap/init/etcd' }];
    const documents = [
      { kind: 'InitConfiguration', localAPIEndpoint: { advertiseAddress: '10.50.0.2' } },
      {
        kind: 'ClusterConfiguration',
        certificatesDir: '/etc/kubernetes/mine',
        etcd: { local: { dataDir: '/var/lib/etcd/mine' } },
      },
    ].map(document => JSON.stringify({ apiVersion: 'kubeadm.k8s.io/v1beta4', ...document }));
    writeFileSync(host.path(file), documents.join('\n---\n'));
    const ended = await host.exec(gantryCommand('init', `--config=${file}`, '--ignore-preflight-errors=NumCPU,Mem'), {
      env,
    });
    expect([ended.code, ended.stderr]).toEqual([KILLED, '']);
    expect(existsSync(host.path('/var/lib/etcd/mine/member'))).toBe(true);
    const said = await run(host, RESET, SLOW);
    rmSync(host.path(file));
    expect(said).toContain(`Left as it is: ${own}/notes.txt (no key of the cluster that Gantry made)`);
    expect(said).toContain('Removed /var/lib/etcd/mine/member');
    expect(await difference(host, withNotes)).toEqual([]);
    await run(host, ['rm', '-r', own]);
  });
});

describe('gantry reset of a node that has joined', () => {
  const cluster = new TestCluster();
  const admin = '/run/admin.conf';
  let host: Host;
  let join: readonly string[];
  let before: MachineSnapshot;

  beforeAll(async () => {
    await cluster.create();
    const first = cluster.host('control-plane');
    const { network, nodes } = readClusterRecord(cluster.name, CLUSTERS_DIR);
    host = await createHost({ name: `${cluster.name}-joins`, hostsDir: `${RUN_DIR}/hosts` });
    attachHost(host.pid1.pid, network, hostLink(cluster.name, network, nodes.length));
    writeFileSync(host.path(admin), readFileSync(first.path('/etc/kubernetes/admin.conf')), { mode: 0o600 });
    await kubectl(first, 'apply -f -', TOKEN);
    join = gantryCommand(
      'join',
      `${nodes[0]?.address}:${readClusterRecord(cluster.name, CLUSTERS_DIR).apiServerPort}`,
      '--token=abcdef.0123456789abcdef',
      `--discovery-token-ca-cert-hash=${caPin(filesBelow(first.path('/')))}`,
    );
    await waitFor(
      'addresses to be ready',
      async () => (await run(host, ['ip', '-6', 'addr', 'show', 'tentative'])) === '',
    );
    before = await snapshot(host);
  });
  afterAll(async () => {
    await host.delete();
    await cluster.delete();
  });

  it.each(
    sample(
      FAULT_POINTS.filter(point => point.startsWith('bootstrap/join/')),
      1,
    ),
  )('killed at %s leaves nothing', async point => {
    expect((await host.exec(join, { env: { GANTRY_FAULT: point } })).code).toBe(KILLED);
    // a Node that is Ready by its last word keeps its name
    await run(host, [...RESET, '--delete-node', `--kubeconfig=${admin}`]);
    expect(await difference(host, before)).toEqual([]);
  });

  it('leaves nothing of one that keeps the CA where its configuration says', async () => {
    const [endpoint = '', token = '', pin = ''] = join.slice(-3);
    const saidBy = (flag: string): string => flag.slice(flag.indexOf('=') + 1);
    const configuration = {
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'JoinConfiguration',
      caCertPath: '/etc/cluster-pki/cluster.crt',
      discovery: {
        bootstrapToken: { apiServerEndpoint: endpoint, token: saidBy(token), caCertHashes: [saidBy(pin)] },
      },
    };
    writeFileSync(host.path('/run/join.yaml'), JSON.stringify(configuration));
    await run(host, gantryCommand('join', '--config=/run/join.yaml'), SLOW);
    const kubelet = readFileSync(host.path('/var/lib/kubelet/config.yaml'), 'utf8');
    expect(kubelet).toContain('clientCAFile: /etc/cluster-pki/cluster.crt');
    expect(existsSync(host.path('/etc/kubernetes/pki/ca.crt'))).toBe(false);
    await run(host, [...RESET, '--delete-node', `--kubeconfig=${admin}`]);
    rmSync(host.path('/run/join.yaml'));
    expect(await difference(host, before)).toEqual([]);
  });

  it('deletes the Node that this machine is, and not that of another one which has its host name', async () => {
    const first = cluster.host('control-plane');
    await kubectl(first, 'apply -f -', [{ apiVersion: 'v1', kind: 'Node', metadata: { name: host.name } }]);
    await run(host, [...join, '--node-name=worker-a'], SLOW);
    const refused = await host.exec([...RESET, '--delete-node', `--node-name=${host.name}`, `--kubeconfig=${admin}`]);
    expect([refused.code, refused.stderr.toString()]).toEqual([
      3,
      expect.stringContaining(`this machine is not the node "${host.name}" but "worker-a"`),
    ]);
    const said = await run(host, [...RESET, '--delete-node', `--kubeconfig=${admin}`]);
    expect(said).toContain('Deleted the Node "worker-a"');
    expect(await run(host, [...RESET, '--delete-node', `--kubeconfig=${admin}`])).toContain('No Node is deleted: ');
    expect((await kubectl(first, 'get nodes -o name')).split('\n').toSorted()).toEqual(
      ['', `node/${first.name}`, `node/${host.name}`].toSorted(),
    );
    await kubectl(first, `delete node ${host.name}`);
    expect(await difference(host, before)).toEqual([]);
  });

  it('leaves nothing after it ran pods, and deletes the Node when it is asked to', async () => {
    await run(host, join, SLOW);
    await run(host, gantryCommand('image', 'import', await imageArchive(BUSYBOX)));
    const first = cluster.host('control-plane');
    const pods = ['a', 'b', 'c'].map(name => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: { nodeName: host.name, containers: [{ name: 'c', image: BUSYBOX, command: ['sh', '-c', 'sleep 1000'] }] },
    }));
    await waitFor('the account of the namespace', () => kubectl(first, 'get serviceaccount default'));
    await kubectl(first, 'apply -f -', pods);
    await kubectl(first, 'wait --for=condition=Ready pod --all --timeout=60s');
    await waitFor('the route to the control plane', async () =>
      (await run(host, ['ip', 'route'])).includes('proto 103'),
    );
    const said = await run(host, [...RESET, '--delete-node', `--kubeconfig=${admin}`]);
    expect(said).toContain(`Deleted the Node "${host.name}"`);
    expect(said).toContain('Stopped 3 pods');
    expect(await difference(host, before)).toEqual([]);
    expect(await kubectl(first, 'get nodes -o name')).toBe(`node/${first.name}\n`);
  });
});

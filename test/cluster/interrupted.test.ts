import { afterEach, describe, expect, it } from 'vitest';
import { FAULT_POINTS } from '../../src/linux/fault-point.ts';
import { TestCluster } from '../harness/cluster.ts';
import { gantryCommand } from '../harness/gantry-command.ts';
import { run, withHost } from '../harness/host.ts';
import { difference, INIT, KILLED, kubectl, machine, RESET, SLOW, snapshot } from '../harness/reset-machine.ts';
import { waitFor } from '../harness/wait-for.ts';

/** How many nodes it takes to pass a place. */
const NODES: Readonly<Record<string, number>> = { 'cluster/create/joined': 2 };

const clusters: TestCluster[] = [];
function newCluster(): TestCluster {
  const cluster = new TestCluster();
  clusters.push(cluster);
  return cluster;
}
afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.delete();
});

describe('cluster create', () => {
  it.each(FAULT_POINTS.filter(point => point.startsWith('cluster/create/')))(
    'killed at %s leaves what delete takes away',
    async point => {
      const cluster = newCluster();
      const words = ['create', `--kubeconfig=${cluster.kubeconfig}`, `--nodes=${NODES[point] ?? 1}`];
      const killed = await cluster.run(words, { GANTRY_FAULT: point });
      expect(killed.code).toBe(KILLED);
      expect((await cluster.run(['create'])).err).toContain('delete it with');
      await cluster.delete();
      expect(await cluster.remains()).toEqual([]);
    },
  );

  it('interrupted at the terminal takes away what it made and says so', async () => {
    const cluster = newCluster();
    const creating = cluster.start(['create', `--kubeconfig=${cluster.kubeconfig}`]);
    await waitFor('the control plane to be made', () => creating.seen().includes('[etcd]'), { pauseMs: 5 });
    creating.child.kill('SIGINT');
    expect(await creating.exited()).toBe(1);
    expect(creating.seen()).toContain('gantry: interrupted by SIGINT');
    expect(await cluster.remains()).toEqual([]);
  });

  it('without root says to use sudo', async () => {
    const [node = '', ...args] = gantryCommand('cluster', 'create', '--name=nobody', '--clusters-dir=/var/tmp/nobody');
    const answer = await withHost(host => host.exec(['setpriv', '--reuid=65534', '--clear-groups', node, ...args]));
    expect(answer).toMatchObject({ code: 1, stderr: 'gantry: making a cluster needs root: run it with sudo\n' });
  });

  it('names the package of a missing program', async () => {
    const cluster = newCluster();
    const hidden = await withHost(async host => {
      await run(host, ['mount', '--bind', '/dev/null', (await run(host, ['sh', '-c', 'command -v conmon'])).trim()]);
      const [node = '', ...args] = gantryCommand('cluster', 'create', `--name=${cluster.name}`);
      return host.exec([node, ...args]);
    });
    expect(hidden.stderr).toBe('gantry: conmon not found on PATH: apt-get install conmon\n');
  });
});

describe('cluster delete', () => {
  it('killed between any two of its steps is finished by the next one', async () => {
    const cluster = newCluster();
    await cluster.create();
    for (const point of FAULT_POINTS.filter(each => each.startsWith('cluster/delete/')))
      expect((await cluster.run(['delete'], { GANTRY_FAULT: point })).code).toBe(KILLED);
    await cluster.delete();
    expect(await cluster.remains()).toEqual([]);
    expect((await cluster.run(['delete'])).err).toContain(`there is no cluster "${cluster.name}"`);
  });
});

describe('init', () => {
  it('killed after any of its phases is finished by the next one', async () => {
    await withHost(async host => {
      await run(host, [
        'sh',
        '-c',
        'ip link add eth0 type bridge; ip addr add 10.50.0.2/24 dev eth0; ip link set eth0 up',
      ]);
      await run(host, ['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
      const init = gantryCommand(
        'init',
        '--apiserver-advertise-address=10.50.0.2',
        '--ignore-preflight-errors=NumCPU,Mem',
      );
      for (const point of FAULT_POINTS.filter(each => each.startsWith('bootstrap/init/')))
        expect((await host.exec(init, { env: { GANTRY_FAULT: point } })).code, point).toBe(KILLED);
      expect(await run(host, init)).toContain('Your Kubernetes control-plane has initialized successfully!');
      expect(await run(host, ['cat', '/etc/kubernetes/admin.conf'])).toContain('https://10.50.0.2:6443');
    });
  });

  it('whose output nobody reads any more makes its node, and so does a reset its work', async () => {
    const host = await machine();
    try {
      const head = (argv: readonly string[]) =>
        host.exec(['bash', '-o', 'pipefail', '-c', '"$@" | head -n 1', 'bash', ...argv], SLOW);
      const before = await snapshot(host);
      const version = '[init] Using Kubernetes version: v';
      expect(await head(INIT)).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining(version) });
      await kubectl(host, `wait --for=condition=Ready node/${host.name} --timeout=60s`);
      expect(await head(RESET)).toMatchObject({ code: 0, stderr: '' });
      expect(await difference(host, before)).toEqual([]);
    } finally {
      await host.delete();
    }
  });
});

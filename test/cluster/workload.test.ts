import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../src/linux/command.ts';
import { TestCluster } from '../harness/cluster.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { waitFor } from '../harness/wait-for.ts';

const WEB = [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              name: 'web',
              image: BUSYBOX,
              command: ['sh', '-c', 'mkdir /w; hostname >/w/index.html; echo serving; exec httpd -f -p 8080 -h /w'],
              readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
  },
];

async function ask(url: string): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(3000) });
  return (await answer.text()).trim();
}

describe('a workload on two nodes', () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  const podNames = async (): Promise<string[]> =>
    (await kubectl.ok('get pods -l app=web -o jsonpath={.items[*].metadata.name}')).split(' ');
  let url = '';

  beforeAll(async () => {
    await cluster.create('--nodes', '2');
    const loaded = await cluster.run(['load image', await imageArchive(BUSYBOX)]);
    expect(loaded).toMatchObject({ code: 0, err: '' });
    await kubectl.given(WEB).ok('apply -f -');
    await kubectl.ok('rollout status deployment/web --timeout=60s');
    url = (await cluster.service('web', '--url')).trim();
  });
  afterAll(() => cluster.delete());

  it('is ready at once, since the cluster is', async () => {
    expect((await cluster.run(['status'])).code).toBe(0);
    expect(await kubectl.ok('get deployment web -o jsonpath={.status.readyReplicas}')).toBe('3');
  });

  it('answers the machine at the node port of every node, from each of its pods', async () => {
    const names = await podNames();
    const { port } = new URL(url);
    const addresses = (
      await kubectl.ok('get nodes -o', 'jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}')
    ).split(' ');
    expect(addresses).toHaveLength(2);
    const seen = new Set<string>();
    await waitFor('answers of all pods', async saw => {
      for (const address of addresses) seen.add(await ask(`http://${address}:${port}`));
      saw([...seen]);
      return names.every(name => seen.has(name));
    });
  });

  it('is found by its name from a pod, as is a name of the API server', async () => {
    const names = await podNames();
    const command = 'timeout 5 wget -qO- http://web && nslookup kubernetes.default.svc.cluster.local';
    await kubectl.ok(`run asker --image=${BUSYBOX} --restart=Never --command -- sh -c`, command);
    await kubectl.ok('wait pod/asker --for=jsonpath={.status.phase}=Succeeded --timeout=30s');
    const log = await kubectl.ok('logs asker');
    expect(names).toContain(log.split('\n')[0]);
    expect(log).toContain('10.96.0.1');
  });

  it('is found by its name from a node itself, at the address of the cluster DNS service', async () => {
    const ask =
      'const r = new dns.Resolver(); r.setServers(["10.96.0.10"]); r.resolve4(process.argv[1], (e, a) => console.log(e ?? a[0]))';
    const address = await kubectl.ok('get service web -o jsonpath={.spec.clusterIP}');
    for (const node of ['control-plane', 'worker'])
      expect(await cluster.onNode(node, process.execPath, '-e', ask, 'web.default.svc.cluster.local')).toBe(
        `${address}\n`,
      );
  });

  it('shows its logs', async () => {
    const [name = ''] = await podNames();
    expect(await kubectl.ok(`logs ${name}`)).toBe('serving');
  });

  it('gets a lost pod back, and more when it is scaled', async () => {
    const [lost = ''] = await podNames();
    await kubectl.ok(`delete pod ${lost} --wait=false`);
    await kubectl.ok('scale deployment web --replicas=4');
    await waitFor('four others to be ready', async saw => {
      const ready = await kubectl.ok('get deployment web -o jsonpath={.status.readyReplicas}');
      const names = await podNames();
      saw({ ready, names });
      return ready === '4' && !names.includes(lost);
    });
  });

  it('is back after stop and start, with its addresses given anew', async () => {
    expect((await cluster.run(['stop'])).code).toBe(0);
    expect(await cluster.run(['start'])).toMatchObject({ code: 0, err: '' });
    // what the API tells of them may be from before: the machine asks them
    await waitFor(
      'each pod to have started again and to answer',
      async saw => {
        const restarts = await kubectl.ok(
          'get pods -l app=web -o',
          'jsonpath={.items[*].status.containerStatuses[0].restartCount}',
        );
        saw(restarts);
        return /^[1-9]( [1-9]){3}$/.test(restarts) && (await podNames()).includes(await ask(url));
      },
      { timeoutMs: 60_000 },
    );
    const ips = (await kubectl.ok('get pods -l app=web -o', 'jsonpath={.items[*].status.podIP}')).split(' ');
    expect(new Set(ips).size).toBe(4);
  });

  it('says how to get a node port for a service that has none', async () => {
    await expect(cluster.service('kubernetes', '--url')).rejects.toThrow('has no node port (its type is ClusterIP)');
  });
});

describe('two clusters at once', () => {
  const one = new TestCluster();
  const two = new TestCluster();
  beforeAll(() => Promise.all([one.create(), two.create()]));
  afterAll(() => Promise.all([one.delete(), two.delete()]));

  it('have networks of their own, and do not meet', async () => {
    const addressOf = async (cluster: TestCluster): Promise<string> =>
      (await cluster.kubectl().ok('get nodes -o', 'jsonpath={.items[0].status.addresses[0].address}')).trim();
    const addresses = [await addressOf(one), await addressOf(two)];
    expect(new Set(addresses).size).toBe(2);
    const tcp = `TCP:${addresses[1]}:6443,connect-timeout=2`;
    const [file, ...args] = ['socat', '-u', '/dev/null', tcp];
    expect((await runCommand(file ?? '', args)).code).toBe(0);
    expect((await one.run(['exec', 'control-plane', '--', 'socat', '-u', '/dev/null', tcp])).err).toMatch(
      /timed out|No route|unreachable/,
    );
  });

  it('go one by one', async () => {
    await one.delete();
    expect(await one.remains()).toEqual([]);
    expect(await two.kubectl().ok('get --raw /readyz')).toBe('ok');
  });

  it('go all at once, and nothing is left of either', async () => {
    await one.create();
    expect(await TestCluster.deleteAll()).toMatchObject({ code: 0, err: '' });
    expect([...(await one.remains()), ...(await two.remains())]).toEqual([]);
    expect((await one.run(['list'])).out).not.toContain(one.name);
  });
});

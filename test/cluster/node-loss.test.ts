import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Event, Node, NodeCondition, Pod } from '../../src/api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../src/api/types/gen/discovery-v1.ts';
import { appsWorkload, GRACE_SECONDS } from '../harness/apps-workload.ts';
import { TestCluster } from '../harness/cluster.ts';
import { Flood } from '../harness/flood.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { nodesAgree } from '../harness/node-contents.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Upstream's --node-monitor-grace-period is 50 s, looks at all nodes are 5 s apart, and a machine under load adds to both. */
const LOSS_PATIENCE_MS = 110_000;
/** How long the pods of the test put up with a node that is lost. */
const TOLERATED_S = 5;
const REQUESTS = process.env['GANTRY_SOAK'] === '1' ? 20_000 : 600;

const lostTaints = ['unreachable', 'not-ready'].map(name => ({
  key: `node.kubernetes.io/${name}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: TOLERATED_S,
}));
const among = (name: string): object => ({
  topologyKey: 'kubernetes.io/hostname',
  labelSelector: { matchLabels: { app: name } },
});
const SLEEP = { command: ['sleep', '100000'] };
const WORKLOADS = [
  appsWorkload(
    'Deployment',
    'web',
    { replicas: 3 },
    {
      tolerations: lostTaints,
      topologySpreadConstraints: [{ ...among('web'), maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway' }],
      volumes: [{ name: 'pages', emptyDir: { medium: 'Memory' } }],
    },
    {
      command: ['sh', '-c', 'hostname >/pages/index.html; exec httpd -f -p 8080 -h /pages'],
      readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 },
      volumeMounts: [{ name: 'pages', mountPath: '/pages' }],
    },
  ),
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
  },
  appsWorkload(
    'StatefulSet',
    'db',
    { replicas: 2, serviceName: 'db', podManagementPolicy: 'Parallel' },
    {
      tolerations: lostTaints,
      affinity: {
        podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [among('db')] },
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 100,
              preference: {
                matchExpressions: [{ key: 'node-role.kubernetes.io/control-plane', operator: 'DoesNotExist' }],
              },
            },
          ],
        },
      },
    },
    SLEEP,
  ),
  appsWorkload('DaemonSet', 'agent', {}, {}, SLEEP),
];

/** For the longest of the tests: what it waits for, and a machine that others use. */
const TIMEOUT_MS = 300_000 + REQUESTS * 20;

/** So many requests, several at a time: who answered, and what went wrong. */
async function flood(
  url: string,
  count: number,
): Promise<{ answers: ReadonlySet<string>; failures: readonly object[] }> {
  const clients = new Flood([url], { clients: 6, startsWith: 'web-' });
  const { answers, failures } = clients;
  try {
    const isEnough = (): boolean => answers.length + failures.length >= count;
    await waitFor(`${count} requests`, isEnough, { timeoutMs: 60_000 + count * 20 });
  } finally {
    await clients.stop();
  }
  return { answers: new Set(answers.map(({ text }) => text)), failures };
}

describe('two of three nodes that are lost, one by its cable, one by a power cut', { timeout: TIMEOUT_MS }, () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  const lost = ['worker', 'worker2'];
  const nodeName = (node: string): string => `${cluster.name}-${node}`;
  const list = async <T>(what: string): Promise<T[]> =>
    (JSON.parse(await kubectl.ok(`get ${what} -o json`)) as { items: T[] }).items;
  const podsOf = (app: string): Promise<Pod[]> => list<Pod>(`pods -l app=${app}`);
  const nodes = (): Promise<Node[]> => list<Node>('nodes');
  const conditionOf = (node: Node, type: string): NodeCondition | undefined =>
    node.status?.conditions?.find(condition => condition.type === type);
  const nameOf = ({ metadata }: Node | Pod): string => metadata.name ?? '';
  const isOnLost = ({ spec }: Pod): boolean => lost.map(nodeName).includes(spec.nodeName ?? '');
  const isReady = ({ status, metadata }: Pod): boolean =>
    metadata.deletionTimestamp === undefined &&
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
  /** The ways to the pods of other nodes, and whatever else routes. */
  const routes = async (): Promise<string[]> => {
    const all = ['control-plane', ...lost].map(node =>
      cluster.onNode(node, 'sh', '-c', 'ip rule; ip route | sort; ip -6 route | grep -v veth | sort'),
    );
    return Promise.all(all);
  };
  let url = '';
  let routesBefore: string[] = [];
  let before: Pod[] = [];
  let lostAt = 0;
  const since = (at: number): string => `${((performance.now() - at) / 1000).toFixed(1)} s`;

  beforeAll(async () => {
    await cluster.create('--nodes', '3');
    expect(await cluster.run(['load image', await imageArchive(BUSYBOX)])).toMatchObject({ code: 0, err: '' });
    await kubectl.ok(`taint nodes ${nodeName('control-plane')} node-role.kubernetes.io/control-plane-`);
    await kubectl.given(WORKLOADS).ok('apply -f -');
    for (const each of ['deployment/web', 'statefulset/db', 'daemonset/agent'])
      await kubectl.ok(`rollout status ${each} --timeout=60s`);
    url = (await cluster.service('web', '--url')).trim();
    before = [...(await podsOf('web')), ...(await podsOf('db')), ...(await podsOf('agent'))];
    // each of the lost nodes has a pod of every kind
    expect(before.filter(isOnLost).map(({ metadata }) => metadata.labels?.['app'])).toEqual(
      expect.arrayContaining(['web', 'web', 'db', 'db', 'agent', 'agent']),
    );
    await nodesAgree(cluster, ['control-plane', ...lost]);
    routesBefore = await routes();
    lostAt = performance.now();
    await cluster.cable('worker', 'out');
    await cluster.host('worker2').kill();
  });
  afterAll(() => cluster.delete());

  it("are told to be of unknown state, in upstream's words, once they were silent for the grace period", async () => {
    const silent = await waitFor(
      'both nodes to be known as lost',
      async saw => {
        const found = (await nodes()).filter(node => lost.map(nodeName).includes(nameOf(node)));
        saw(found.map(node => conditionOf(node, 'Ready')));
        return found.every(node => conditionOf(node, 'Ready')?.status === 'Unknown') && found;
      },
      { timeoutMs: LOSS_PATIENCE_MS },
    );
    console.info(`nodes known as lost after ${since(lostAt)}`);
    // not before the grace period, which counts from the last heartbeat, at most 10 s before
    expect(performance.now() - lostAt).toBeGreaterThan(39_000);
    for (const node of silent)
      for (const type of ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'])
        expect(conditionOf(node, type)).toMatchObject({
          status: 'Unknown',
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
        });
    expect(await kubectl.ok('get nodes --no-headers')).toMatch(/-worker +NotReady /);
    const events = await list<Event>('events --field-selector reason=NodeNotReady,involvedObject.kind=Node');
    expect(events.map(({ message }) => message)).toEqual(
      expect.arrayContaining(lost.map(node => `Node ${nodeName(node)} status is now: NodeNotReady`)),
    );
  });

  it('leave the service, which then answers from what lives alone', async () => {
    await waitFor('the endpoints of lost nodes to be unready', async saw => {
      const slices = await list<EndpointSlice>('endpointslices -l kubernetes.io/service-name=web');
      const endpoints = slices.flatMap(slice => slice.endpoints ?? []);
      saw(endpoints);
      return endpoints.every(({ nodeName: node, conditions }) => {
        const isLost = node !== nodeName('control-plane');
        return conditions?.ready === !isLost;
      });
    });
    const dead = before.filter(pod => isOnLost(pod)).map(nameOf);
    // the proxy takes the change a moment after the API has it
    await waitFor('the first answer without a failure before it', async saw => {
      const { failures } = await flood(url, 12);
      saw(failures);
      return failures.length === 0;
    });
    const { answers, failures } = await flood(url, REQUESTS);
    console.info(`${REQUESTS} requests after the loss: ${failures.length} failed, ${answers.size} pods answered`);
    expect(failures).toEqual([]);
    expect([...answers].filter(name => dead.includes(name))).toEqual([]);
  });

  it('are tainted one after another, and their pods go when they have put up with it long enough', async () => {
    const tainted = await waitFor(
      'both to send pods away',
      async saw => {
        const found = (await nodes()).filter(node => lost.map(nodeName).includes(nameOf(node)));
        saw(found.map(({ spec }) => spec?.taints));
        return found.every(({ spec }) => spec?.taints?.some(({ effect }) => effect === 'NoExecute')) && found;
      },
      { timeoutMs: 40_000 },
    );
    for (const { spec } of tainted)
      expect((spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`).toSorted()).toEqual([
        'node.kubernetes.io/unreachable:NoExecute',
        'node.kubernetes.io/unreachable:NoSchedule',
      ]);
    const moved = await waitFor('three pods to be ready on the node that is left', async saw => {
      const found = await podsOf('web');
      saw(found.map(pod => [nameOf(pod), pod.spec.nodeName, isReady(pod)]));
      return found.filter(pod => isReady(pod) && !isOnLost(pod)).length === 3 && found;
    });
    console.info(`pods moved after ${since(lostAt)}`);
    const evicted = moved.filter(isOnLost);
    expect(evicted).toHaveLength(2);
    for (const pod of evicted) {
      expect(pod.metadata.deletionTimestamp).toBeDefined();
      expect(pod.status?.conditions).toEqual(
        expect.arrayContaining([
          expect.objectContaining({
            type: 'DisruptionTarget',
            status: 'True',
            reason: 'DeletionByTaintManager',
            message: 'Taint manager: deleting due to NoExecute taint',
          }),
        ]),
      );
    }
    for (const pod of evicted) {
      const node = tainted.find(each => nameOf(each) === pod.spec.nodeName);
      const taint = node?.spec?.taints?.find(({ effect }) => effect === 'NoExecute');
      const toldAt = Date.parse(pod.metadata.deletionTimestamp ?? '') - GRACE_SECONDS * 1000;
      // both are whole seconds
      expect(toldAt - Date.parse(taint?.timeAdded ?? '')).toBeGreaterThanOrEqual((TOLERATED_S - 1) * 1000);
    }
  });

  it('keep the pods of a DaemonSet, and those of a StatefulSet are not made a second time', async () => {
    await waitFor('the pods of the StatefulSet to be told to go', async saw => {
      const found = await podsOf('db');
      saw(found.map(pod => [nameOf(pod), pod.metadata.deletionTimestamp]));
      return found.every(({ metadata }) => metadata.deletionTimestamp !== undefined);
    });
    const uids = (pods: readonly Pod[]): (string | undefined)[] => pods.map(({ metadata }) => metadata.uid).toSorted();
    const had = (app: string): Pod[] => before.filter(({ metadata }) => metadata.labels?.['app'] === app);
    expect(uids(await podsOf('db'))).toEqual(uids(had('db')));
    expect(uids(await podsOf('agent'))).toEqual(uids(had('agent')));
    expect((await podsOf('agent')).filter(({ metadata }) => metadata.deletionTimestamp !== undefined)).toEqual([]);
  });

  it("let a StatefulSet's pod go by force, after which it is made where it can run", async () => {
    const forced = before.find(
      ({ spec, metadata }) => metadata.labels?.['app'] === 'db' && spec.nodeName === nodeName('worker2'),
    );
    const name = forced?.metadata.name ?? '';
    await kubectl.ok(`delete pod ${name} --force --grace-period=0`);
    await waitFor(`${name} to run on the node that is left`, async saw => {
      const found = (await podsOf('db')).find(pod => nameOf(pod) === name);
      saw(found?.status);
      return found !== undefined && isReady(found) && found.spec.nodeName === nodeName('control-plane');
    });
    const other = (await podsOf('db')).find(pod => nameOf(pod) !== name);
    expect(other?.metadata.deletionTimestamp).toBeDefined();
    expect(before.map(({ metadata }) => metadata.uid)).toContain(other?.metadata.uid);
  });

  it('return, are ready within seconds, and hold nothing of the pods that went', async () => {
    const backAt = performance.now();
    await cluster.cable('worker', 'in');
    expect(await cluster.run(['start'])).toMatchObject({ code: 0, err: '' });
    await waitFor('both to be ready, without taints', async saw => {
      const found = await nodes();
      saw(found.map(node => [nameOf(node), conditionOf(node, 'Ready'), node.spec?.taints]));
      return found.every(
        node => conditionOf(node, 'Ready')?.status === 'True' && (node.spec?.taints ?? []).length === 0,
      );
    });
    console.info(`nodes back after ${since(backAt)}`);
    await waitFor('the pods that were told to go to be gone, and the others to be ready', async saw => {
      const found = [...(await podsOf('web')), ...(await podsOf('db')), ...(await podsOf('agent'))];
      saw(found.map(pod => [nameOf(pod), pod.spec.nodeName, pod.metadata.deletionTimestamp, isReady(pod)]));
      return found.length === 8 && found.every(isReady);
    });
    const left = [...(await podsOf('web')), ...(await podsOf('db'))].map(({ metadata }) => metadata.uid);
    const went = before.filter(pod => isOnLost(pod) && pod.metadata.labels?.['app'] !== 'agent');
    expect(went.filter(({ metadata }) => left.includes(metadata.uid))).toEqual([]);
    await nodesAgree(cluster, ['control-plane', ...lost]);
    expect(await routes()).toEqual(routesBefore);
    console.info(`nodes clean after ${since(backAt)}`);
  });

  it('take new pods, which the service reaches over the routes that are back', async () => {
    await kubectl.ok('scale deployment web --replicas=6');
    await kubectl.ok('rollout status deployment/web --timeout=60s');
    const pods = await podsOf('web');
    expect(new Set(pods.map(({ spec }) => spec.nodeName))).toEqual(new Set(['control-plane', ...lost].map(nodeName)));
    await waitFor('an answer of each of them', async saw => {
      const { answers, failures } = await flood(url, 60);
      saw({ answers, failures });
      return failures.length === 0 && pods.every(pod => answers.has(nameOf(pod)));
    });
    for (const node of lost)
      for (const pod of pods)
        expect(await cluster.onNode(node, 'busybox', 'wget', '-qO-', `http://${pod.status?.podIP}:8080/`)).toBe(
          `${nameOf(pod)}\n`,
        );
  });
});

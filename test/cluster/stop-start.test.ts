import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../src/api/types/gen/core-v1.ts';
import { appsWorkload } from '../harness/apps-workload.ts';
import { TestCluster } from '../harness/cluster.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { nodesAgree } from '../harness/node-contents.ts';
import { waitFor } from '../harness/wait-for.ts';

const ROUNDS = process.env['GANTRY_SOAK'] === '1' ? 25 : 3;
const NODES = ['control-plane', 'worker'];
const LEASES = ['kube-controller-manager', 'kube-scheduler'];

/** No node may refuse them. */
const ANYWHERE = { tolerations: [{ operator: 'Exists' }] };
const SLEEP = { command: ['sleep', '100000'] };
const OBJECTS = [
  appsWorkload('Deployment', 'web', { replicas: 3 }, ANYWHERE, {
    command: ['sh', '-c', 'mkdir -p /w; hostname >/w/index.html; exec httpd -f -p 8080 -h /w'],
    readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 },
  }),
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
  },
  appsWorkload('StatefulSet', 'db', { replicas: 2, serviceName: 'db' }, ANYWHERE, SLEEP),
  appsWorkload('DaemonSet', 'agent', {}, ANYWHERE, SLEEP),
];
/** 3 web, 2 db, an agent on each node. */
const PODS = 7;

const proofOf = (holder: string): string => `the process of ${holder} on this machine has ended`;

/** A round is some 15 s where nobody else uses the machine. */
const TIMEOUT_MS = 120_000 + ROUNDS * 60_000;

describe('a cluster of two nodes that is stopped and started', { timeout: TIMEOUT_MS }, () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  let url = '';

  const pods = async (): Promise<Pod[]> => (JSON.parse(await kubectl.ok('get pods -o json')) as { items: Pod[] }).items;
  const isReady = ({ status, metadata }: Pod): boolean =>
    metadata.deletionTimestamp === undefined &&
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
  const answers = async (): Promise<string> => {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000), headers: { connection: 'close' } });
    return (await answer.text()).trim();
  };
  const restarts = (all: readonly Pod[]): ReadonlyMap<string, number> =>
    new Map(all.map(({ metadata, status }) => [metadata.uid ?? '', status?.containerStatuses?.[0]?.restartCount ?? 0]));
  const started = async (): Promise<void> => {
    expect(await cluster.run(['start'])).toMatchObject({ code: 0, err: '' });
  };
  /** Why the last two lead, controllers and scheduler, whichever was first. */
  const leading = async (): Promise<string[]> => {
    const { out } = await cluster.run(['logs', 'control-plane', '--service', 'gantry-control-plane', '--tail', '500']);
    const all = out.split('\n').filter(line => line.includes('"msg":"leading"'));
    return all
      .slice(-LEASES.length)
      .map(line => String((JSON.parse(line) as { because?: string }).because))
      .toSorted();
  };
  const renewed = (lease: string): Promise<string> =>
    kubectl.ok(`get lease ${lease} --namespace kube-system -o jsonpath={.spec.holderIdentity}`);
  const holders = (): Promise<string[]> => Promise.all(LEASES.map(renewed));

  /** All of them ran before it stood still: each has started again, serves, and nothing else is on the nodes. */
  const allBack = async (before: readonly Pod[], what: string): Promise<void> => {
    const at = performance.now();
    const had = restarts(before);
    await waitFor(
      `all pods to be ready again after ${what}`,
      async saw => {
        const now = await pods();
        saw(now.map(pod => [pod.metadata.name, isReady(pod), pod.status?.containerStatuses]));
        const again = [...restarts(now)].filter(([uid, count]) => count > (had.get(uid) ?? -1));
        return now.length === PODS && now.every(isReady) && again.length === PODS;
      },
      { timeoutMs: 90_000 },
    );
    const names = (await pods()).map(({ metadata }) => metadata.name ?? '');
    await waitFor('the service to answer', async saw => {
      const answer = await answers();
      saw(answer);
      return names.includes(answer);
    });
    console.info(
      `all pods back ${((performance.now() - at) / 1000).toFixed(1)} s after the start that followed ${what}`,
    );
    await nodesAgree(cluster, NODES);
  };

  beforeAll(async () => {
    await cluster.create('--nodes', '2');
    expect(await cluster.run(['load image', await imageArchive(BUSYBOX)])).toMatchObject({ code: 0, err: '' });
    await kubectl.given(OBJECTS).ok('apply -f -');
    for (const each of ['deployment/web', 'statefulset/db', 'daemonset/agent'])
      await kubectl.ok(`rollout status ${each} --timeout=60s`);
    url = (await cluster.service('web', '--url')).trim();
  });
  afterAll(() => cluster.delete());

  it('has its controllers and its scheduler at work at once, since the ones before gave their leases back', async () => {
    const before = await holders();
    expect((await cluster.run(['stop'])).code).toBe(0);
    await started();
    await waitFor('others to lead', async saw => {
      const now = await holders();
      saw(now);
      return now.every((name, i) => name !== '' && name !== before[i]);
    });
    expect(await leading()).toEqual(LEASES.map(() => 'it was given back'));
    const at = performance.now();
    await kubectl.ok(`run probe --image=${BUSYBOX} --restart=Never --command -- true`);
    await kubectl.ok('wait pod/probe --for=jsonpath={.status.phase}=Succeeded --timeout=60s');
    console.info(`a new pod has run ${((performance.now() - at) / 1000).toFixed(1)} s after the start`);
    await kubectl.ok('delete pod probe');
  });

  it(`has everything back each of ${ROUNDS} times, with pods deleted just before, and no address of a pod that went`, async () => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const before = await pods();
      const [victim] = before.filter(({ metadata }) => metadata.labels?.['app'] === 'web');
      // it is on its way out, or its successor on its way in, when the nodes end
      await kubectl.ok(`delete pod ${victim?.metadata.name} --wait=false`);
      expect((await cluster.run(['stop'])).code).toBe(0);
      await started();
      await allBack(
        before.filter(({ metadata }) => metadata.uid !== victim?.metadata.uid),
        `stop ${round}`,
      );
      expect(await leading()).toEqual(LEASES.map(() => 'it was given back'));
    }
  });

  it('has everything back after a power cut of all nodes, with controllers that do not wait for the leases of dead ones', async () => {
    const before = await pods();
    const held = await holders();
    await Promise.all(NODES.map(node => cluster.host(node).kill()));
    await started();
    await allBack(before, 'a power cut');
    expect(await leading()).toEqual(held.map(proofOf).toSorted());
  });

  it('has controllers and scheduler at work again as soon as the control plane is, when that was killed', async () => {
    const held = await holders();
    const at = performance.now();
    await cluster.onNode(
      'control-plane',
      'sh',
      '-c',
      'kill -9 $(cat /run/host-services/gantry-control-plane/supervise/pid)',
    );
    await waitFor('others to lead', async saw => {
      const now = await holders();
      saw(now);
      return now.every((name, i) => name !== held[i]);
    });
    console.info(`controllers and scheduler lead ${((performance.now() - at) / 1000).toFixed(1)} s after kill -9`);
    expect(await leading()).toEqual(held.map(proofOf).toSorted());
  });

  it('is whole after a stop and a start that were killed in the middle', async () => {
    const stopping = cluster.start(['stop']);
    await waitFor('the first host to be stopping', () => stopping.seen().includes('Stopping'), { pauseMs: 1 });
    stopping.child.kill('SIGKILL');
    await stopping.exited();
    expect((await cluster.run(['stop'])).code).toBe(0);
    expect((await cluster.run(['start'], { GANTRY_FAULT: 'cluster/start/host-started' })).code).toBe(128 + 9);
    await started();
    await waitFor(
      'all pods to be ready, on nodes that hold nothing else',
      async saw => {
        const now = await pods();
        saw(now.map(pod => [pod.metadata.name, isReady(pod)]));
        return now.length === PODS && now.every(isReady) && (await answers()).startsWith('web-');
      },
      { timeoutMs: 90_000 },
    );
    for (const node of NODES)
      expect(await cluster.onNode(node, 'sh', '-c', 'cat /run/host-services/*/supervise/stat')).not.toContain('down');
    await nodesAgree(cluster, NODES);
  });

  it('has daemons of which Node warns nobody: of leaks of listeners, of what is to go', async () => {
    for (const node of NODES) {
      const logs = await cluster.onNode(node, 'sh', '-c', 'cat /var/log/gantry/gantry-*/*');
      expect(logs).toContain('"msg":"stopped"');
      expect(logs.split('\n').filter(line => /^\(node:\d+\) /.test(line))).toEqual([]);
    }
  });
});

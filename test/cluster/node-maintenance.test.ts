import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../harness/cluster.ts';
import { BUSYBOX, imageArchive } from '../harness/images.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Ends at once when it is told to, as the first process of a container must do by itself. */
const IDLE = { name: 'c', image: BUSYBOX, command: ['sh', '-c', "trap 'exit 0' TERM; sleep 1000000 & wait"] };

const metadata = (app: string) => ({ name: app, labels: { app } });
const selector = (app: string) => ({ matchLabels: { app } });

function pod(name: string, node: string, more: object = {}, finalizers: readonly string[] = []): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata(name), finalizers },
    spec: { nodeSelector: { 'kubernetes.io/hostname': node }, containers: [IDLE], ...more },
  };
}

const WEB = [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata('web'),
    spec: {
      replicas: 4,
      selector: selector('web'),
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'DoNotSchedule',
              // a node that is drained is none to spread to
              nodeTaintsPolicy: 'Honor',
              labelSelector: selector('web'),
            },
          ],
          containers: [{ ...IDLE, volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }] }],
          volumes: [{ name: 'scratch', emptyDir: {} }],
        },
      },
    },
  },
  {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: metadata('web'),
    spec: { minAvailable: 4, selector: selector('web') },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: metadata('agent'),
    spec: {
      selector: selector('agent'),
      template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [IDLE] } },
    },
  },
];

describe('maintenance of one of two nodes', () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  const control = `${cluster.name}-control-plane`;
  const worker = `${cluster.name}-worker`;
  const statically = { name: `static-${worker}`, pod: { ...pod('static', worker), spec: { containers: [IDLE] } } };

  const podsOn = async (node: string, more = ''): Promise<string[]> => {
    const names = await kubectl.ok(`get pods --field-selector spec.nodeName=${node} -o name ${more}`.trim());
    return names.split('\n').filter(name => name !== '');
  };
  const numberOn = async (app: string, node: string): Promise<number> => (await podsOn(node, `-l app=${app}`)).length;
  const eventsOf = (name: string, reason: string): Promise<string> =>
    kubectl.ok(
      `get events --field-selector involvedObject.name=${name},reason=${reason} -o`,
      'jsonpath={.items[*].message}',
    );
  const event = (name: string, reason: string): Promise<string> =>
    waitFor(`an event ${reason} of ${name}`, async () => (await eventsOf(name, reason)) || undefined);
  const ready = (...names: readonly string[]): Promise<string> =>
    kubectl.ok(`wait --for=condition=Ready --timeout=30s`, ...names.map(name => `pod/${name}`));

  beforeAll(async () => {
    await cluster.create('--nodes', '2');
    expect(await cluster.run(['load image', await imageArchive(BUSYBOX)])).toMatchObject({ code: 0, err: '' });
    await kubectl.ok(`taint node ${control} node-role.kubernetes.io/control-plane-`);
    const manifest = JSON.stringify(statically.pod);
    await cluster.onNode('worker', 'sh', '-c', `printf %s '${manifest}' >/etc/kubernetes/manifests/static.yaml`);
    await kubectl.given([...WEB, pod('bare', worker)]).ok('apply -f -');
    await kubectl.ok('rollout status deployment/web --timeout=60s');
    await kubectl.ok('rollout status daemonset/agent --timeout=60s');
    await ready('bare');
    await kubectl.ok(`wait --for=create pod/${statically.name} --timeout=30s`);
    await ready(statically.name);
  });
  afterAll(() => cluster.delete());

  it('begins with pods on both', async () => {
    expect([await numberOn('web', control), await numberOn('web', worker)]).toEqual([2, 2]);
    expect([await numberOn('agent', control), await numberOn('agent', worker)]).toEqual([1, 1]);
  });

  it('is refused by drain, which names what would be lost and takes nothing', async () => {
    const before = await podsOn(worker);
    const said = await kubectl.fails(`drain ${worker}`);
    expect(said).toContain('cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): default/agent-');
    expect(said).toContain(
      'cannot delete Pods with local storage (use --delete-emptydir-data to override): default/web-',
    );
    expect(said).toContain('Pods that declare no controller (use --force to override): default/bare');
    expect(await podsOn(worker)).toEqual(before);
    expect(await kubectl.ok(`get node ${worker}`)).toContain(' Ready,SchedulingDisabled ');
    await kubectl.ok(`uncordon ${worker}`);
    expect(await kubectl.ok(`get node ${worker}`)).toMatch(/ Ready +<none> /);
  });

  it('waits for a disruption budget that refuses, then takes one pod after the other away', async () => {
    const available = kubectl.background('get deployment web --watch -o', 'jsonpath={.status.availableReplicas} ');
    const drain = kubectl.background(
      `drain ${worker} --ignore-daemonsets --delete-emptydir-data --force --timeout=90s`,
    );
    const refusals = (): number =>
      drain.seen().split("Cannot evict pod as it would violate the pod's disruption budget.").length - 1;
    try {
      await waitFor('both evictions to be refused', saw => {
        saw(drain.seen());
        return refusals() === 2;
      });
      expect(drain.seen()).toContain('(will retry after 5s)');
      expect(await numberOn('web', worker)).toBe(2);
      await kubectl.ok('patch pdb web --type=merge -p', '{"spec":{"minAvailable":null,"maxUnavailable":1}}');
      expect(await drain.done(), drain.seen()).toBe(0);
      // the second had to wait for a replacement of the first
      expect(refusals()).toBeGreaterThan(2);
      expect(drain.seen()).toContain(`node/${worker} drained`);
      await kubectl.ok('rollout status deployment/web --timeout=30s');
      await waitFor('the last replacement to be told of', () => available.seen().trim().endsWith('4'));
    } finally {
      await drain.end();
      await available.end();
    }
    const numbers = available.seen().trim().split(' ').map(Number);
    expect(Math.min(...numbers)).toBe(3);
  });

  it('has moved what can move, and left what belongs to the node', async () => {
    expect(await numberOn('web', control)).toBe(4);
    expect(await podsOn(worker)).toEqual([expect.stringMatching(/^pod\/agent-/), `pod/${statically.name}`]);
    expect(await kubectl.ok(`get node ${worker}`)).toContain(' Ready,SchedulingDisabled ');
    expect(await kubectl.ok(`get node ${worker} -o`, 'jsonpath={.spec.taints[*].key}')).toBe(
      'node.kubernetes.io/unschedulable',
    );
    expect(await kubectl.run('get pod bare')).toMatchObject({ code: 1, err: expect.stringContaining('(NotFound)') });
    expect(await event(worker, 'NodeNotSchedulable')).toContain(`Node ${worker} status is now: NodeNotSchedulable`);
  });

  it('keeps new pods away while nodes are cordoned, but those of a DaemonSet', async () => {
    await kubectl.ok(`cordon ${control}`);
    await kubectl.given([pod('late', worker)]).ok('create -f -');
    await kubectl.ok(`run anywhere --image=${BUSYBOX} --labels=app=anywhere --command -- sh -c`, IDLE.command[2] ?? '');
    for (const name of ['late', 'anywhere'])
      expect(await event(name, 'FailedScheduling')).toBe(
        '0/2 nodes are available: 2 node(s) were unschedulable. no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
      );
    const [agent = ''] = await podsOn(worker, '-l app=agent');
    await kubectl.ok(`delete ${agent}`);
    await kubectl.ok('rollout status daemonset/agent --timeout=30s');
    expect(await podsOn(worker, '-l app=agent')).toEqual([expect.not.stringContaining(agent)]);
    expect(await numberOn('late', worker)).toBe(0);
  });

  it('lets them come with uncordon', async () => {
    await kubectl.ok(`uncordon ${worker}`);
    await ready('late', 'anywhere');
    expect([await numberOn('late', worker), await numberOn('anywhere', worker)]).toEqual([1, 1]);
    expect(await kubectl.ok(`get node ${worker} -o`, 'jsonpath={.spec.taints}')).toBe('');
    await kubectl.ok(`uncordon ${control}`);
  });

  it('keeps out with a NoSchedule taint who does not tolerate it, and leaves who is there', async () => {
    await kubectl.ok(`taint node ${worker} dedicated=database:NoSchedule`);
    const toleration = { key: 'dedicated', value: 'database', effect: 'NoSchedule' };
    await kubectl
      .given([
        pod('stranger', worker),
        pod('other', worker, { tolerations: [{ ...toleration, value: 'web' }] }),
        pod('tenant', worker, { tolerations: [toleration] }),
      ])
      .ok('create -f -');
    await ready('tenant');
    const refusal =
      "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s).";
    for (const name of ['stranger', 'other']) expect(await event(name, 'FailedScheduling')).toContain(refusal);
    await kubectl.ok('wait --for=jsonpath={.status.phase}=Running pod/late pod/anywhere --timeout=1s');
    await kubectl.ok(`taint node ${worker} dedicated:NoSchedule-`);
    await ready('stranger', 'other');
    expect(await kubectl.fails(`taint node ${worker} dedicated-`)).toContain('taint "dedicated" not found');
  });

  it('sends away with a NoExecute taint who does not tolerate it, or when the time of that is over', async () => {
    const toleration = { key: 'ill', operator: 'Exists', effect: 'NoExecute' };
    const spec = (more: object) => ({ tolerations: [{ ...toleration, ...more }] });
    await kubectl
      .given([
        pod('at-once', worker, {}, ['example.com/look']),
        pod('in-3s', worker, spec({ tolerationSeconds: 3 })),
        pod('in-300s', worker, spec({ tolerationSeconds: 300 })),
        pod('never', worker, spec({})),
      ])
      .ok('create -f -');
    await ready('at-once', 'in-3s', 'in-300s', 'never');
    const tainted = performance.now();
    await kubectl.ok(`taint node ${worker} ill=very:NoExecute`);

    await kubectl.ok('wait --for=jsonpath={.metadata.deletionTimestamp} pod/at-once --timeout=30s');
    expect(
      await kubectl.ok('get pod at-once -o', 'jsonpath={.status.conditions[?(@.type=="DisruptionTarget")].message}'),
    ).toBe('Taint manager: deleting due to NoExecute taint');
    await kubectl.ok('patch pod at-once --type=merge -p', '{"metadata":{"finalizers":null}}');
    await kubectl.ok('wait --for=delete pod/in-3s --timeout=30s');
    expect(performance.now() - tainted).toBeGreaterThan(3000);

    await waitFor('those that tolerate it alone to be there', async saw => {
      const names = await podsOn(worker);
      saw(names);
      return names.join() === `pod/in-300s,pod/never,pod/${statically.name}`;
    });
    expect(await event('in-3s', 'TaintManagerEviction')).toBe('Marking for deletion Pod default/in-3s');
    expect(await numberOn('agent', control)).toBe(1);
    expect(await numberOn('web', control)).toBe(4);
  });

  it('is over with the taint: the DaemonSet is back, and nobody is sent away later', async () => {
    await kubectl.ok(`taint node ${worker} ill-`);
    expect(await event('in-300s', 'TaintManagerEviction')).toBe('Cancelling deletion of Pod default/in-300s');
    await waitFor('a pod of the DaemonSet on the node', async () => (await numberOn('agent', worker)) === 1);
    await kubectl.ok('rollout status daemonset/agent --timeout=30s');
    await ready('in-300s', 'never', statically.name);
  });

  it('never touched the static pod', async () => {
    expect(
      await kubectl.ok(`get pod ${statically.name} -o`, 'jsonpath={.status.containerStatuses[0].restartCount}'),
    ).toBe('0');
  });
});

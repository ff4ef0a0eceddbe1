import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestCluster } from '../harness/cluster.ts';
import { Flood, floodFromPod } from '../harness/flood.ts';
import { BUSYBOX, imageArchive, WEB_V1, WEB_V2 } from '../harness/images.ts';
import { waitFor } from '../harness/wait-for.ts';

const SOAK = process.env['GANTRY_SOAK'] === '1';
const ROUNDS = SOAK ? 30 : 2;
/** Generous: a test does not fail because the machine is busy. */
const PATIENCE = '--timeout=140s';
const TEST_MS = ROUNDS * 200_000;

/** Two ways to go on taking requests until no proxy sends any: every guide names one of them. */
const HOOKED = { lifecycle: { preStop: { sleep: { seconds: 3 } } } };
const DRAINING = { env: [{ name: 'DRAIN_SECONDS', value: '3' }] };

interface Web {
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly replicas?: number;
  readonly container?: object;
}

/** Servers on both nodes, none of which may be missing. */
function deployment({ name, image, labels, replicas = 3, container = HOOKED }: Web): object {
  const spread = {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: labels },
  };
  const readinessProbe = { httpGet: { port: 8080 }, periodSeconds: 1 };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels: { test: labels['app'] } },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: { labels },
        spec: {
          topologySpreadConstraints: [spread],
          containers: [{ name: 'web', image, readinessProbe, ...container }],
        },
      },
    },
  };
}

function service(name: string, selector: Readonly<Record<string, string>>): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, labels: { test: name } },
    spec: { type: 'NodePort', selector, ports: [{ port: 80, targetPort: 8080 }] },
  };
}

describe('under a flood of requests', () => {
  const cluster = new TestCluster();
  const kubectl = cluster.kubectl();
  const control = `${cluster.name}-control-plane`;
  const nodes = [control, `${cluster.name}-worker`];
  let addresses: string[] = [];

  beforeAll(async () => {
    await cluster.create('--nodes', '2');
    for (const image of [BUSYBOX, WEB_V1, WEB_V2] as const)
      expect(await cluster.run(['load image', await imageArchive(image)])).toMatchObject({ code: 0, err: '' });
    await kubectl.ok(`taint nodes ${control} node-role.kubernetes.io/control-plane:NoSchedule-`);
    addresses = (
      await kubectl.ok('get nodes -o', 'jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}')
    ).split(' ');
  });
  afterAll(() => cluster.delete());

  const rolledOut = (name: string): Promise<string> => kubectl.ok(`rollout status deployment/${name} ${PATIENCE}`);

  async function nodesOf(app: string): Promise<string[]> {
    const used = await kubectl.ok(`get pods -l app=${app} -o jsonpath={.items[*].spec.nodeName}`);
    return [...new Set(used.split(' '))].toSorted();
  }

  /**
   * What failed of all that was asked during the change: from here by the node ports of both nodes, from a pod on each node by the service's name and by its address;
   * every second client asks for what takes its time. Afterwards all of the app is deleted.
   */
  async function failuresDuring(app: string, change: (flood: Flood) => Promise<void>): Promise<unknown[]> {
    const [port, clusterIp] = (
      await kubectl.ok(`get service ${app} -o`, 'jsonpath={.spec.ports[0].nodePort} {.spec.clusterIP}')
    ).split(' ');
    const paths = ['/', '/cgi-bin/slow'];
    const inside = paths.flatMap(path => [`http://${app}${path}`, `http://${clusterIp}${path}`]);
    const outside = addresses.flatMap(address => paths.map(path => `http://${address}:${port}${path}`));
    const options = { clients: 1, startsWith: 'v' };
    const pods = await Promise.all(
      nodes.map((node, index) => floodFromPod(kubectl, { name: `flood-${app}-${index}`, node }, inside, options)),
    );
    const flood = new Flood(outside, { ...options, clients: SOAK ? 3 : 1 });
    try {
      await flood.flows();
      await change(flood);
      await flood.flows();
    } finally {
      await flood.stop();
    }
    const ended = await Promise.all(pods.map(pod => pod.stop()));
    await kubectl.ok(`delete deployment,service -l test=${app}`);
    for (const { answered } of ended) expect(answered).toBeGreaterThan(inside.length);
    return [...flood.failures, ...ended.flatMap(({ failures }) => failures)];
  }

  it.each([
    ['three servers, which go on for a while by a preStop hook', 'hooked', HOOKED, 3, nodes],
    ['two servers, which go on for a while by themselves', 'draining', DRAINING, 2, nodes],
    ['the only server', 'alone', HOOKED, 1, [expect.any(String)]],
  ])(
    `none fails in ${ROUNDS} rollouts of %s`,
    async (_, app, container, replicas, usedNodes) => {
      const labels = { app };
      await kubectl
        .given([deployment({ name: app, image: WEB_V1, labels, container, replicas }), service(app, labels)])
        .ok('apply -f -');
      await rolledOut(app);
      expect(await nodesOf(app)).toEqual(usedNodes);
      const numbers = 'jsonpath={.status.replicas}/{.status.availableReplicas}{"\\n"}';
      const watch = kubectl.background(`get deployment ${app} --watch -o ${numbers}`);
      await waitFor('the first state', () => watch.seen().includes('\n'));
      const failures = await failuresDuring(app, async flood => {
        for (let round = 1; round <= ROUNDS; round += 1) {
          await kubectl.ok(`set image deployment/${app} web=${[WEB_V1, WEB_V2][round % 2]}`);
          await rolledOut(app);
          await flood.flows();
        }
      });
      await watch.end();
      expect(failures).toEqual([]);
      // never fewer than are wanted, never more than one beyond them
      const states = new Set(watch.seen().trim().split('\n'));
      const more = replicas + 1;
      const allowed = [`${replicas}/${replicas}`, `${more}/${replicas}`, `${more}/${more}`];
      expect(allowed).toEqual(expect.arrayContaining([...states]));
      expect(states.size).toBeGreaterThan(1);
    },
    TEST_MS,
  );

  it(
    'none fails while servers are scaled down to one and up again',
    async () => {
      const app = 'scaled';
      const labels = { app };
      await kubectl.given([deployment({ name: app, image: WEB_V1, labels }), service(app, labels)]).ok('apply -f -');
      await rolledOut(app);
      const failures = await failuresDuring(app, async flood => {
        for (const replicas of [1, 4, 1, 2]) {
          await kubectl.ok(`scale deployment ${app} --replicas=${replicas}`);
          await rolledOut(app);
          await flood.flows();
        }
      });
      expect(failures).toEqual([]);
    },
    TEST_MS,
  );

  it(
    'none fails while a service is led from blue to green and back by its selector',
    async () => {
      const app = 'colours';
      const selector = { app, colour: 'blue' };
      await kubectl
        .given([
          deployment({ name: 'blue', image: WEB_V1, labels: selector }),
          deployment({ name: 'green', image: WEB_V2, labels: { app, colour: 'green' } }),
          service(app, selector),
        ])
        .ok('apply -f -');
      await rolledOut('blue');
      await rolledOut('green');
      const failures = await failuresDuring(app, async flood => {
        for (let round = 1; round <= ROUNDS; round += 1) {
          const colour = ['blue', 'green'][round % 2] ?? '';
          await kubectl.ok(`set selector service ${app} app=${app},colour=${colour}`);
          const changedAt = Date.now();
          await waitFor(`all answers to be ${colour}`, saw => {
            const last = flood.since(Math.max(changedAt, Date.now() - 2000));
            saw(last.map(({ text }) => text));
            return last.length > 50 && last.every(({ text }) => text.includes(` ${colour}-`));
          });
        }
      });
      expect(failures).toEqual([]);
    },
    TEST_MS,
  );

  it(
    'a canary behind the same service gets its share of them, is promoted, and goes: none fails',
    async () => {
      const app = 'market';
      await kubectl
        .given([
          deployment({ name: 'stable', image: WEB_V1, labels: { app, track: 'stable' } }),
          deployment({ name: 'canary', image: WEB_V2, labels: { app, track: 'canary' }, replicas: 1 }),
          service(app, { app }),
        ])
        .ok('apply -f -');
      await rolledOut('stable');
      await rolledOut('canary');
      const shareOf = async (text: string, flood: Flood): Promise<number> => {
        // the change has come to each node by the time that each has answered
        await flood.flows();
        const from = Date.now();
        const answers = await waitFor('400 answers', saw => {
          const since = flood.since(from);
          saw(since.length);
          return since.length >= 400 && since;
        });
        return answers.filter(answer => answer.text.includes(text)).length / answers.length;
      };
      const failures = await failuresDuring(app, async flood => {
        // of 400 answers a quarter is expected: 10 % more or less are 4.6 standard deviations, and 12 % of a half are 4.8
        expect(Math.abs((await shareOf('canary-', flood)) - 0.25)).toBeLessThan(0.1);
        await kubectl.ok('scale deployment canary --replicas=3');
        await rolledOut('canary');
        expect(Math.abs((await shareOf('canary-', flood)) - 0.5)).toBeLessThan(0.12);
        await kubectl.ok(`set image deployment/stable web=${WEB_V2}`);
        await rolledOut('stable');
        await kubectl.ok('delete deployment canary');
        await waitFor('the canary to be gone', async saw => {
          const pods = await kubectl.ok(`get pods -l app=${app} -o name`);
          saw(pods);
          return !pods.includes('canary');
        });
        expect(await shareOf('v2 stable-', flood)).toBe(1);
      });
      expect(failures).toEqual([]);
    },
    TEST_MS,
  );

  it(
    'none fails while an image that nobody has is rolled out, and undo mends it',
    async () => {
      const app = 'broken';
      const labels = { app };
      await kubectl.given([deployment({ name: app, image: WEB_V1, labels }), service(app, labels)]).ok('apply -f -');
      await rolledOut(app);
      const failures = await failuresDuring(app, async flood => {
        await kubectl.ok(`set image deployment/${app} web=localhost/web:absent`);
        expect(await kubectl.fails(`rollout status deployment/${app} --timeout=4s`)).toBe(
          'error: timed out waiting for the condition',
        );
        await kubectl.ok(`patch deployment ${app} -p`, '{"spec":{"progressDeadlineSeconds":5}}');
        expect(await kubectl.fails(`rollout status deployment/${app} ${PATIENCE}`)).toBe(
          `error: deployment "${app}" exceeded its progress deadline`,
        );
        expect(await kubectl.ok(`get deployment ${app} -o jsonpath={.status.availableReplicas}`)).toBe('3');
        const reasons = await kubectl.ok(
          `get pods -l app=${app} -o`,
          'jsonpath={.items[*].status.containerStatuses[0].state.waiting.reason}',
        );
        expect(reasons).toMatch(/^(ErrImagePull|ImagePullBackOff)$/);
        await flood.flows();
        expect(await kubectl.ok(`rollout undo deployment/${app}`)).toBe(`deployment.apps/${app} rolled back`);
        await rolledOut(app);
      });
      expect(failures).toEqual([]);
    },
    TEST_MS,
  );
});

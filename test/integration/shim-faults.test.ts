import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAULT_POINTS, type FaultPoint } from '../../src/linux/fault-point.ts';
import { armedFaults, armFaults, disarmFaults, traceFaultPoints } from '../harness/fault.ts';
import { expectNoLeftovers, podLeftovers } from '../harness/pod-leftovers.ts';
import { PodLife } from '../harness/pod-life.ts';
import { type Random, seededRandom } from '../harness/random.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

const SOAK = process.env['GANTRY_SOAK'] === '1';
const random = seededRandom();
/** Every point that the shim's own process passes, but for pulls. */
const POINTS = FAULT_POINTS.filter(p => p.startsWith('cri/') || p.startsWith('cni/'));
/** Passed where the shim does what `crun start` does. */
const CRUN_ONLY: ReadonlySet<FaultPoint> = new Set([
  'cri/start-container/released',
  'cri/start-container/fifo-removed',
]);

/** Passed where a pod has users of its own. */
const USERS_ONLY: ReadonlySet<FaultPoint> = new Set([
  'cri/create-userns/process-started',
  'cri/create-userns/userns-bound',
  'cri/create-container/layers-shown',
  'cri/create-container/mount-shown',
]);
/** Passed where there is no pause process, and where there is one. */
const PINNED_ONLY: ReadonlySet<FaultPoint> = new Set(['cri/pin-namespaces/made', 'cri/pin-namespaces/bound']);
const PAUSE_ONLY: ReadonlySet<FaultPoint> = new Set([
  'cri/run-pod-sandbox/spec-written',
  'cri/run-pod-sandbox/infra-created',
  'cri/run-pod-sandbox/infra-started',
  'cri/exit/infra-recorded',
  // the container heeds its stop signal
  'cri/stop-container/killed',
]);

interface Kind {
  readonly runtime: 'crun' | 'runc';
  readonly pause: boolean;
  readonly ownUsers: boolean;
}
const KINDS: readonly [Kind, ...Kind[]] = [
  { runtime: 'crun', pause: true, ownUsers: false },
  { runtime: 'runc', pause: true, ownUsers: false },
  { runtime: 'crun', pause: false, ownUsers: false },
  { runtime: 'crun', pause: true, ownUsers: true },
];

const isPassed = (point: FaultPoint, { runtime, pause, ownUsers }: Kind): boolean =>
  (runtime === 'crun' || !CRUN_ONLY.has(point)) &&
  (ownUsers || !USERS_ONLY.has(point)) &&
  !(pause ? PINNED_ONLY : PAUSE_ONLY).has(point);

/** Where the shim dies: a start passes some points only when there is something to be done, and a caller that gives up makes no second container. */
function deathsAt(point: FaultPoint, { pause }: Kind, callerGivesUp: boolean): readonly string[] {
  if (point === 'cri/restore/step-done') return ['cri/start-container/runtime-created', point];
  if (point.startsWith('cri/undo-sandbox/')) return ['cri/run-pod-sandbox/network-added', point, point];
  if (point.startsWith('cri/restore/')) return ['cri/start-container/runtime-created', point, point];
  // first for the infra container, then for the other
  if (point.startsWith('cri/monitor-create/') && pause) return callerGivesUp ? [`${point}:2`] : [point, `${point}:2`];
  return [point];
}

const isOfStart = (point: FaultPoint): boolean =>
  point.startsWith('cri/restore/') || point.startsWith('cri/undo-sandbox/');

function sample<T>(values: readonly T[], count: number, { below }: Random): T[] {
  const left = [...values];
  return Array.from({ length: Math.min(count, left.length) }, () => left.splice(below(left.length), 1)).flat();
}

const NAME = 'faulty';

describe.each(SOAK ? KINDS : [random.pick(KINDS)])(
  `kill -9 of the shim with $runtime, pause: $pause, users of its own: $ownUsers (seed ${random.seed}; GANTRY_SEED repeats it)`,
  kind => {
    const points = POINTS.filter(p => isPassed(p, kind));
    let target: RuntimeHost;
    /** What is there of one pod that runs, and the shim's files when there is none. */
    let running: readonly string[];
    let idle: readonly string[];
    let passed: ReadonlySet<string>;

    beforeAll(async () => {
      target = await gantryHost({ criConfig: `runtime: ${kind.runtime}\ndropInfra: ${!kind.pause}\n` });
      const { host, service } = target;
      traceFaultPoints(host, service);
      const life = new PodLife(target, NAME, true, kind.ownUsers);
      const sandboxId = await life.start();
      running = await shapeOf(target);
      await life.use();
      await life.stop(sandboxId);
      // links and addresses go a second later
      await clearPod();
      passed = new Set(armedFaults(host, service));
      disarmFaults(host, service);
      // a first pod has made the directories that stay
      idle = shimFiles(target);
    });
    afterAll(() => target.delete());

    /** Its group and its logs are of the pod's caller: the kubelet makes and removes them. */
    async function clearPod(): Promise<void> {
      removePodGroup(target);
      await expectNoLeftovers(target);
      rmSync(target.host.path('/var/log/pods'), { recursive: true, force: true });
    }

    async function expectIdle(): Promise<void> {
      await clearPod();
      await waitFor('the files of the shim to be as they were', saw => {
        const now = shimFiles(target);
        saw({ more: now.filter(f => !idle.includes(f)), less: idle.filter(f => !now.includes(f)) });
        return now.join() === idle.join();
      });
    }

    const expectDied = (): Promise<boolean> =>
      waitFor('the shim to have died wherever it should', saw => {
        const left = armedFaults(target.host, target.service);
        saw(left);
        return left.length === 0;
      });

    it('has at least 60 places, each of which a pod or a start passes', () => {
      expect(POINTS.length).toBeGreaterThanOrEqual(60);
      expect(points.filter(p => !passed.has(p) && !isOfStart(p))).toEqual([]);
    });

    it.each(SOAK ? points : sample(points, 6, random))(
      'at %s: the pod runs once when its caller tries again, ends as it should, and nothing is left',
      async point => {
        const { host, service } = target;
        armFaults(host, service, deathsAt(point, kind, false));
        const life = new PodLife(target, NAME, true, kind.ownUsers);
        const sandboxId = await life.start();
        await waitFor('one pod, once', async saw => {
          const now = await shapeOf(target);
          saw({ more: now.filter(s => !running.includes(s)), less: running.filter(s => !now.includes(s)) });
          return now.join() === running.join();
        });
        await waitFor('the program to have begun', () => life.begun() > 0);
        await life.use();
        expect(life.begun()).toBe(1);
        expect(await life.stop(sandboxId)).toMatchObject({ exitCode: 7, reason: 'Error' });
        await expectDied();
        await expectIdle();
      },
    );

    it.each(SOAK ? points : sample(points, 3, random))(
      'at %s: what is left to a caller that gives up can be removed, and all of it goes',
      async point => {
        const { host, service, client } = target;
        armFaults(host, service, deathsAt(point, kind, true));
        const life = new PodLife(target, NAME, false, kind.ownUsers);
        const whole = async (): Promise<void> => {
          const sandboxId = await life.start();
          await life.use();
          await life.stop(sandboxId);
        };
        // some places come after the last call
        await whole().catch(() => undefined);
        await expectDied();
        const { items } = await waitFor('the shim to serve again', () => client.listPodSandbox({ filter: undefined }));
        expect(items.length).toBeLessThanOrEqual(1);
        for (const { id: podSandboxId } of items) {
          await client.stopPodSandbox({ podSandboxId });
          await client.removePodSandbox({ podSandboxId });
        }
        await expectIdle();
      },
    );
  },
);

/** What there is of pods, without what differs from one to the next. */
async function shapeOf(target: RuntimeHost): Promise<readonly string[]> {
  return (await podLeftovers(target))
    .map(line =>
      line
        .replaceAll(/[0-9a-f]{64}/g, '<id>')
        .replace(/^process \d+/, 'process')
        .replace(/^link \S+/, 'link')
        .replaceAll(/10\.244\.0\.\d+/g, '<address>'),
    )
    .sort();
}

/** rmdir alone: a group of a container that is still inside makes it fail, and the check for leftovers tells. */
function removePodGroup({ host }: RuntimeHost): void {
  const root = host.path('/sys/fs/cgroup');
  for (const hierarchy of ['.', ...readdirSync(root)]) {
    const group = `${root}/${hierarchy}/kubepods/poduid-${NAME}`;
    if (existsSync(group)) rmdirSync(group);
  }
}

/** Everything in the shim's directories, images but for their layers' content. */
function shimFiles({ host }: RuntimeHost): readonly string[] {
  const found: string[] = [];
  const walk = (directory: string): void => {
    for (const entry of readdirSync(host.path(directory), { withFileTypes: true })) {
      const path = `${directory}/${entry.name}`;
      found.push(path);
      if (entry.isDirectory() && !/\/layers\/[^/]+$/.test(path)) walk(path);
    }
  };
  walk('/run/gantry/cri');
  walk('/var/lib/gantry');
  return found.sort();
}

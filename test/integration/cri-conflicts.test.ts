/** Calls that contradict each other at the same time, and callers that leave in the middle: each ends as if one had come after the other, and nothing is left. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { errorCode } from '../../src/base/errors.ts';
import { PodSandboxConfig, UpdateContainerResourcesRequest } from '../../src/rpc/cri-api.ts';
import { containerConfig, podConfig } from '../harness/cri-pod.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { seededRandom } from '../harness/random.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';

const ROUNDS = process.env['GANTRY_SOAK'] === '1' ? 100 : 2;
const random = seededRandom();

let target: RuntimeHost;
beforeAll(async () => {
  target = await gantryHost();
});
afterAll(() => target.delete());

interface Pod {
  readonly sandboxConfig: PodSandboxConfig;
  readonly podSandboxId: string;
  readonly containerId: string;
}

let made = 0;

function sandboxConfigOf(name: string): PodSandboxConfig {
  const config = podConfig(name);
  // a pod's group is its caller's: one for all
  return PodSandboxConfig.fromPartial({ ...config, linux: { ...config.linux, cgroupParent: '/kubepods/conflicts' } });
}

const container = containerConfig(['/bin/sleep', '100000']);

/** A sandbox with a container that was made, and runs where it says so. */
async function makePod(state: 'created' | 'running'): Promise<Pod> {
  made += 1;
  const sandboxConfig = sandboxConfigOf(`conflict-${made}`);
  const { podSandboxId } = await target.client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
  const { containerId } = await target.client.createContainer({ podSandboxId, config: container, sandboxConfig });
  if (state === 'running') await target.client.startContainer({ containerId });
  return { sandboxConfig, podSandboxId, containerId };
}

async function remove({ podSandboxId }: Pick<Pod, 'podSandboxId'>): Promise<void> {
  await target.client.stopPodSandbox({ podSandboxId });
  await target.client.removePodSandbox({ podSandboxId });
}

type Call = (pod: Pod) => Promise<unknown>;

const other = { ...container, metadata: { name: 'other', attempt: 0 } };
const CALLS = {
  start: ({ containerId }) => target.client.startContainer({ containerId }),
  'stop at once': ({ containerId }) => target.client.stopContainer({ containerId, timeout: 0n }),
  'stop in 30 s': ({ containerId }) => target.client.stopContainer({ containerId, timeout: 30n }),
  remove: ({ containerId }) => target.client.removeContainer({ containerId }),
  exec: ({ containerId }) => target.client.execSync({ containerId, cmd: ['/bin/sleep', '0.02'], timeout: 10n }),
  update: ({ containerId }) => {
    const request = { containerId, linux: { cpuShares: 204n } };
    return target.client.updateContainerResources(UpdateContainerResourcesRequest.fromPartial(request));
  },
  'reopen the log': ({ containerId }) => target.client.reopenContainerLog({ containerId }),
  'ask for stats': ({ containerId }) => target.client.containerStats({ containerId }),
  'make another container': ({ podSandboxId, sandboxConfig }) =>
    target.client.createContainer({ podSandboxId, config: other, sandboxConfig }),
  'stop the sandbox': ({ podSandboxId }) => target.client.stopPodSandbox({ podSandboxId }),
  'remove the sandbox': ({ podSandboxId }) => target.client.removePodSandbox({ podSandboxId }),
  'run the sandbox again': ({ sandboxConfig }) =>
    target.client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' }),
} as const satisfies Record<string, Call>;
type CallName = keyof typeof CALLS;

/** `OK`, or the code of the error. */
async function outcomeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'OK',
    error => errorCode(error),
  );
}

/** Both, the second up to 30 ms after the first. */
async function together(pod: Pod, names: readonly CallName[]): Promise<string[]> {
  return Promise.all(
    names.map(async (name, at) => {
      if (at > 0) await delay(random.below(30));
      return outcomeOf(CALLS[name](pod));
    }),
  );
}

const GONE = ['failed-precondition', 'not-found'];

describe(`two calls at once, seed ${random.seed}`, () => {
  it.each<['created' | 'running', CallName, CallName, readonly string[]]>([
    ['created', 'start', 'remove', ['OK', ...GONE]],
    ['created', 'start', 'stop at once', ['OK', ...GONE]],
    ['created', 'start', 'stop the sandbox', ['OK', ...GONE]],
    ['created', 'start', 'remove the sandbox', ['OK', ...GONE]],
    ['created', 'start', 'start', ['OK']],
    ['created', 'update', 'start', ['OK']],
    ['created', 'update', 'remove', ['OK', ...GONE]],
    ['running', 'exec', 'stop at once', ['OK', ...GONE]],
    ['running', 'exec', 'remove', ['OK', ...GONE]],
    ['running', 'exec', 'remove the sandbox', ['OK', ...GONE]],
    ['running', 'update', 'stop at once', ['OK', ...GONE]],
    ['running', 'update', 'remove', ['OK', ...GONE]],
    ['running', 'update', 'update', ['OK']],
    ['running', 'reopen the log', 'stop at once', ['OK', ...GONE]],
    ['running', 'reopen the log', 'remove', ['OK', ...GONE]],
    ['running', 'ask for stats', 'remove', ['OK', ...GONE]],
    ['running', 'stop in 30 s', 'remove', ['OK']],
    ['running', 'stop in 30 s', 'stop at once', ['OK']],
    ['running', 'remove', 'remove', ['OK']],
    ['running', 'make another container', 'stop the sandbox', ['OK', ...GONE]],
    ['running', 'make another container', 'remove the sandbox', ['OK', ...GONE]],
    ['running', 'stop the sandbox', 'remove the sandbox', ['OK']],
    ['running', 'run the sandbox again', 'remove the sandbox', ['OK', ...GONE]],
  ])('a container that is %s: %s, and %s', async (state, first, second, answers) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const pod = await makePod(state);
      const outcomes = await together(pod, [first, second]);
      for (const outcome of outcomes) expect(answers).toContain(outcome);
      const { items } = await target.client.listPodSandbox({ filter: undefined });
      await Promise.all(items.map(({ id }) => remove({ podSandboxId: id })));
    }
    await expectNoLeftovers(target);
  });

  it('five callers who ask for the same pod and container get the same', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      made += 1;
      const sandboxConfig = sandboxConfigOf(`same-${made}`);
      const five = <T>(call: () => Promise<T>): Promise<T[]> =>
        Promise.all(
          [0, 1, 2, 3, 4].map(async () => {
            await delay(random.below(30));
            return call();
          }),
        );
      const sandboxes = await five(() => target.client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' }));
      const [podSandboxId = ''] = new Set(sandboxes.map(each => each.podSandboxId));
      const request = { podSandboxId, config: container, sandboxConfig };
      const containers = await five(() => target.client.createContainer(request));
      expect(new Set(sandboxes.map(each => each.podSandboxId)).size).toBe(1);
      expect(new Set(containers.map(each => each.containerId)).size).toBe(1);
      expect((await target.client.listContainers({ filter: undefined })).containers).toHaveLength(1);
      await remove({ podSandboxId });
    }
    await expectNoLeftovers(target);
  });
});

describe('a caller that leaves', () => {
  /** Calls with a time limit of up to 40 ms, or takes the call back by then; then asks again until it is done. */
  async function impatiently<T>(
    call: (options: { signal?: AbortSignal; timeoutMs?: number }) => Promise<T>,
  ): Promise<T> {
    const ms = 1 + random.below(40);
    const options = random.below(2) === 0 ? { timeoutMs: ms } : { signal: AbortSignal.timeout(ms) };
    const first = await outcomeOf(call(options));
    expect(['OK', 'deadline-exceeded', 'cancelled', 'unknown']).toContain(first);
    return call({});
  }

  let pods: string[] = [];
  beforeEach(() => {
    pods = [];
  });

  it('at any step of a pod gets what it asked for, once, when it asks again', async () => {
    for (let round = 0; round < ROUNDS * 3; round += 1) {
      made += 1;
      const { client } = target;
      const sandboxConfig = sandboxConfigOf(`left-${made}`);
      const { podSandboxId } = await impatiently(o =>
        client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' }, o),
      );
      const request = { podSandboxId, config: container, sandboxConfig };
      const { containerId } = await impatiently(o => client.createContainer(request, o));
      await impatiently(o => client.startContainer({ containerId }, o));
      const { stdout } = await impatiently(o =>
        client.execSync({ containerId, cmd: ['/bin/echo', 'hello'], timeout: 10n }, o),
      );
      expect(stdout.toString()).toBe('hello\n');
      const update = UpdateContainerResourcesRequest.fromPartial({ containerId, linux: { cpuShares: 300n } });
      await impatiently(o => client.updateContainerResources(update, o));
      await impatiently(o => client.reopenContainerLog({ containerId }, o));
      const { items } = await client.listPodSandbox({ filter: undefined });
      expect(items.map(({ id }) => id)).toEqual([podSandboxId]);
      await impatiently(o => client.stopContainer({ containerId, timeout: 0n }, o));
      await impatiently(o => client.removeContainer({ containerId }, o));
      await impatiently(o => client.stopPodSandbox({ podSandboxId }, o));
      await impatiently(o => client.removePodSandbox({ podSandboxId }, o));
      pods.push(podSandboxId);
    }
    expect(new Set(pods).size).toBe(ROUNDS * 3);
    await expectNoLeftovers(target);
  });

  it('of a command leaves nothing of it running', async () => {
    const pod = await makePod('running');
    const command = { containerId: pod.containerId, cmd: ['/bin/sh', '-c', 'sleep 4711 & sleep 4711'], timeout: 0n };
    const calls = Array.from({ length: ROUNDS * 2 }, () =>
      outcomeOf(target.client.execSync(command, { timeoutMs: 20 + random.below(200) })),
    );
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['deadline-exceeded']));
    await expect
      .poll(async () => (await target.host.exec(['pgrep', '-fc', 'sleep 4711'])).stdout.trim(), { timeout: 20_000 })
      .toBe('0');
    await remove(pod);
    await expectNoLeftovers(target);
  });
});

describe('afterwards', () => {
  it('nothing is wrong in the log', () => {
    const lines = readFileSync(target.service.logFile, 'utf8').split('\n');
    expect(lines.filter(line => line.includes('"level":"error"'))).toEqual([]);
  });
});

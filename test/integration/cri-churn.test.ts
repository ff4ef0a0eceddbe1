import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PodSandboxConfig } from '../../src/rpc/cri-api.ts';
import { podConfig, startContainerIn } from '../harness/cri-pod.ts';
import { type Heap, lookIntoHeap } from '../harness/heap.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

const SOAK = process.env['GANTRY_SOAK'] === '1';
const SANDBOXES = SOAK ? 2_000 : 200;
/** 200 took 68 s on a machine with eight times as much to do as it can. */
const TIMEOUT_MS = SOAK ? 1_200_000 : 240_000;
const AT_ONCE = 20;
const CONTAINERS = ['one', 'two'];
/** The heap is looked at so often; what one tenth keeps for ever shows in the next. */
const TENTHS = 10;

let target: RuntimeHost;
let heap: Heap | undefined;
beforeAll(async () => {
  target = await gantryHost();
  heap = await lookIntoHeap(target.host, target.service.pid() ?? 0);
});
afterAll(async () => {
  await heap?.close();
  await target.delete();
});

const heapSize = async (): Promise<number> => (await heap?.afterCollection()) ?? Number.NaN;

/** A sandbox with its containers, made and taken away as the kubelet does, or in one removal. */
async function life(number: number): Promise<void> {
  const { client } = target;
  const config = PodSandboxConfig.fromPartial({
    ...podConfig(`churn-${number}`),
    linux: { ...podConfig('').linux, cgroupParent: '/kubepods/besteffort' },
  });
  const { podSandboxId } = await client.runPodSandbox({ config, runtimeHandler: '' });
  const containerIds = await Promise.all(CONTAINERS.map(name => startContainerIn(client, podSandboxId, config, name)));
  // every other one is removed as it runs
  for (const containerId of number % 2 === 0 ? containerIds : []) {
    await client.stopContainer({ containerId, timeout: 0n });
    await client.removeContainer({ containerId });
  }
  await client.stopPodSandbox({ podSandboxId });
  await client.removePodSandbox({ podSandboxId });
}

async function lives(first: number, count: number): Promise<void> {
  let next = first;
  const worker = async (): Promise<void> => {
    while (next < first + count) {
      next += 1;
      await life(next);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** What the leftovers of pods do not name: how many of each the shim or its host holds. */
function held(): Record<string, number> {
  const { host, service } = target;
  const pid = service.pid() ?? 0;
  const shim = host.path(`/proc/${pid}`);
  const namespaces = new Set<string>();
  const processes = readdirSync(host.path('/proc')).filter(name => /^\d+$/.test(name));
  for (const line of readFileSync(host.path('/proc/1/mountinfo'), 'utf8').split('\n'))
    if (line.includes(' nsfs ')) namespaces.add(line);
  return {
    'descriptors of the shim': readdirSync(`${shim}/fd`).length,
    'threads of the shim': readdirSync(`${shim}/task`).length,
    'children of the shim': readFileSync(`${shim}/task/${pid}/children`, 'utf8').split(' ').length,
    'processes of the host': processes.length,
    'mounts of the host': readFileSync(host.path('/proc/1/mountinfo'), 'utf8').split('\n').length,
    'links of the host': readFileSync(host.path('/proc/1/net/dev'), 'utf8').split('\n').length,
    'namespaces that are kept': namespaces.size,
  };
}

describe(`${SANDBOXES} sandboxes with two containers each, ${AT_ONCE} at a time`, () => {
  it('leave nothing behind, and the shim as large as it was', { timeout: TIMEOUT_MS }, async () => {
    const tenth = SANDBOXES / TENTHS;
    // what is made once and kept: the bridge, compiled code, caches
    await lives(0, tenth);
    await expectNoLeftovers(target);
    const before = held();
    const sizes = [await heapSize()];
    for (let round = 1; round < TENTHS; round += 1) {
      await lives(round * tenth, tenth);
      sizes.push(await heapSize());
    }
    await expectNoLeftovers(target);
    await waitFor('the shim and its host to hold what they held', saw => {
      const after = held();
      saw({ before, after });
      return Object.entries(before).every(([what, count]) => (after[what] ?? 0) <= count);
    });
    console.log(`heap after collection: ${sizes.map(size => (size / 2 ** 20).toFixed(2)).join(', ')} MB`);
    expect((sizes.at(-1) ?? 0) / (sizes[0] ?? 0)).toBeLessThan(1.1);
  });
});

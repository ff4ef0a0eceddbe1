import type { Pod } from '../../src/api/types/gen/core-v1.ts';
import { CpuMeter } from './cluster-processes.ts';
import { NAMESPACE, OneNode, PODS, PodWatch, waitingPod } from './one-node.ts';

/** Times of one pod from the call that creates it on, in ms. */
export interface PodStart {
  readonly answered: number;
  readonly scheduled: number;
  readonly sandbox: number;
  readonly ready: number;
}

export interface PodStarts {
  readonly oneByOne: readonly PodStart[];
  readonly atOnce: readonly PodStart[];
  /** From the first call to the last pod that is Ready, one a round. */
  readonly allReady: readonly number[];
  /** From the call that deletes a pod to its end, those of the first kind one after another. */
  readonly gone: readonly number[];
  /** CPU seconds for each pod's start, by kind of process. */
  readonly cpuOneByOne: ReadonlyMap<string, number>;
  readonly cpuAtOnce: ReadonlyMap<string, number>;
  /** Requests of everybody that the API server answers for each pod's start. */
  readonly requestsOneByOne: number;
  readonly requestsAtOnce: number;
}

/** Pods through the API of one node: `few` one by one, and then `many` at once, for some rounds. The first pods of all are not counted: code is compiled, caches are filled. */
export async function measurePodStarts(rounds: number, few: number, many: number): Promise<PodStarts> {
  const node = new OneNode();
  try {
    await node.create();
    const watch = await PodWatch.begin(node);
    const oneByOne: PodStart[] = [];
    const atOnce: PodStart[] = [];
    const allReady: number[] = [];
    const gone: number[] = [];
    const cpuOneByOne = new CpuMeter();
    const cpuAtOnce = new CpuMeter();
    let requestsOneByOne = 0;
    let requestsAtOnce = 0;
    for (const name of ['first-1', 'first-2', 'first-3']) {
      await start(node, watch, name);
      await end(node, watch, name);
    }
    for (let round = 1; round <= rounds; round += 1) {
      const names = Array.from({ length: few }, (_, i) => `one-${round}-${i}`);
      const quiet = await node.requests();
      cpuOneByOne.start(node.host);
      for (const name of names) oneByOne.push(await start(node, watch, name));
      cpuOneByOne.stop(node.host);
      requestsOneByOne += (await node.requests()) - quiet;
      for (const name of names) gone.push(await end(node, watch, name));
      const crowd = Array.from({ length: many }, (_, i) => `many-${round}-${i}`);
      const before = await node.requests();
      cpuAtOnce.start(node.host);
      const began = performance.now();
      atOnce.push(...(await Promise.all(crowd.map(name => start(node, watch, name)))));
      allReady.push(performance.now() - began);
      cpuAtOnce.stop(node.host);
      requestsAtOnce += (await node.requests()) - before;
      await Promise.all(crowd.map(name => end(node, watch, name)));
    }
    watch.end();
    return {
      oneByOne,
      atOnce,
      allReady,
      gone,
      cpuOneByOne: cpuOneByOne.perOf(oneByOne.length),
      cpuAtOnce: cpuAtOnce.perOf(atOnce.length),
      requestsOneByOne: requestsOneByOne / oneByOne.length,
      requestsAtOnce: requestsAtOnce / atOnce.length,
    };
  } finally {
    await node.delete();
  }
}

async function start(node: OneNode, watch: PodWatch, name: string): Promise<PodStart> {
  const began = performance.now();
  await node.client<Pod>(PODS).create(waitingPod(name, { app: 'bench' }));
  const answered = performance.now() - began;
  await watch.until('ready', [name]);
  const { scheduled = Number.NaN, sandbox = Number.NaN, ready = Number.NaN } = watch.seen.get(name) ?? {};
  return { answered, scheduled: scheduled - began, sandbox: sandbox - began, ready: ready - began };
}

async function end(node: OneNode, watch: PodWatch, name: string): Promise<number> {
  const began = performance.now();
  await node.client<Pod>(PODS).delete(NAMESPACE, name);
  await watch.until('gone', [name]);
  return (watch.seen.get(name)?.gone ?? Number.NaN) - began;
}

import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../../src/base/clock.ts';
import { GantryError } from '../../../../src/base/errors.ts';
import { watchRuntime } from '../../../../src/kubelet/observed/runtime-watch.ts';
import { podWith } from '../pods.ts';
import { Simulation } from '../simulate.ts';

const signal = new AbortController().signal;
const running = async (): Promise<Simulation> => {
  const sim = new Simulation(podWith('containers: [{name: main, image: localhost/busybox:1}]'));
  await sim.settle();
  sim.runtime.calls.length = 0;
  return sim;
};

describe('PodCache', () => {
  it('asks for no details of what did not change', async () => {
    const sim = await running();
    expect(await sim.cache.relist(signal)).toEqual([]);
    await sim.cache.refresh(sim.pod.uid, signal);
    expect(sim.runtime.calls).toEqual(['listSandboxes', 'listContainers', 'listSandboxes', 'listContainers']);
  });

  it('tells on a relist which pods changed, also one that is gone', async () => {
    const sim = await running();
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 3);
    expect(await sim.cache.relist(signal)).toEqual([sim.pod.uid]);
    expect(sim.cache.get(sim.pod.uid)?.containers[0]).toMatchObject({ state: 'exited', exitCode: 3 });
    sim.runtime.containers.clear();
    sim.runtime.sandboxes.clear();
    expect(await sim.cache.relist(signal)).toEqual([sim.pod.uid]);
    expect(sim.cache.get(sim.pod.uid)).toBeUndefined();
  });

  it('leaves out what has no pod: other programs use the runtime too', async () => {
    const sim = await running();
    const [sandbox] = sim.runtime.ready();
    sim.runtime.addSandbox({ ...sandbox?.config, labels: {} } as never);
    expect(await sim.cache.relist(signal)).toEqual([]);
  });
});

/** Runs a watch and collects what it tells. */
function watch(sim: Simulation, clock: Clock = systemClock) {
  const stop = new AbortController();
  const events: string[] = [];
  let relists = 0;
  const waiting: { readonly when: () => boolean; readonly resolve: () => void }[] = [];
  const look = (): void => {
    for (const w of waiting.splice(0)) {
      if (w.when()) w.resolve();
      else waiting.push(w);
    }
  };
  const done = watchRuntime(
    {
      runtime: sim.runtime,
      cache: sim.cache,
      clock,
      log: pino({ level: 'silent' }),
      onEvent: uid => {
        events.push(uid);
        look();
      },
      onRelist: () => {
        relists += 1;
        look();
      },
    },
    stop.signal,
  );
  return {
    events,
    relists: () => relists,
    until: (when: () => boolean) =>
      new Promise<void>(resolve => (when() ? resolve() : waiting.push({ when, resolve }))),
    async end() {
      stop.abort();
      await done;
    },
  };
}

/** Time in which every wait is over at once. */
const hurried = (): Clock & { readonly waits: number[] } => {
  const waits: number[] = [];
  return {
    ...systemClock,
    waits,
    after(ms, fn) {
      waits.push(ms);
      return systemClock.after(waits.length > 20 ? 1_000_000 : 0, fn);
    },
  };
};

describe('watchRuntime', () => {
  it('tells of a pushed event that is news, and not of one that the cache knows already', async () => {
    const sim = await running();
    const watched = watch(sim);
    await watched.until(() => watched.relists() >= 2);
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 1);
    await watched.until(() => watched.events.length === 1);
    expect(watched.events).toEqual([sim.pod.uid]);
    await sim.settle();
    expect(sim.runtime.running()).toHaveLength(1);
    await watched.end();
  });

  it('reads the lists every second where the runtime pushes nothing', async () => {
    const sim = await running();
    sim.runtime.events = () => {
      throw new GantryError('unimplemented', 'no events');
    };
    const clock = hurried();
    const watched = watch(sim, clock);
    await watched.until(() => watched.relists() >= 4);
    expect(new Set(clock.waits.slice(1))).toEqual(new Set([1_000]));
    await watched.end();
  });

  it('connects again when the lists cannot be read after the stream was opened', async () => {
    const sim = await running();
    const list = sim.runtime.listSandboxes.bind(sim.runtime);
    let lists = 0;
    sim.runtime.listSandboxes = async uid => {
      lists += 1;
      // this stream is open before the lists are read at the start, so the first is the one that its opening asks for
      if (lists === 1) throw new GantryError('unavailable', 'no answer');
      return list(uid);
    };
    // pauses between attempts pass at once, the 300 s to the next relist never do
    const clock = { ...systemClock, after: (ms: number, fn: () => void) => systemClock.after(ms > 3_000 ? ms : 0, fn) };
    const watched = watch(sim, clock);
    await watched.until(() => watched.relists() >= 2);
    expect(lists).toBeGreaterThanOrEqual(3);
    await watched.end();
  });

  it('waits 100 ms, doubling to 3 s, while the runtime is away, and reads everything when it is back', async () => {
    const sim = await running();
    const clock = hurried();
    const list = sim.runtime.listSandboxes.bind(sim.runtime);
    let left = 7;
    sim.runtime.listSandboxes = async uid => {
      left -= 1;
      if (left >= 0) throw new GantryError('unavailable', 'no answer');
      return list(uid);
    };
    const watched = watch(sim, clock);
    await watched.until(() => watched.relists() >= 1);
    const pauses = clock.waits.filter(ms => ms <= 3_000);
    expect(pauses.slice(0, 3)).toEqual([100, 200, 400]);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(3_000);
    await watched.end();
  });
});

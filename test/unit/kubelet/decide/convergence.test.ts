import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { podWith } from '../pods.ts';
import { Simulation } from '../simulate.ts';

const IMAGE = 'image: localhost/busybox:1';
const POD = podWith(
  `initContainers: [{name: side, ${IMAGE}, restartPolicy: Always}]\n  containers: [{name: a, ${IMAGE}}, {name: b, ${IMAGE}}]`,
);

const CALLS = [
  'runSandbox',
  'createContainer',
  'startContainer',
  'stopContainer',
  'removeContainer',
  'stopSandbox',
  'removeSandbox',
] as const;

/** What may happen to a pod between two steps of its worker. */
const mishap = fc.oneof(
  fc.record({ kind: fc.constant('exit' as const), which: fc.nat(5), code: fc.constantFrom(0, 1, 137) }),
  fc.record({ kind: fc.constant('lose-sandbox' as const) }),
  fc.record({ kind: fc.constant('second-sandbox' as const) }),
  fc.record({ kind: fc.constant('fail' as const), call: fc.constantFrom(...CALLS) }),
  fc.record({ kind: fc.constant('restart-kubelet' as const) }),
  fc.record({ kind: fc.constant('steps' as const), count: fc.integer({ min: 1, max: 4 }) }),
);
type Mishap = typeof mishap extends fc.Arbitrary<infer T> ? T : never;

async function happen(sim: Simulation, event: Mishap): Promise<void> {
  const { runtime } = sim;
  switch (event.kind) {
    case 'exit': {
      const running = runtime.running();
      runtime.exit(running[event.which % Math.max(running.length, 1)]?.id ?? '', event.code);
      break;
    }
    case 'lose-sandbox':
      runtime.loseSandbox(runtime.ready()[0]?.id ?? '');
      break;
    case 'second-sandbox': {
      const [first] = runtime.ready();
      if (first !== undefined) runtime.addSandbox(first.config);
      break;
    }
    case 'fail':
      runtime.failNext.add(event.call);
      break;
    case 'restart-kubelet':
      sim.memory = new Simulation(POD).memory;
      break;
    case 'steps':
      for (let i = 0; i < event.count; i += 1) await sim.step();
  }
}

describe('a pod under any sequence of mishaps', () => {
  it('comes to run, once: one ready sandbox, each container running exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(mishap, { maxLength: 25 }), async mishaps => {
        const sim = new Simulation(POD);
        for (const event of mishaps) await happen(sim, event);
        sim.runtime.failNext.clear();
        await sim.settle(200);
        expect(
          sim.runtime
            .running()
            .map(c => c.config.metadata?.name)
            .sort(),
        ).toEqual(['a', 'b', 'side']);
        expect(sim.runtime.ready()).toHaveLength(1);
        expect(sim.status().phase).toBe('Running');
        expect((await sim.plan()).actions).toEqual([]);
      }),
      { seed: 20261121, numRuns: 300 },
    );
  });

  it('leaves nothing when it is ended', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(mishap, { maxLength: 15 }),
        fc.array(mishap, { maxLength: 6 }),
        async (before, during) => {
          const sim = new Simulation(POD);
          for (const event of before) await happen(sim, event);
          sim.wanted = false;
          for (const event of during) await happen(sim, event);
          sim.runtime.failNext.clear();
          await sim.settle(100);
          expect(sim.runtime.containers.size).toBe(0);
          expect(sim.runtime.sandboxes.size).toBe(0);
          expect(sim.memory).toMatchObject({ volumes: 'removed', cgroup: 'removed', podDir: 'removed' });
        },
      ),
      { seed: 20261122, numRuns: 300 },
    );
  });
});

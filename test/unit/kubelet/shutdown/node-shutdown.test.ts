import pino from 'pino';
import { describe, expect, it, vi } from 'vitest';
import type { DesiredPod } from '../../../../src/kubelet/desired/desired-pod.ts';
import { NodeShutdown, type ShutdownDoor } from '../../../../src/kubelet/shutdown/node-shutdown.ts';
import type { ShutdownStage } from '../../../../src/kubelet/shutdown/plan.ts';
import type { Logind } from '../../../../src/linux/logind.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';

const STAGES: readonly ShutdownStage[] = [
  { priority: 0, graceSeconds: 20 },
  { priority: 2_000_000_000, graceSeconds: 10 },
];

const pod = (name: string, priority: number): DesiredPod =>
  ({ uid: name, name, namespace: 'default', pod: { spec: { priority } } }) as unknown as DesiredPod;

/** A logind that does what it is told, and a kubelet whose pods end when the test says so. */
function world(delayMs: number, isShuttingDown = false) {
  const seen: string[] = [];
  const ends = new Map<string, () => void>();
  let onChange = (_isShuttingDown: boolean): void => {};
  let onLost = (_error: Error): void => {};
  const logind: Logind = {
    inhibitDelayMs: async () => delayMs,
    isShuttingDown: async () => isShuttingDown,
    raiseInhibitDelay: async ms => void seen.push(`delay ${ms}`),
    watchShutdown(change, lost) {
      onChange = change;
      onLost = lost;
    },
    close: () => void seen.push('closed'),
  };
  const door: ShutdownDoor = {
    open: async () => logind,
    async inhibit() {
      seen.push('locked');
      return { release: () => void seen.push('released') };
    },
  };
  const clock = new FakeClock();
  const shutdown = new NodeShutdown({
    stages: STAGES,
    pods: () => [pod('critical', 2_000_000_000), pod('web', 0)],
    end: (each, graceSeconds) => {
      seen.push(`end ${each.name} ${graceSeconds}`);
      return new Promise<void>(resolve => ends.set(each.name, resolve));
    },
    onChange: down => void seen.push(down ? 'down' : 'up'),
    door,
    clock,
    log: pino({ level: 'silent' }),
  });
  const stop = new AbortController();
  const done = shutdown.run(stop.signal);
  return {
    seen,
    clock,
    shutdown,
    prepare: (down: boolean) => onChange(down),
    lose: () => onLost(new Error('gone')),
    ended: (name: string) => ends.get(name)?.(),
    sees: (...wanted: string[]) => vi.waitFor(() => expect(seen).toEqual(wanted)),
    async close() {
      stop.abort();
      await done;
    },
  };
}

describe('NodeShutdown', () => {
  it('holds the machine up until its pods have ended, the critical ones last', async () => {
    const { prepare, ended, sees, shutdown, close } = world(60_000);
    await sees('locked');
    prepare(true);
    await sees('locked', 'down', 'end web 20');
    expect(shutdown.isShuttingDown).toBe(true);
    ended('web');
    await sees('locked', 'down', 'end web 20', 'end critical 10');
    ended('critical');
    await sees('locked', 'down', 'end web 20', 'end critical 10', 'released');
    await close();
  });

  it('does not wait longer for a stage than its time', async () => {
    const { prepare, clock, sees, close } = world(60_000);
    await sees('locked');
    prepare(true);
    await sees('locked', 'down', 'end web 20');
    await clock.advance(20_000);
    await sees('locked', 'down', 'end web 20', 'end critical 10');
    await clock.advance(10_000);
    await sees('locked', 'down', 'end web 20', 'end critical 10', 'released');
    await close();
  });

  it('has logind wait as long as the pods may take', async () => {
    const { sees, close } = world(5_000);
    await sees('delay 30000', 'locked');
    await close();
  });

  it('takes the lock again when the shutdown is called off', async () => {
    const { prepare, ended, sees, shutdown, close } = world(60_000);
    await sees('locked');
    prepare(true);
    await sees('locked', 'down', 'end web 20');
    ended('web');
    await sees('locked', 'down', 'end web 20', 'end critical 10');
    prepare(false);
    ended('critical');
    await sees('locked', 'down', 'end web 20', 'end critical 10', 'released', 'up', 'locked');
    expect(shutdown.isShuttingDown).toBe(false);
    await close();
  });

  it('ends pods at a shutdown that began before this kubelet did', async () => {
    const { sees, close } = world(60_000, true);
    await sees('locked', 'down', 'end web 20');
    await close();
  });

  it('watches again after logind was lost', async () => {
    const { lose, clock, sees, close } = world(60_000);
    await sees('locked');
    lose();
    await sees('locked', 'released', 'closed');
    await clock.advance(1_000);
    await sees('locked', 'released', 'closed', 'locked');
    await close();
  });
});

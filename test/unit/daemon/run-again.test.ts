import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { aborted } from '../../../src/base/signals.ts';
import { runAgain } from '../../../src/daemon/run-again.ts';
import { FakeClock } from '../../harness/fake-clock.ts';

const log = pino({ level: 'silent' });

describe('runAgain', () => {
  it('begins a component again a second after it failed, and after it ended by itself', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const began: number[] = [];
    const ends = [() => Promise.reject(new Error('lost the lease')), () => Promise.resolve(), aborted];
    const component = {
      name: 'controllers',
      run(signal: AbortSignal): Promise<void> {
        began.push(clock.monotonic());
        return ends[began.length - 1]?.(signal) ?? Promise.resolve();
      },
    };
    const running = runAgain(component, { clock, log }).run(stop.signal, () => {});
    await clock.advance(999);
    expect(began).toEqual([0]);
    await clock.advance(5000);
    expect(began).toEqual([0, 1000, 2000]);
    stop.abort();
    await running;
  });

  it('ends without another beginning when it is stopped in the pause', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    let began = 0;
    const component = {
      name: 'controllers',
      run(): Promise<void> {
        began += 1;
        return Promise.reject(new Error('no'));
      },
    };
    const running = runAgain(component, { clock, log }).run(stop.signal, () => {});
    await clock.advance(10);
    stop.abort();
    await running;
    expect(began).toBe(1);
  });
});

import { describe, expect, it } from 'vitest';
import { ServerProbe } from '../../../src/client/server-probe.ts';
import { FakeClock } from '../../harness/fake-clock.ts';

const never = new AbortController().signal;

/** A server that takes connections from some time on, and somebody who waits for it. */
function world(takesFrom: number) {
  const clock = new FakeClock();
  const looks: number[] = [];
  const probe = new ServerProbe(clock, async () => {
    looks.push(clock.monotonic());
    if (clock.monotonic() < takesFrom) throw new Error('ECONNREFUSED');
  });
  const ended: [who: string, wasReached: boolean, at: number][] = [];
  const wait = (who: string, ms: number, signal = never): void => {
    void probe.pause(ms, signal, clock).then(wasReached => ended.push([who, wasReached, clock.monotonic()]));
  };
  return { clock, probe, looks, ended, wait };
}

describe('a pause before a server is asked again', () => {
  it('ends for all as soon as the server takes connections, by one look for all of them', async () => {
    const { clock, probe, looks, ended, wait } = world(1_000);
    probe.refused();
    wait('one', 5_000);
    wait('two', 4_000);
    await clock.advance(10_000);
    expect(looks.map(Math.round)).toEqual([50, 113, 191, 288, 410, 563, 754, 992, 1290]);
    expect(ended).toEqual([
      ['one', true, looks.at(-1)],
      ['two', true, looks.at(-1)],
    ]);
  });

  it('ends for all when somebody else reaches the server', async () => {
    const { clock, probe, ended, wait } = world(Number.POSITIVE_INFINITY);
    probe.refused();
    wait('one', 5_000);
    await clock.advance(10);
    probe.reached();
    await clock.advance(1);
    expect(ended).toEqual([['one', true, 10]]);
  });

  it('is over after its time, 5 s at least, and then nobody looks any more', async () => {
    const { clock, probe, looks, ended, wait } = world(Number.POSITIVE_INFINITY);
    probe.refused();
    wait('one', 200);
    wait('two', 7_000);
    await clock.advance(20_000);
    expect(ended).toEqual([
      ['one', false, 5_000],
      ['two', false, 7_000],
    ]);
    const before = looks.length;
    expect(looks.at(-1)).toBeLessThan(8_100);
    wait('three', 100);
    await clock.advance(100);
    expect(looks.slice(before)).toEqual([20_050]);
  });

  it('ends at the abort of its signal', async () => {
    const { clock, probe, ended, wait } = world(Number.POSITIVE_INFINITY);
    const stop = new AbortController();
    probe.refused();
    wait('one', 5_000, stop.signal);
    await clock.advance(10);
    stop.abort();
    await clock.advance(1);
    expect(ended).toEqual([['one', false, 10]]);
  });

  it('is a plain pause where the server takes connections and the trouble is another one', async () => {
    const { clock, probe, looks, ended, wait } = world(0);
    probe.refused();
    probe.reached();
    wait('one', 300);
    await clock.advance(10_000);
    expect([looks, ended]).toEqual([[], [['one', false, 300]]]);
  });
});

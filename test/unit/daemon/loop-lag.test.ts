import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { loopLag, nextPause, weightOf } from '../../../src/daemon/loop-lag.ts';
import { createRegistry } from '../../../src/daemon/metrics.ts';

describe('how late the event loop was', () => {
  it.each([
    ['often while there is work', 0.05, 20, 1],
    ['all the time', 1, 20, 1],
    ['seldom while there is next to none', 0.04, 200, 10],
  ])('is looked at %s, and counts by time', (_, utilization, pause, weight) => {
    expect([nextPause(utilization), weightOf(pause)]).toEqual([pause, weight]);
  });

  it('is seen where something keeps it', async () => {
    const registry = createRegistry();
    const stop = new AbortController();
    const running = loopLag(registry).run(stop.signal, () => {});
    await setTimeout(0);
    for (const until = performance.now() + 120; performance.now() < until; );
    await setTimeout(1);
    const [max] = /\{quantile="1"\} \S+/.exec(await registry.metrics()) ?? [''];
    expect(Number(max.split(' ')[1])).toBeGreaterThan(0.08);
    stop.abort();
    await running;
  });
});

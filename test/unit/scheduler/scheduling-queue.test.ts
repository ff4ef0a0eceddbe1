import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../src/api/types/gen/core-v1.ts';
import { FILTERS } from '../../../src/scheduler/filter/all.ts';
import { podInfo } from '../../../src/scheduler/pod-info.ts';
import { backoffEnd } from '../../../src/scheduler/queued-pod.ts';
import { SchedulingQueue } from '../../../src/scheduler/scheduling-queue.ts';
import { FakeClock } from '../../harness/fake-clock.ts';
import { pictureOf, testNode, testPod } from '../../harness/scheduling.ts';

const FIT = new Set(['NodeResourcesFit']);

function newQueue() {
  const clock = new FakeClock();
  let calls = 0;
  const queue = new SchedulingQueue({
    clock,
    filters: FILTERS,
    picture: pictureOf([]),
    onReady: () => {
      calls += 1;
    },
  });
  const add = (pod: Pod): void => queue.add(podInfo(pod));
  const take = (): string | undefined => queue.take()?.info.pod.metadata.name;
  const refuse = (pod: Pod, rejectors: ReadonlySet<string> = FIT): void =>
    queue.giveBack(pod.metadata.uid ?? '', { rejectors, isError: false });
  const fail = (pod: Pod): void => queue.giveBack(pod.metadata.uid ?? '', { rejectors: new Set(), isError: true });
  const change = (cpu: string): void =>
    queue.changed({ kind: 'node', before: undefined, after: testNode('n', { allocatable: { cpu } }) });
  return { clock, queue, add, take, refuse, fail, change, ready: () => calls };
}

const A = testPod('a', { requests: { cpu: '1' } });
const B = testPod('b', { requests: { cpu: '1' } });

describe('the order of pods', () => {
  it('is that of their priority, then of their coming', async () => {
    const { clock, add, take } = newQueue();
    add(testPod('old'));
    await clock.advance(1);
    add(testPod('new'));
    add(testPod('important', { priority: 10 }));
    expect([take(), take(), take(), take()]).toEqual(['important', 'old', 'new', undefined]);
  });

  it('follows a priority that changes', async () => {
    const { clock, queue, add, take } = newQueue();
    add(A);
    await clock.advance(1);
    add(B);
    queue.update(podInfo(testPod('b', { priority: 1 })));
    expect(take()).toBe('b');
  });
});

describe('a pod that was refused', () => {
  it('waits until something changes that may help it', () => {
    const { add, take, refuse, change } = newQueue();
    add(A);
    take();
    refuse(A);
    expect(take()).toBeUndefined();
    change('100m');
    expect(take()).toBeUndefined();
    change('2');
    expect(take()).toBe('a');
  });

  it('is not helped by a change that does not concern what refused it', () => {
    const { add, take, refuse, change } = newQueue();
    add(A);
    take();
    refuse(A, new Set(['NodeAffinity']));
    change('100m');
    expect(take()).toBe('a');
  });

  it('is tried again upon any change where nothing is known against it', () => {
    const { add, take, refuse, change } = newQueue();
    add(A);
    take();
    refuse(A, new Set());
    change('1m');
    expect(take()).toBe('a');
  });

  it('backs off where others can be tried meanwhile', async () => {
    const { clock, queue, add, take, refuse, change } = newQueue();
    add(A);
    take();
    refuse(A);
    change('2');
    expect(queue.counts()).toMatchObject({ backoff: 1, active: 0 });
    add(B);
    expect(take()).toBe('b');
    await clock.advance(2_000);
    expect(queue.counts()).toMatchObject({ backoff: 0, active: 1 });
  });

  it('is tried again after five minutes in any case', async () => {
    const { clock, add, take, refuse, ready } = newQueue();
    add(A);
    take();
    refuse(A);
    await clock.advance(299_999);
    expect(take()).toBeUndefined();
    const before = ready();
    await clock.advance(1);
    expect(ready()).toBeGreaterThan(before);
    expect(take()).toBe('a');
  });

  it('is helped by a change of its own', () => {
    const { queue, add, take, refuse } = newQueue();
    add(A);
    take();
    refuse(A);
    queue.update(podInfo(testPod('a', { requests: { cpu: '1' }, labels: { a: 'b' } })));
    expect(take()).toBeUndefined();
    queue.update(podInfo(testPod('a', { requests: { cpu: '1m' } })));
    expect(take()).toBe('a');
  });

  it('is held while others are removed for it, and let go with what has happened meanwhile', () => {
    const { queue, add, take, refuse, change } = newQueue();
    add(A);
    take();
    queue.hold('uid-default-a');
    refuse(A);
    change('2');
    expect(take()).toBeUndefined();
    queue.release('uid-default-a', false);
    expect(take()).toBe('a');
  });

  it('is not tried when it is let go and nothing has happened', () => {
    const { queue, add, take, refuse } = newQueue();
    add(A);
    take();
    queue.hold('uid-default-a');
    refuse(A);
    queue.release('uid-default-a', false);
    expect(take()).toBeUndefined();
  });
});

describe('a pod whose attempt failed', () => {
  it('is tried again after a pause, and not before', async () => {
    const { clock, add, take, fail, ready } = newQueue();
    add(A);
    take();
    fail(A);
    expect(take()).toBeUndefined();
    const before = ready();
    await clock.advance(2_000);
    expect(ready()).toBeGreaterThan(before);
    expect(take()).toBe('a');
  });
});

describe('a gated pod', () => {
  const GATED = testPod('a', { spec: { schedulingGates: [{ name: 'g' }] } });

  it('waits for its gates', () => {
    const { queue, add, take } = newQueue();
    add(GATED);
    expect([take(), queue.counts().gated]).toEqual([undefined, 1]);
    queue.update(podInfo(A));
    expect(take()).toBe('a');
  });
});

describe('a pod that is gone', () => {
  it('is not given out, wherever it was', () => {
    const { queue, add, take, refuse, change } = newQueue();
    add(A);
    add(B);
    queue.remove('uid-default-a');
    expect(take()).toBe('b');
    refuse(B);
    queue.remove('uid-default-b');
    change('2');
    expect(take()).toBeUndefined();
  });

  it('is not put back by who tried it', () => {
    const { queue, add, take, refuse, change } = newQueue();
    add(A);
    take();
    queue.remove('uid-default-a');
    refuse(A);
    change('2');
    expect([take(), queue.get('uid-default-a')]).toEqual([undefined, undefined]);
  });

  it('leaves no timer behind', async () => {
    const { clock, queue, add, take, refuse } = newQueue();
    add(A);
    take();
    refuse(A);
    queue.remove('uid-default-a');
    expect(clock.pending).toBe(0);
  });
});

describe('the pause of a pod', () => {
  it.each([
    ['none before it was refused', { refusals: 0, failures: 0 }, 500],
    ['a second, to the full second', { refusals: 1, failures: 0 }, 2_000],
    ['doubled each time', { refusals: 3, failures: 0 }, 5_000],
    ['at most ten', { refusals: 9, failures: 0 }, 11_000],
    ['by failures where there are any', { refusals: 9, failures: 1 }, 2_000],
  ])('%s', (_, times, end) => {
    expect(backoffEnd({ since: 500, ...times })).toBe(end);
  });
});

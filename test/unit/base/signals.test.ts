import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/base/clock.ts';
import { errorCode } from '../../../src/base/errors.ts';
import { aborted, deadlineSignal, joinedSignal, sleep } from '../../../src/base/signals.ts';

/** A clock whose timers fire when the test says so. */
function handClock(): { clock: Clock; fire: () => void; pending: () => number } {
  const timers = new Set<() => void>();
  return {
    clock: {
      now: () => 0,
      monotonic: () => 0,
      after(_ms, fn) {
        timers.add(fn);
        return () => timers.delete(fn);
      },
    },
    fire: () => {
      for (const fn of [...timers]) {
        timers.delete(fn);
        fn();
      }
    },
    pending: () => timers.size,
  };
}

describe('joinedSignal', () => {
  it.each([
    ['the short one', 0],
    ['the long one', 1],
  ])('aborts with %s and leaves nothing behind at either', (_, which) => {
    const both = [new AbortController(), new AbortController()] as const;
    const joined = joinedSignal(both[0].signal, both[1].signal);
    expect(joined.aborted).toBe(false);
    both[which === 0 ? 0 : 1].abort('why');
    expect(joined.reason).toBe('why');
    expect(both.map(({ signal }) => getEventListeners(signal, 'abort').length)).toEqual([0, 0]);
  });

  it('has aborted where one of them has', () => {
    const late = new AbortController();
    expect(joinedSignal(AbortSignal.abort('short'), late.signal).reason).toBe('short');
    expect(joinedSignal(late.signal, AbortSignal.abort('long')).reason).toBe('long');
    expect(getEventListeners(late.signal, 'abort')).toEqual([]);
  });
});

describe('deadlineSignal', () => {
  it('aborts with what was waited for and how long', () => {
    const { clock, fire } = handClock();
    const owned = deadlineSignal(5000, 'the exit of conmon', undefined, clock);
    fire();
    expect(owned.signal.aborted).toBe(true);
    expect(errorCode(owned.signal.reason)).toBe('deadline-exceeded');
    expect(String(owned.signal.reason)).toContain('timed out after 5000 ms waiting for the exit of conmon');
  });

  it('passes on the abort of its parent and holds nothing after release', () => {
    const { clock, pending } = handClock();
    const parent = new AbortController();
    const owned = deadlineSignal(5000, 'x', parent.signal, clock);
    parent.abort(new Error('stop'));
    expect(owned.signal.reason).toEqual(new Error('stop'));
    owned.release();
    expect(pending()).toBe(0);
  });

  it('has no timer when there is no deadline', () => {
    const { clock, pending } = handClock();
    deadlineSignal(0, 'x', undefined, clock);
    expect(pending()).toBe(0);
  });
});

describe('sleep', () => {
  it('rejects with the reason when aborted and cancels its timer', async () => {
    const { clock, pending } = handClock();
    const controller = new AbortController();
    const sleeping = sleep(1000, controller.signal, clock);
    controller.abort(new Error('enough'));
    await expect(sleeping).rejects.toThrow('enough');
    expect(pending()).toBe(0);
  });

  it('resolves when the time is over', async () => {
    const { clock, fire } = handClock();
    const sleeping = sleep(1000, undefined, clock);
    fire();
    await expect(sleeping).resolves.toBeUndefined();
  });
});

describe('what keeps the process alive', () => {
  it('is a sleep that somebody waits for, and not a deadline', () => {
    const kept: boolean[] = [];
    const clock: Clock = {
      now: () => 0,
      monotonic: () => 0,
      after(_ms, _fn, options) {
        kept.push(options?.keepAlive === true);
        return () => {};
      },
    };
    deadlineSignal(1000, 'x', undefined, clock);
    void sleep(1000, undefined, clock);
    expect(kept).toEqual([false, true]);
  });
});

describe('aborted', () => {
  it('resolves at once for a signal that has aborted already', async () => {
    await expect(aborted(AbortSignal.abort())).resolves.toBeUndefined();
  });
});

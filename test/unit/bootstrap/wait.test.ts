import { describe, expect, it } from 'vitest';
import { pauseAfter, waitUntil } from '../../../src/bootstrap/wait.ts';

const options = { what: 'the door to open', timeoutMs: 60, pauseMs: 5 };

describe('waitUntil', () => {
  it('gives the first answer', async () => {
    const answers = [Promise.reject(new Error('shut')), Promise.resolve('open')];
    answers[0]?.catch(() => undefined);
    expect(await waitUntil(options, () => answers.shift() ?? Promise.reject(new Error('gone')))).toBe('open');
  });

  it('says what it waited for, how long, what it saw last, and the hint', async () => {
    const waiting = waitUntil({ ...options, hint: () => 'look behind it' }, () => Promise.reject(new Error('shut')));
    await expect(waiting).rejects.toThrow('waited 0 s for the door to open; seen last: shut; look behind it');
  });

  it('does not wait for what no waiting mends', async () => {
    const broken = new Error('there is no door');
    const waiting = waitUntil({ ...options, isFinal: error => error === broken }, () => Promise.reject(broken));
    await expect(waiting).rejects.toBe(broken);
  });

  it('ends at once where what is waited for has no room to write, and says how much there is', async () => {
    const needsRoom = { directory: '/', bytes: () => Number.POSITIVE_INFINITY };
    const waiting = waitUntil({ ...options, timeoutMs: 10_000, needsRoom }, () => Promise.reject(new Error('shut')));
    await expect(waiting).rejects.toThrow(
      /^no space is left on the disk of \/ \(\d+ MB are free\): make room; waited for the door to open, and saw last: shut$/,
    );
  });

  it('ends with the reason of its signal', async () => {
    const stop = new AbortController();
    const waiting = waitUntil({ ...options, timeoutMs: 10_000, signal: stop.signal }, () => {
      stop.abort(new Error('interrupted'));
      return Promise.reject(new Error('shut'));
    });
    await expect(waiting).rejects.toThrow('interrupted');
  });
});

describe('pauseAfter', () => {
  it.each([
    ['the pause asked for at first', 0, 50, 50],
    ['a twentieth of what was waited', 10_000, 50, 500],
    ['no more than two seconds', 200_000, 50, 2000],
    ['the pause asked for where that is longer', 200_000, 5000, 5000],
  ])('is %s', (_what, waitedMs, leastMs, pause) => {
    expect(pauseAfter(waitedMs, leastMs)).toBe(pause);
  });
});

import { setTimeout } from 'node:timers/promises';
import { inspect } from 'node:util';

export interface WaitOptions {
  /** 30 s unless given. */
  readonly timeoutMs?: number;
  /** First pause between looks; it doubles up to 100 ms. */
  readonly pauseMs?: number;
}

/**
 * Looks until `probe` answers something that is neither undefined nor false, and returns that. Fails with what was waited for, how long, and
 * what was seen last: the probe's `saw(...)`, or its error. For things that push no event to a test.
 */
export async function waitFor<T>(
  what: string,
  probe: (saw: (value: unknown) => void) => Promise<T | undefined | false> | T | undefined | false,
  options: WaitOptions = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const started = performance.now();
  let pause = options.pauseMs ?? 5;
  let last: unknown = 'nothing';
  for (;;) {
    try {
      const result = await probe(value => {
        last = value;
      });
      if (result !== undefined && result !== false) return result;
    } catch (error) {
      last = error;
    }
    const waited = performance.now() - started;
    if (waited > timeoutMs)
      throw new Error(
        `waited ${(waited / 1000).toFixed(1)} s for ${what}; last seen: ${inspect(last, { depth: 6, breakLength: 160 })}`,
      );
    await setTimeout(pause);
    pause = Math.min(pause * 2, 100);
  }
}

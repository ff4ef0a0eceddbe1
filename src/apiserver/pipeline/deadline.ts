import { setMaxListeners } from 'node:events';
import { durationMs } from '../../api/duration.ts';
import { badRequestError, timeoutError } from '../../api/status.ts';
import type { Clock } from '../../base/clock.ts';
import { GantryError } from '../../base/errors.ts';
import { deadlineSignal, joinedSignal } from '../../base/signals.ts';
import { isLongRunning } from '../request-info.ts';
import { NOT_IN_TIME } from '../status/status-of-error.ts';
import type { Filter } from './context.ts';

/**
 * Ends requests that take longer than `maxMs`, or than the `timeout` that the client gave where that is less: the signal aborts, and the client gets
 * 504 whether the handler minds the signal or not. What runs long by nature has no deadline; `stopping` ends it.
 */
export function deadlineFilter(maxMs: number, stopping: AbortSignal, clock: Clock): Filter {
  // one for each request that runs long, which lets go at its end: that there are many is no leak, which Node would warn of from eleven on
  setMaxListeners(0, stopping);
  return {
    name: 'deadline',
    async handle(context, next) {
      if (isLongRunning(context.info)) return next({ ...context, signal: joinedSignal(context.signal, stopping) });
      const owned = deadlineSignal(
        limitOf(context.request.query.get('timeout'), maxMs),
        'a request',
        context.signal,
        clock,
      );
      let onAbort = (): void => {};
      const outOfTime = new Promise<never>((_, reject) => {
        onAbort = () => reject(isDeadline(owned.signal.reason) ? timeoutError(NOT_IN_TIME) : owned.signal.reason);
        owned.signal.addEventListener('abort', onAbort, { once: true });
      });
      try {
        return await Promise.race([next({ ...context, signal: owned.signal }), outOfTime]);
      } finally {
        owned.signal.removeEventListener('abort', onAbort);
        owned.release();
      }
    },
  };
}

function isDeadline(reason: unknown): boolean {
  return reason instanceof GantryError && reason.code === 'deadline-exceeded';
}

function limitOf(asked: string | null, maxMs: number): number {
  if (asked === null || asked === '') return maxMs;
  const ms = askedMs(asked);
  return ms > 0 && ms < maxMs ? ms : maxMs;
}

function askedMs(text: string): number {
  try {
    return durationMs(text);
  } catch {
    throw badRequestError(
      `invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text)}`,
    );
  }
}

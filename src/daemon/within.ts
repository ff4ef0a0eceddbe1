import { setMaxListeners } from 'node:events';
import { aborted } from '../base/signals.ts';
import type { Component } from './component.ts';

/**
 * `users` within the life of `used`, in one process: they begin when all of `used` are ready, and at a stop `used` are told to end only when all of them have
 * ended. Who takes leave through another part finds it still there. The components may run once.
 */
export function within(used: readonly Component[], users: readonly Component[]): readonly Component[] {
  const allReady = new AbortController();
  const usersEnded = new AbortController();
  // as in runAll: that many wait is no leak
  setMaxListeners(0, allReady.signal, usersEnded.signal);
  const unready = new Set(used);
  let running = users.length;
  if (unready.size === 0) allReady.abort();
  if (running === 0) usersEnded.abort();
  return [
    ...used.map(
      (component): Component => ({
        name: component.name,
        run: (signal, ready) =>
          component.run(bothAborted(signal, usersEnded.signal), () => {
            ready();
            unready.delete(component);
            if (unready.size === 0) allReady.abort();
          }),
      }),
    ),
    ...users.map(
      (component): Component => ({
        name: component.name,
        async run(signal, ready) {
          try {
            await Promise.race([aborted(allReady.signal), aborted(signal)]);
            if (!signal.aborted) await component.run(signal, ready);
          } finally {
            running -= 1;
            if (running === 0) usersEnded.abort();
          }
        },
      }),
    ),
  ];
}

/** Aborted, for the reason of the first one, once both are. */
function bothAborted(one: AbortSignal, two: AbortSignal): AbortSignal {
  const both = new AbortController();
  setMaxListeners(0, both.signal);
  const look = (): void => {
    if (one.aborted && two.aborted) both.abort(one.reason);
  };
  one.addEventListener('abort', look, { once: true });
  two.addEventListener('abort', look, { once: true });
  look();
  return both.signal;
}

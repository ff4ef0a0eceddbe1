import type { Clock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { sleep } from '../base/signals.ts';
import type { Component } from './component.ts';
import type { Logger } from './logger.ts';

/** As long as a supervisor of processes pauses. */
const PAUSE_MS = 1000;

/**
 * The component, begun again a second after it failed, so that the others of its process live on. Only for one whose `run` may be called again.
 * What it lacks from the beginning (a port that is taken) is tried again too, and is in the log each time.
 */
export function runAgain(component: Component, { clock, log }: { clock: Clock; log: Logger }): Component {
  return {
    name: component.name,
    async run(signal, ready) {
      while (!signal.aborted) {
        let because = 'ended without being asked to';
        try {
          await component.run(signal, ready);
        } catch (error) {
          because = errorMessage(error);
        }
        if (signal.aborted) return;
        log.error({ component: component.name, because, pauseMs: PAUSE_MS }, 'begins again');
        await sleep(PAUSE_MS, signal, clock).catch(() => undefined);
      }
    },
  };
}

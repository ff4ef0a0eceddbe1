import { errorMessage } from '../base/errors.ts';
import type { Component } from './component.ts';
import type { Logger } from './logger.ts';
import { runAll } from './run-all.ts';
import { sdNotify } from './sd-notify.ts';

/** How long components may take to end after SIGTERM before the process exits all the same. systemd's own limit is 90 s. */
const DRAIN_MS = 20_000;

/**
 * The life of a daemon: runs the components until SIGTERM or SIGINT, tells the service manager, drains. Returns the exit code:
 * 0 after an asked-for stop, 1 when a component failed (the reason is in the log).
 */
export async function mainLoop(components: readonly Component[], log: Logger): Promise<number> {
  const stop = new AbortController();
  const onSignal = (name: string): void => {
    if (stop.signal.aborted) return;
    log.info({ signal: name }, 'stopping');
    sdNotify('STOPPING=1');
    stop.abort(new Error(`received ${name}`));
    setTimeout(() => {
      log.error({ afterMs: DRAIN_MS }, 'components did not end in time; exiting');
      process.exit(1);
    }, DRAIN_MS).unref();
  };
  process.on('SIGTERM', () => onSignal('SIGTERM'));
  process.on('SIGINT', () => onSignal('SIGINT'));
  try {
    await runAll(components, stop.signal, () => sdNotify('READY=1'), log);
    log.info('stopped');
    return 0;
  } catch (error) {
    log.fatal({ err: error }, errorMessage(error));
    return 1;
  }
}

import { GantryError } from '../base/errors.ts';
import { heeded } from '../linux/ignored-signals.ts';

/** Runs a command whose signal aborts at the first SIGINT, SIGTERM or SIGHUP, so that it can clean up; a second one ends the process, but for SIGHUP: of a terminal that goes away both shell and kernel tell. What was ignored when the process was started (nohup) interrupts nothing. */
export async function untilInterrupted(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      if (name === 'SIGHUP') return;
      process.exit(130);
    }
    controller.abort(new GantryError('cancelled', `interrupted by ${name}`));
  };
  const names = heeded(['SIGINT', 'SIGTERM', 'SIGHUP']);
  for (const name of names) process.on(name, onSignal);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of names) process.off(name, onSignal);
  }
}

import { errorMessage } from '../base/errors.ts';
import { heeded } from '../linux/ignored-signals.ts';
import type { Component } from './component.ts';
import type { Logger } from './logger.ts';
import { runAll } from './run-all.ts';
import { openServiceManager, type ServiceManager } from './service-manager.ts';

/** How long components may take to end after SIGTERM, or the failure of one, before the process exits all the same. Less than TimeoutStopSec of the units. */
const DRAIN_MS = 20_000;

export interface MainLoopOptions {
  readonly manager?: ServiceManager;
  /** Components that wait for other machines. After so long the daemon is told to be ready without them, and its status names them: the start of a machine waits for its units. */
  readonly late?: { readonly names: readonly string[]; readonly afterMs: number };
}

/**
 * The life of a daemon: runs the components until SIGTERM or SIGINT (but for one that was ignored when the process was started), tells the service manager, drains. Returns the exit code:
 * 0 after an asked-for stop, 1 when a component failed (the reason is in the log).
 */
export async function mainLoop(
  components: readonly Component[],
  log: Logger,
  { manager = openServiceManager(), late }: MainLoopOptions = {},
): Promise<number> {
  const stop = new AbortController();
  let running: readonly string[] = [];
  let isDraining = false;
  const onSignal = (name: string): void => {
    if (stop.signal.aborted) return;
    log.info({ signal: name }, 'stopping');
    manager.stopping('stopping');
    stop.abort(new Error(`received ${name}`));
  };
  for (const name of heeded(['SIGTERM', 'SIGINT'])) process.on(name, () => onSignal(name));
  const readiness = new Readiness(manager, late?.names ?? []);
  const lateTimer = setTimeout(() => readiness.waitNoLonger(), late?.afterMs ?? 0).unref();
  try {
    await runAll(components, stop.signal, () => readiness.waitingFor([]), log, {
      starting: names => readiness.waitingFor(names),
      stopping(names) {
        running = names;
        manager.status(`stopping: waiting for ${names.join(', ')}`);
        // after a failure as well: a process that neither serves nor ends would be left alone by everybody
        if (isDraining) return;
        isDraining = true;
        setTimeout(() => {
          log.error({ afterMs: DRAIN_MS, running }, 'components did not end in time; exiting');
          process.exit(1);
        }, DRAIN_MS).unref();
      },
    });
    log.info('stopped');
    return 0;
  } catch (error) {
    manager.status(`failed: ${errorMessage(error)}`);
    log.fatal({ err: error }, errorMessage(error));
    return 1;
  } finally {
    clearTimeout(lateTimer);
  }
}

/** When a daemon is told to be ready, and what its status says until then and after it. */
export class Readiness {
  readonly #manager: ServiceManager;
  readonly #late: ReadonlySet<string>;
  #waitingFor: readonly string[] = [];
  #isReady = false;
  #isPatient = true;

  /** `late` are the components without which it may be ready. */
  constructor(manager: ServiceManager, late: readonly string[]) {
    this.#manager = manager;
    this.#late = new Set(late);
  }

  waitingFor(names: readonly string[]): void {
    this.#waitingFor = names;
    this.#tell();
  }

  /** Those that may be late are not waited for from now on. */
  waitNoLonger(): void {
    this.#isPatient = false;
    if (this.#waitingFor.length > 0) this.#tell();
  }

  #tell(): void {
    const names = this.#waitingFor;
    const isWhole = names.length === 0;
    const isEnough = isWhole || (!this.#isPatient && names.every(name => this.#late.has(name)));
    const serves = this.#isReady || isEnough;
    const waits = `waiting for ${names.join(', ')}`;
    const status = isWhole ? 'serving' : serves ? `serving, but ${waits}` : `starting: ${waits}`;
    if (isEnough && !this.#isReady) this.#manager.ready(status);
    else this.#manager.status(status);
    this.#isReady = serves;
  }
}

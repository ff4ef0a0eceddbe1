import type { Clock } from '../../base/clock.ts';
import { errorMessage, isUnimplemented } from '../../base/errors.ts';
import { sleep } from '../../base/signals.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import type { PodCache } from './pod-cache.ts';

/** Upstream's numbers: a whole relist is the net under pushed events, and the only source where the runtime pushes none. */
const RELIST_WITH_EVENTS_MS = 300_000;
const RELIST_WITHOUT_EVENTS_MS = 1_000;
/** Waits between attempts while the runtime is away; the client's own reconnect back-off is 100 ms to 3 s. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 3_000;

export interface RuntimeWatchOptions {
  readonly runtime: ContainerRuntime;
  readonly cache: PodCache;
  readonly clock: Clock;
  readonly log: Logger;
  /** A pushed event about that pod tells something that the cache does not know. */
  onEvent(uid: string): void;
  /** After each whole relist, with the pods that changed; it also says that the runtime can be reached. */
  onRelist(changed: readonly string[], seconds: number): void;
}

/** Follows the runtime for as long as the kubelet runs: a connection that ends is made again, and a relist finds what happened meanwhile. */
export async function watchRuntime(options: RuntimeWatchOptions, signal: AbortSignal): Promise<void> {
  const { clock, log } = options;
  let retryMs = RETRY_MIN_MS;
  let reachable: boolean | undefined;
  while (!signal.aborted) {
    const attempt = new AbortController();
    const stop = (): void => attempt.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    try {
      await follow(options, attempt.signal, () => {
        if (reachable !== true) log.info('connected to the container runtime');
        reachable = true;
        retryMs = RETRY_MIN_MS;
      });
    } catch (error) {
      if (signal.aborted) return;
      if (reachable !== false)
        log.warn({ because: errorMessage(error) }, 'the container runtime cannot be reached; trying again');
      reachable = false;
    } finally {
      signal.removeEventListener('abort', stop);
      attempt.abort();
    }
    await sleep(retryMs, signal, clock).catch(() => undefined);
    retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
  }
}

/**
 * One connection. The lists are read at once, and again when the stream is known to be open, so that nothing falls between. Rejects when either
 * fails.
 */
async function follow(options: RuntimeWatchOptions, signal: AbortSignal, onReachable: () => void): Promise<void> {
  const { runtime, cache, clock, log } = options;
  const stream = { pushes: true };
  const relist = async (): Promise<void> => {
    const startedAt = clock.monotonic();
    const changed = await cache.relist(signal);
    onReachable();
    options.onRelist(changed, (clock.monotonic() - startedAt) / 1000);
  };
  let onBroken: (error: unknown) => void = () => {};
  const broken = new Promise<never>((_resolve, reject) => {
    onBroken = reject;
  });
  broken.catch(() => undefined);
  const afterOpen = (): void => {
    relist().catch(onBroken);
  };
  const events = (async () => {
    try {
      for await (const event of runtime.events(afterOpen, signal)) {
        const uid = cache.news(event);
        if (uid !== undefined) options.onEvent(uid);
      }
    } catch (error) {
      if (!isUnimplemented(error)) throw error;
      stream.pushes = false;
      log.info({ relistMs: RELIST_WITHOUT_EVENTS_MS }, 'the runtime pushes no events; its lists are read instead');
    }
  })();
  const ended = events.then(() => {
    if (stream.pushes && !signal.aborted) throw new Error('the stream of events ended');
  });
  ended.catch(() => undefined);
  for (;;) {
    await relist();
    signal.throwIfAborted();
    const pause = new AbortController();
    const stop = (): void => pause.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    try {
      const wait = sleep(stream.pushes ? RELIST_WITH_EVENTS_MS : RELIST_WITHOUT_EVENTS_MS, pause.signal, clock);
      wait.catch(() => undefined);
      await (stream.pushes ? Promise.race([wait, ended, broken]) : wait);
    } finally {
      signal.removeEventListener('abort', stop);
      pause.abort();
    }
  }
}

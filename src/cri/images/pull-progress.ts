import type { Logger } from '../../daemon/logger.ts';
import type { LayersProgress } from './fetch-image.ts';

/** A pull that takes long is spoken of in the log this often. */
const LOG_MS = 15_000;

export type OnProgress = (progress: LayersProgress) => void;

/** How far pulls are, for all who wait for the same one: who comes late is told the last state at once. */
export class PullProgress {
  readonly #pulls = new Map<string, { readonly listeners: Set<OnProgress>; last: LayersProgress | undefined }>();

  /** Has `listener` told of the pull `key` until the returned function is called. What nobody listens to is forgotten. */
  listen(key: string, listener: OnProgress): () => void {
    const pull = this.#pulls.get(key) ?? { listeners: new Set<OnProgress>(), last: undefined };
    // One function may be given twice.
    const own: OnProgress = progress => listener(progress);
    pull.listeners.add(own);
    this.#pulls.set(key, pull);
    if (pull.last !== undefined) listener(pull.last);
    return () => {
      pull.listeners.delete(own);
      if (pull.listeners.size === 0 && this.#pulls.get(key) === pull) this.#pulls.delete(key);
    };
  }

  tell(key: string, progress: LayersProgress): void {
    const pull = this.#pulls.get(key);
    if (pull === undefined) return;
    pull.last = progress;
    for (const listener of pull.listeners) listener(progress);
  }
}

/** Writes into the log every quarter of a minute how far a pull is, from its first report on, until `end` is called. */
export class LoggedProgress {
  readonly #log: Logger;
  readonly #title: string;
  readonly #timer: NodeJS.Timeout;
  #last: LayersProgress | undefined;
  #logged = 0;

  constructor(log: Logger, title: string, everyMs = LOG_MS) {
    this.#log = log;
    this.#title = title;
    this.#timer = setInterval(() => this.#write(), everyMs);
    this.#timer.unref();
  }

  tell(progress: LayersProgress): void {
    this.#last = progress;
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #write(): void {
    const progress = this.#last;
    if (progress === undefined) return;
    const newBytes = progress.bytesDone - this.#logged;
    this.#logged = progress.bytesDone;
    this.#log.info({ image: this.#title, ...progress, newBytes }, 'still pulling');
  }
}

/** How long a question waits at most for more who want its answer, where few do. */
const GATHER_MS = 8;
/** So many shared the last question: they are callers who come back as soon as they are answered, and wait longer for each other's turns than for a question. */
const CROWD = 16;
/** For a crowd to come back: what the reads of hundreds take, and twice that where the process has half a core. */
const CROWD_MS = 25;
/** No more of a crowd within so long: the rest has left, or its sender does not run. */
const QUIET_MS = 5;

/**
 * Asks for the newest revision on behalf of many at once. An answer counts for a caller only when it was asked for after the caller came: so
 * there is one question under way, and at most one more that begins when it has ended, for all who came meanwhile. A question costs more than
 * the read that needs it; before it is asked, whatever the event loop has ready comes in, as long as that brings more callers. An idle loop
 * has nothing ready, and asks at once.
 */
export class NewestRevision {
  readonly #ask: () => Promise<number>;
  #running: Promise<number> | undefined;
  #next: Promise<number> | undefined;
  #callers = 0;
  #lastCallers = 0;
  #onCaller: (() => void) | undefined;

  constructor(ask: () => Promise<number>) {
    this.#ask = ask;
  }

  /** Fails as the question does; the next caller asks anew. */
  read(): Promise<number> {
    this.#callers += 1;
    this.#onCaller?.();
    this.#next ??= this.#askAfter(this.#running);
    return this.#next;
  }

  async #askAfter(before: Promise<number> | undefined): Promise<number> {
    // its own callers are told how it failed
    await before?.catch(() => undefined);
    await this.#gather();
    this.#lastCallers = this.#callers;
    this.#callers = 0;
    this.#next = undefined;
    const asked = this.#ask();
    this.#running = asked;
    try {
      return await asked;
    } finally {
      if (this.#running === asked) this.#running = undefined;
    }
  }

  /** Ends when a turn of the loop brings nobody more; a crowd is waited for first. */
  async #gather(): Promise<void> {
    const crowd = this.#lastCallers >= CROWD ? this.#lastCallers : 0;
    const latest = performance.now() + (crowd > 0 ? CROWD_MS : GATHER_MS);
    if (crowd > 0) await this.#until(crowd, latest);
    let seen: number;
    do {
      seen = this.#callers;
      await new Promise<void>(resume => setImmediate(resume));
    } while (this.#callers !== seen && performance.now() < latest);
  }

  /** Resolves with the caller who makes them so many; when nobody came for QUIET_MS; or at `latest`. A timer runs once in QUIET_MS, not with each caller. */
  #until(many: number, latest: number): Promise<void> {
    return new Promise(resolve => {
      let lastCame = performance.now();
      let timer: NodeJS.Timeout | undefined;
      const end = (): void => {
        clearTimeout(timer);
        this.#onCaller = undefined;
        resolve();
      };
      const look = (): void => {
        const left = Math.min(latest, lastCame + QUIET_MS) - performance.now();
        if (left <= 0) end();
        else timer = setTimeout(look, left);
      };
      this.#onCaller = () => {
        lastCame = performance.now();
        if (this.#callers >= many) end();
      };
      if (this.#callers >= many) end();
      else look();
    });
  }
}

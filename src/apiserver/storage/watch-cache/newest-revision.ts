/** How long a question waits at most for more who want its answer; a part of the 10 to 20 ms that a read takes when hundreds are under way. */
const GATHER_MS = 8;
/** So many shared the last question: more are on their way, and a turn of the loop without any means only that their sender is not running. */
const CROWD = 16;
/** A crowd is waited for at least so long: alone, each of them waits twice that for its turn of the loop. */
const CROWD_MS = 5;

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

  constructor(ask: () => Promise<number>) {
    this.#ask = ask;
  }

  /** Fails as the question does; the next caller asks anew. */
  read(): Promise<number> {
    this.#callers += 1;
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

  async #gather(): Promise<void> {
    const isCrowd = this.#lastCallers >= CROWD;
    const started = performance.now();
    let seen: number;
    let waited: number;
    do {
      seen = this.#callers;
      await new Promise<void>(isCrowd ? aMillisecond : aTurn);
      waited = performance.now() - started;
    } while (waited < GATHER_MS && (this.#callers !== seen || (isCrowd && waited < CROWD_MS)));
  }
}

const aTurn = (resume: () => void): void => {
  setImmediate(resume);
};
const aMillisecond = (resume: () => void): void => {
  setTimeout(resume, 1);
};

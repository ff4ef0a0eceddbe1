/**
 * Asks for the newest revision on behalf of many at once. An answer counts for a caller only when it was asked for after the caller came: so
 * there is one question under way, and at most one more that begins when it has ended, for all who came meanwhile.
 */
export class NewestRevision {
  readonly #ask: () => Promise<number>;
  #running: Promise<number> | undefined;
  #next: Promise<number> | undefined;

  constructor(ask: () => Promise<number>) {
    this.#ask = ask;
  }

  read(): Promise<number> {
    if (this.#running === undefined) return this.#start();
    this.#next ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#next;
  }

  #start(): Promise<number> {
    this.#next = undefined;
    const asked = this.#ask();
    this.#running = asked;
    const over = (): void => {
      if (this.#running === asked) this.#running = undefined;
    };
    asked.then(over, over);
    return asked;
  }
}

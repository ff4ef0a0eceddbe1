import type { ClientHttp2Stream } from 'node:http2';
import type { Answered } from './api-client.ts';

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: Answered<T>;
}

/** How long a test waits for an event that has to come: far above what a server needs. */
const EVENT_LIMIT_MS = 20_000;

/** A watch as a queue of events, in the order in which they came. */
export class Watch<T> implements AsyncIterable<WatchEvent<T>> {
  readonly #stream: ClientHttp2Stream;
  readonly #events: WatchEvent<T>[] = [];
  #ended = false;
  #wake = (): void => {};

  constructor(stream: ClientHttp2Stream) {
    this.#stream = stream;
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (piece: string) => {
      const lines = (rest + piece).split('\n');
      rest = lines.pop() ?? '';
      this.#events.push(...lines.map(line => JSON.parse(line)));
      this.#wake();
    });
    stream.on('error', () => {});
    stream.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** The next event; undefined when the server ended the watch. Fails when none comes in 20 s. */
  async next(): Promise<WatchEvent<T> | undefined> {
    const limit = Date.now() + EVENT_LIMIT_MS;
    while (this.#events.length === 0 && !this.#ended) {
      if (Date.now() >= limit) throw new Error(`no event of a watch came in ${EVENT_LIMIT_MS / 1000} s`);
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, limit - Date.now());
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#events.shift();
  }

  /** The next `count` events; fails when the watch ends before. */
  async take(count: number): Promise<WatchEvent<T>[]> {
    const taken: WatchEvent<T>[] = [];
    while (taken.length < count) taken.push(await this.#must());
    return taken;
  }

  /** The first event that `wanted` chooses; those before it are dropped. */
  async until(wanted: (event: WatchEvent<T>) => boolean): Promise<WatchEvent<T>> {
    for (;;) {
      const event = await this.#must();
      if (wanted(event)) return event;
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchEvent<T>> {
    for (let event = await this.next(); event !== undefined; event = await this.next()) yield event;
  }

  close(): void {
    this.#stream.destroy();
  }

  async #must(): Promise<WatchEvent<T>> {
    const event = await this.next();
    if (event === undefined) throw new Error('the server ended the watch');
    return event;
  }
}

import type { Clock } from '../../base/clock.ts';
import { GantryError } from '../../base/errors.ts';

/** For the answer to a stream that we open: upstream's. */
const REPLY_MS = 30_000;

interface AwaitedReply {
  resolve(): void;
  reject(error: Error): void;
}

/** The streams that we have opened and the peer has not answered yet, by id. */
export class AwaitedReplies {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, AwaitedReply>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when the peer takes the stream; throws as it was refused, or `deadline-exceeded` after 30 s. */
  wait(id: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        cancel();
        this.#waiting.delete(id);
      };
      const reply: AwaitedReply = {
        resolve() {
          settle();
          resolve();
        },
        reject(error) {
          settle();
          reject(error);
        },
      };
      const cancel = this.#clock.after(REPLY_MS, () =>
        reply.reject(new GantryError('deadline-exceeded', `no answer to a new stream within ${REPLY_MS / 1000} s`)),
      );
      this.#waiting.set(id, reply);
    });
  }

  /** The peer has taken the stream. Nothing where nobody waits. */
  taken(id: number): void {
    this.#waiting.get(id)?.resolve();
  }

  /** The stream was reset, by whom ever. Nothing where nobody waits. */
  refused(id: number, reason: Error): void {
    this.#waiting.get(id)?.reject(reason);
  }

  refuseAll(reason: Error): void {
    for (const reply of [...this.#waiting.values()]) reply.reject(reason);
  }
}

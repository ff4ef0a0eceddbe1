import type { Clock } from '../../base/clock.ts';

/** An answer that gets nothing through for this long may be cut off where memory is short. */
const STALLED_MS = 1000;

/** The bytes of one answer that wait for its client. */
export interface HeldBytes {
  /** The client took something; this is what is left. */
  taken(left: number): void;
  /** The answer is sent, or nobody will send it. Safe to repeat. */
  release(): void;
}

interface Answer {
  bytes: number;
  movedAt: number;
  readonly cut: () => void;
}

/**
 * Counts the bytes of all large answers that clients have not taken yet, and keeps them below a limit: where a further one would exceed it, the answers
 * that stall are cut off, the longest stalled first. Answers whose clients read on are never cut; the further one is refused then.
 */
export class UnreadAnswers {
  readonly #limit: number;
  readonly #clock: Clock;
  /** In the order in which they last moved. */
  readonly #answers = new Set<Answer>();
  #bytes = 0;

  constructor(limit: number, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Counts an answer; undefined where there is no room for it. A single one always finds room. `cut` ends the answer's connection or stream. */
  hold(bytes: number, cut: () => void): HeldBytes | undefined {
    while (this.#bytes > 0 && this.#bytes + bytes > this.#limit) {
      const [slowest] = this.#answers;
      if (slowest === undefined || this.#clock.monotonic() - slowest.movedAt < STALLED_MS) return undefined;
      this.#release(slowest);
      slowest.cut();
    }
    const answer: Answer = { bytes, movedAt: this.#clock.monotonic(), cut };
    this.#answers.add(answer);
    this.#bytes += bytes;
    return {
      taken: left => {
        if (!this.#answers.delete(answer)) return;
        this.#answers.add(answer);
        this.#bytes -= answer.bytes - left;
        answer.bytes = left;
        answer.movedAt = this.#clock.monotonic();
      },
      release: () => this.#release(answer),
    };
  }

  #release(answer: Answer): void {
    if (this.#answers.delete(answer)) this.#bytes -= answer.bytes;
  }
}

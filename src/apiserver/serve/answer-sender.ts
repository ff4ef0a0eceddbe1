import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../daemon/logger.ts';
import { type ApiRequest, type ApiResponse, bodyBytes, isWhole, textResponse, withHeaders } from '../http.ts';
import { PIECE_BYTES } from './body-pieces.ts';
import { isCompressed } from './compress.ts';
import { cutResponse, type NodeResponse, sendResponse } from './node-response.ts';
import { type HeldBytes, UnreadAnswers } from './unread-answers.ts';

export interface AnswerLimits {
  /** From the arrival of a request until its answer has been written, unless that is a stream. */
  readonly answerMs: number;
  /** What the writing of an answer has at least, however late it was given. */
  readonly lateAnswerMs: number;
  /** Of all large answers that clients have not taken; what the watch cache keeps anyway is not counted. */
  readonly maxUnreadBytes: number;
}

/** What the sending of an answer wants to know of its request. */
export type Requested = Pick<ApiRequest, 'method' | 'path' | 'headers' | 'remoteAddress'>;

/** Sends answers within limits of time and memory, whatever their clients do. */
export class AnswerSender {
  readonly #limits: AnswerLimits;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #unread: UnreadAnswers;

  constructor(limits: AnswerLimits, clock: Clock, log: Logger) {
    this.#limits = limits;
    this.#clock = clock;
    this.#log = log;
    this.#unread = new UnreadAnswers(limits.maxUnreadBytes, clock);
  }

  /**
   * Resolves when the answer is written, cut off because its client did not take it in time, or because the client is gone. Rejects where the body of
   * the answer fails. `arrivedAt` is the monotonic time of the request; `signal` aborts when the client is gone.
   */
  async send(
    node: NodeResponse,
    request: Requested,
    answer: ApiResponse,
    { arrivedAt, signal }: { readonly arrivedAt: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const withoutBody = request.method === 'HEAD';
    if (!isWhole(answer.body)) return sendResponse(node, answer, { withoutBody, gzip: false, signal });
    const cut = (because: string): void => {
      const { path, remoteAddress } = request;
      this.#log.info({ path, remoteAddress, because }, 'an answer was cut off');
      cutResponse(node);
    };
    // Chunks are the cache's own.
    const own = typeof answer.body === 'string' || answer.body instanceof Uint8Array;
    const bytes = withoutBody || !own ? 0 : bodyBytes(answer.body);
    let held: HeldBytes | undefined;
    let sent = answer;
    if (bytes > PIECE_BYTES) {
      held = this.#unread.hold(bytes, () => cut('too much is unread, and its client takes nothing'));
      if (held === undefined) {
        this.#log.warn({ path: request.path, bytes }, 'an answer is refused: clients leave too much unread');
        sent = TOO_MUCH_UNREAD;
      }
    }
    const { answerMs, lateAnswerMs } = this.#limits;
    const left = Math.max(answerMs - (this.#clock.monotonic() - arrivedAt), lateAnswerMs);
    const cancel = this.#clock.after(left, () => cut('its client did not take it in time'));
    try {
      await sendResponse(node, sent, { withoutBody, gzip: isCompressed(request, sent), signal, held });
    } finally {
      cancel();
      held?.release();
    }
  }
}

/** Upstream's words for what exceeds its limits. */
const TOO_MUCH_UNREAD = withHeaders(textResponse(429, 'Too many requests, please try again later.'), {
  'retry-after': '1',
});

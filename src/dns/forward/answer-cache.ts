import { answerFor, type PassedAnswer } from '../wire/passed-answer.ts';
import { type DnsQuery, HEADER_BYTES } from '../wire/query.ts';
import { lower } from '../wire/types.ts';

interface Kept {
  readonly answer: PassedAnswer;
  readonly storedMs: number;
  readonly untilMs: number;
}

/** CoreDNS' defaults in a cluster: so many answers, for so many seconds at most. */
const MAX_ANSWERS = 9_984;
const MAX_TTL_SECONDS = 30;
/** Of all answers together: a few long ones may not fill the memory. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Answers of other servers for as long as they hold, at most 30 s. The one that was used longest ago goes first. */
export class AnswerCache {
  readonly #answers = new Map<string, Kept>();
  #bytes = 0;

  /** The message for this client, or undefined. */
  get(query: DnsQuery, nowMs: number): Buffer | undefined {
    const key = keyOf(query);
    const kept = this.#answers.get(key);
    if (kept === undefined) return undefined;
    this.#delete(key, kept);
    if (nowMs >= kept.untilMs) return undefined;
    this.#put(key, kept);
    return answerFor(query, kept.answer, Math.floor((nowMs - kept.storedMs) / 1000));
  }

  /** Keeps nothing that is cut or says that it does not hold. */
  put(query: DnsQuery, answer: PassedAnswer, nowMs: number): void {
    if (answer.truncated || answer.ttl === 0) return;
    const key = keyOf(query);
    const known = this.#answers.get(key);
    if (known !== undefined) this.#delete(key, known);
    this.#put(key, { answer, storedMs: nowMs, untilMs: nowMs + Math.min(answer.ttl, MAX_TTL_SECONDS) * 1000 });
    for (const [oldest, kept] of this.#answers) {
      if (this.#answers.size <= MAX_ANSWERS && this.#bytes <= MAX_BYTES) break;
      this.#delete(oldest, kept);
    }
  }

  #put(key: string, kept: Kept): void {
    this.#answers.set(key, kept);
    this.#bytes += kept.answer.message.length;
  }

  #delete(key: string, kept: Kept): void {
    this.#answers.delete(key);
    this.#bytes -= kept.answer.message.length;
  }
}

/** The question, and what changes the form of its answer: signatures or not, and the OPT record. */
export function keyOf(query: DnsQuery): string {
  const question = query.message.toString('latin1', HEADER_BYTES, query.questionEnd);
  const { edns, checkingDisabled, recursionDesired } = query;
  const form = [edns !== undefined, edns?.dnssecOk, checkingDisabled, recursionDesired].map(Number).join('');
  // lengths are below 0x41 and stay what they are; type and class are in the last four bytes
  return `${lower(question.slice(0, -4))}${question.slice(-4)}${form}`;
}

import { type DnsQuery, HEADER_BYTES, skipName } from './query.ts';
import { FLAG_TC } from './response.ts';
import { RCODE, TYPE } from './types.ts';

/** What an answer of another server says of itself, and where its times to live stand. */
export interface PassedAnswer {
  readonly message: Buffer;
  readonly rcode: number;
  readonly truncated: boolean;
  /** Of all records but OPT. */
  readonly ttlOffsets: readonly number[];
  /** Seconds that all of it may be kept: the shortest time to live, for what does not exist that of the SOA record, 0 where nothing says. */
  readonly ttl: number;
}

/**
 * Reads what came back for `query`. Undefined where it is no answer to this question: another question, cut, or not an answer at all. The id is not
 * looked at.
 */
export function readAnswer(query: DnsQuery, message: Buffer): PassedAnswer | undefined {
  if (message.length < query.questionEnd || (message.readUInt16BE(2) & 0x8000) === 0) return undefined;
  if (message.readUInt16BE(4) !== 1 || !isSameQuestion(query, message)) return undefined;
  const flags = message.readUInt16BE(2);
  const counts = [message.readUInt16BE(6), message.readUInt16BE(8), message.readUInt16BE(10)];
  const ttlOffsets: number[] = [];
  let ttl = Number.POSITIVE_INFINITY;
  let at = query.questionEnd;
  let negativeTtl: number | undefined;
  for (const [section, count] of counts.entries()) {
    for (let i = 0; i < count; i += 1) {
      const record = skipName(message, at);
      if (record === undefined || record + 10 > message.length) return undefined;
      const type = message.readUInt16BE(record);
      const end = record + 10 + message.readUInt16BE(record + 8);
      if (end > message.length) return undefined;
      if (type !== TYPE.OPT) {
        const own = message.readUInt32BE(record + 4);
        ttlOffsets.push(record + 4);
        ttl = Math.min(ttl, own);
        // the last four bytes of an SOA record bound how long "there is none" holds (RFC 2308, 5)
        if (section === 1 && type === TYPE.SOA && end - record >= 14)
          negativeTtl = Math.min(own, message.readUInt32BE(end - 4));
      }
      at = end;
    }
  }
  const rcode = flags & 0xf;
  const isNegative = rcode === RCODE.NXDOMAIN || (rcode === RCODE.NOERROR && counts[0] === 0);
  const mayKeep = rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN;
  const kept = isNegative ? Math.min(ttl, negativeTtl ?? 0) : ttl;
  return {
    message,
    rcode,
    truncated: (flags & FLAG_TC) !== 0,
    ttlOffsets,
    ttl: mayKeep && Number.isFinite(kept) ? kept : 0,
  };
}

/** The answer as one client is told it: with its id and its question as it wrote it, and times to live that are `agedSeconds` shorter. */
export function answerFor(query: DnsQuery, answer: PassedAnswer, agedSeconds: number): Buffer {
  const message = Buffer.from(answer.message);
  message.writeUInt16BE(query.id, 0);
  query.message.copy(message, HEADER_BYTES, HEADER_BYTES, query.questionEnd);
  if (agedSeconds > 0)
    for (const at of answer.ttlOffsets) message.writeUInt32BE(Math.max(0, message.readUInt32BE(at) - agedSeconds), at);
  return message;
}

function isSameQuestion(query: DnsQuery, message: Buffer): boolean {
  for (let at = HEADER_BYTES; at < query.questionEnd; at += 1) {
    const [a = 0, b = 0] = [query.message[at], message[at]];
    if (a === b) continue;
    // letters in another case are the same name
    if ((a ^ b) !== 0x20 || (a | 0x20) < 0x61 || (a | 0x20) > 0x7a) return false;
  }
  return true;
}

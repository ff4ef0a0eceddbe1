import { lower, type Name, RCODE, type Rcode, TYPE } from './types.ts';

export const HEADER_BYTES = 12;
/** Without EDNS a datagram is no longer than this (RFC 1035, 4.2.1). */
const PLAIN_UDP_BYTES = 512;
/** What passes every link without fragments: the advice of DNS flag day 2020, and the most that we send in a datagram. */
export const MAX_UDP_BYTES = 1232;

export interface DnsQuery {
  readonly id: number;
  /** As it came; answers carry its question byte for byte. */
  readonly message: Buffer;
  /** As written by the client. */
  readonly name: Name;
  /** In lower case: what names are compared by. */
  readonly labels: Name;
  readonly type: number;
  readonly class: number;
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
  /** Where the question ends in `message`. */
  readonly questionEnd: number;
  /** Of the client's OPT record, where it sent one. */
  readonly edns: { readonly udpBytes: number; readonly dnssecOk: boolean } | undefined;
}

/** Not a query that can be answered: with a code, or not at all (`undefined`), as anything that may be an answer itself. */
export interface BadQuery {
  readonly id: number;
  readonly rcode: Rcode | undefined;
}

/** Reads one query. Never throws: what is malformed is a BadQuery. */
export function parseQuery(message: Buffer): DnsQuery | BadQuery {
  if (message.length < HEADER_BYTES) return { id: 0, rcode: undefined };
  const id = message.readUInt16BE(0);
  const flags = message.readUInt16BE(2);
  // answers to answers go round for ever
  if ((flags & 0x8000) !== 0) return { id, rcode: undefined };
  if (((flags >> 11) & 0xf) !== 0) return { id, rcode: RCODE.NOTIMP };
  if (message.readUInt16BE(4) !== 1 || message.readUInt16BE(6) !== 0 || message.readUInt16BE(8) !== 0)
    return { id, rcode: RCODE.FORMERR };
  const question = readQuestion(message);
  if (question === undefined) return { id, rcode: RCODE.FORMERR };
  const edns = readEdns(message, question.end, message.readUInt16BE(10));
  if (typeof edns === 'number') return { id, rcode: edns };
  return {
    id,
    message,
    name: question.name,
    labels: question.name.map(lower),
    type: message.readUInt16BE(question.end - 4),
    class: message.readUInt16BE(question.end - 2),
    recursionDesired: (flags & 0x100) !== 0,
    checkingDisabled: (flags & 0x10) !== 0,
    questionEnd: question.end,
    edns,
  };
}

export function isBad(query: DnsQuery | BadQuery): query is BadQuery {
  return 'rcode' in query;
}

/** The most bytes that the client takes in a datagram. */
export function udpLimit(query: Pick<DnsQuery, 'edns'>): number {
  if (query.edns === undefined) return PLAIN_UDP_BYTES;
  return Math.min(Math.max(query.edns.udpBytes, PLAIN_UDP_BYTES), MAX_UDP_BYTES);
}

/** The name and the end of the first question. Undefined where it is cut, too long, or compressed, which a question has no use for. */
function readQuestion(message: Buffer): { readonly name: Name; readonly end: number } | undefined {
  const name: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63 || at + 1 + length > message.length) return undefined;
    at += 1 + length;
    if (length === 0) break;
    name.push(message.toString('latin1', at - length, at));
    if (at - HEADER_BYTES > 254) return undefined;
  }
  return at + 4 > message.length ? undefined : { name, end: at + 4 };
}

/** Of the additional records, of which a query has at most a few; a signature (TSIG) behind it is nothing to us. */
function readEdns(message: Buffer, from: number, count: number): DnsQuery['edns'] | Rcode {
  let at = from;
  let edns: DnsQuery['edns'];
  for (let i = 0; i < count; i += 1) {
    const record = skipName(message, at);
    if (record === undefined || record + 10 > message.length) return RCODE.FORMERR;
    const end = record + 10 + message.readUInt16BE(record + 8);
    if (end > message.length) return RCODE.FORMERR;
    if (message.readUInt16BE(record) === TYPE.OPT) {
      if (edns !== undefined || record !== at + 1) return RCODE.FORMERR;
      // the version is the second byte of what is the time to live elsewhere
      if (message[record + 5] !== 0) return RCODE.BADVERS;
      edns = {
        udpBytes: message.readUInt16BE(record + 2),
        dnssecOk: (message.readUInt16BE(record + 6) & 0x8000) !== 0,
      };
    }
    at = end;
  }
  return edns;
}

/** Where a name ends that begins at `at`, compressed or not; undefined where it is cut. */
export function skipName(message: Buffer, at: number): number | undefined {
  let here = at;
  for (;;) {
    const length = message[here];
    if (length === undefined) return undefined;
    if ((length & 0xc0) === 0xc0) return here + 2 > message.length ? undefined : here + 2;
    if (length > 63) return undefined;
    here += 1 + length;
    if (length === 0) return here;
  }
}

/** The same question of another name, without EDNS. Undefined where that is no name. */
export function queryFor(query: DnsQuery, name: Name): DnsQuery | undefined {
  const parts: Buffer[] = [Buffer.from(query.message.subarray(0, HEADER_BYTES))];
  for (const label of name) {
    const bytes = Buffer.from(label, 'latin1');
    if (bytes.length === 0 || bytes.length > 63) return undefined;
    parts.push(Buffer.from([bytes.length]), bytes);
  }
  parts.push(Buffer.from([0]), query.message.subarray(query.questionEnd - 4, query.questionEnd));
  parts[0]?.writeUInt16BE(0, 10);
  const made = parseQuery(Buffer.concat(parts));
  return isBad(made) ? undefined : made;
}

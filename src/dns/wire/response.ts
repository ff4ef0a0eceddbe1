import { ipBytes } from '../../base/cidr.ts';
import { type DnsQuery, HEADER_BYTES, MAX_UDP_BYTES } from './query.ts';
import { CLASS_IN, type DnsRecord, lower, type Name, RCODE, type Rcode, TYPE } from './types.ts';

export interface DnsAnswer {
  readonly rcode: Rcode;
  /** Whether this server is the one that knows. */
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  readonly additional: readonly DnsRecord[];
}

const FLAG_QR = 0x8000;
const FLAG_AA = 0x0400;
export const FLAG_TC = 0x0200;
const FLAG_RD = 0x0100;
const FLAG_RA = 0x0080;
const FLAG_CD = 0x0010;
const OPT_BYTES = 11;
const MAX_MESSAGE = 65_535;

/**
 * The message that answers `query`. What does not fit into `maxBytes` is left out, record by record from the end; where that is more than
 * additional ones, the answer says that it is truncated, and the client asks again over TCP.
 */
export function encodeResponse(query: DnsQuery, answer: DnsAnswer, maxBytes: number): Buffer {
  const writer = new Writer(query, Math.min(maxBytes, MAX_MESSAGE) - (query.edns === undefined ? 0 : OPT_BYTES));
  const answers = writer.records(answer.answers);
  const authority = answers === answer.answers.length ? writer.records(answer.authority) : 0;
  const whole = answers === answer.answers.length && authority === answer.authority.length;
  const additional = whole ? writer.records(answer.additional) : 0;
  const message = writer.finish(query.edns !== undefined);
  const flags =
    FLAG_QR |
    (answer.authoritative ? FLAG_AA : 0) |
    (whole ? 0 : FLAG_TC) |
    (query.recursionDesired ? FLAG_RD : 0) |
    FLAG_RA |
    (query.checkingDisabled ? FLAG_CD : 0) |
    answer.rcode;
  message.writeUInt16BE(query.id, 0);
  message.writeUInt16BE(flags, 2);
  message.writeUInt16BE(1, 4);
  message.writeUInt16BE(answers, 6);
  message.writeUInt16BE(authority, 8);
  message.writeUInt16BE(additional + (query.edns === undefined ? 0 : 1), 10);
  return message;
}

/** The header alone, for what could not be read; an unknown EDNS version is answered with ours (RFC 6891, 6.1.3). */
export function encodeFailure(id: number, rcode: Rcode): Buffer {
  const extended = rcode > 15;
  const message = Buffer.alloc(HEADER_BYTES + (extended ? OPT_BYTES : 0));
  message.writeUInt16BE(id, 0);
  message.writeUInt16BE(FLAG_QR | (rcode & 0xf), 2);
  if (!extended) return message;
  message.writeUInt16BE(1, 10);
  writeOpt(message, HEADER_BYTES, rcode >> 4);
  return message;
}

/** An answer without records. */
export function emptyAnswer(rcode: Rcode, authoritative = false): DnsAnswer {
  return { rcode, authoritative, answers: [], authority: [], additional: [] };
}

/** SERVFAIL: nobody could be asked, or what should be known is not known yet. */
export const SERVER_FAILURE = emptyAnswer(RCODE.SERVFAIL);

function writeOpt(message: Buffer, at: number, extendedRcode: number): void {
  message[at] = 0;
  message.writeUInt16BE(TYPE.OPT, at + 1);
  message.writeUInt16BE(MAX_UDP_BYTES, at + 3);
  message[at + 5] = extendedRcode;
  message.fill(0, at + 6, at + OPT_BYTES);
}

/** Writes records behind the question; names that were written before are pointers to there (RFC 1035, 4.1.4). */
class Writer {
  readonly #limit: number;
  #bytes: Buffer;
  #at: number;
  readonly #offsets = new Map<string, number>();

  constructor(query: DnsQuery, limit: number) {
    this.#limit = limit;
    this.#bytes = Buffer.allocUnsafe(MAX_UDP_BYTES + 1024);
    query.message.copy(this.#bytes, HEADER_BYTES, HEADER_BYTES, query.questionEnd);
    this.#at = query.questionEnd;
    this.#remember(query.labels, HEADER_BYTES);
  }

  /** How many of these fitted. */
  records(records: readonly DnsRecord[]): number {
    let count = 0;
    for (const record of records) {
      const before = this.#at;
      this.#record(record);
      if (this.#at > this.#limit) {
        // what points behind here is not used again: nothing follows a record that did not fit
        this.#at = before;
        return count;
      }
      count += 1;
    }
    return count;
  }

  finish(withOpt: boolean): Buffer {
    if (withOpt) {
      this.#room(OPT_BYTES);
      writeOpt(this.#bytes, this.#at, 0);
      this.#at += OPT_BYTES;
    }
    return this.#bytes.subarray(0, this.#at);
  }

  #record(record: DnsRecord): void {
    this.#name(record.name);
    this.#room(10);
    this.#u16(TYPE[record.type]);
    this.#u16(CLASS_IN);
    this.#u32(record.ttl);
    const length = this.#at;
    this.#u16(0);
    this.#data(record);
    this.#bytes.writeUInt16BE(this.#at - length - 2, length);
  }

  #data(record: DnsRecord): void {
    this.#room(64);
    switch (record.type) {
      case 'A':
      case 'AAAA':
        this.#at += ipBytes(record.address).copy(this.#bytes, this.#at);
        return;
      case 'CNAME':
      case 'PTR':
      case 'NS':
        this.#name(record.target);
        return;
      case 'SRV':
        this.#u16(record.priority);
        this.#u16(record.weight);
        this.#u16(record.port);
        // its target may not be compressed (RFC 2782)
        this.#plainName(record.target);
        return;
      case 'TXT': {
        const text = Buffer.from(record.text, 'latin1').subarray(0, 255);
        this.#room(1 + text.length);
        this.#bytes[this.#at] = text.length;
        this.#at += 1 + text.copy(this.#bytes, this.#at + 1);
        return;
      }
      case 'SOA':
        this.#name(record.primary);
        this.#name(record.mailbox);
        this.#room(20);
        for (const value of [record.serial, record.refresh, record.retry, record.expire, record.minimum])
          this.#u32(value);
    }
  }

  #name(name: Name): void {
    const labels = name.map(lower);
    for (const [i, label] of name.entries()) {
      const rest = labels.slice(i);
      const known = this.#offsets.get(rest.join('.'));
      if (known !== undefined) {
        this.#room(2);
        this.#u16(0xc000 | known);
        return;
      }
      // a pointer has 14 bits
      if (this.#at < 0x4000) this.#offsets.set(rest.join('.'), this.#at);
      this.#label(label);
    }
    this.#room(1);
    this.#bytes[this.#at++] = 0;
  }

  #plainName(name: Name): void {
    for (const label of name) this.#label(label);
    this.#room(1);
    this.#bytes[this.#at++] = 0;
  }

  #label(label: string): void {
    this.#room(64);
    const length = this.#bytes.write(label.slice(0, 63), this.#at + 1, 'latin1');
    this.#bytes[this.#at] = length;
    this.#at += 1 + length;
  }

  #remember(labels: Name, from: number): void {
    let at = from;
    for (const [i, label] of labels.entries()) {
      this.#offsets.set(labels.slice(i).join('.'), at);
      at += 1 + label.length;
    }
  }

  #u16(value: number): void {
    this.#at = this.#bytes.writeUInt16BE(value, this.#at);
  }

  #u32(value: number): void {
    this.#at = this.#bytes.writeUInt32BE(value >>> 0, this.#at);
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe((this.#bytes.length + bytes) * 2);
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

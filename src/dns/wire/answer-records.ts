import { HEADER_BYTES, skipName } from './query.ts';
import { type DnsRecord, type Name, TYPE } from './types.ts';

/** The aliases and addresses among the answers of a message that was read before; names are written out. */
export function addressesIn(message: Buffer): DnsRecord[] {
  const records: DnsRecord[] = [];
  let at = skipName(message, HEADER_BYTES);
  if (at === undefined) return [];
  at += 4;
  for (let i = message.readUInt16BE(6); i > 0; i -= 1) {
    const name = readName(message, at);
    const record = skipName(message, at);
    if (name === undefined || record === undefined) return records;
    const type = message.readUInt16BE(record);
    const ttl = message.readUInt32BE(record + 4);
    const data = record + 10;
    const end = data + message.readUInt16BE(record + 8);
    if (type === TYPE.A && end - data === 4)
      records.push({ type: 'A', name, ttl, address: message.subarray(data, end).join('.') });
    if (type === TYPE.AAAA && end - data === 16)
      records.push({
        type: 'AAAA',
        name,
        ttl,
        address: (message.toString('hex', data, end).match(/.{4}/g) ?? []).join(':'),
      });
    const target = type === TYPE.CNAME ? readName(message, data) : undefined;
    if (target !== undefined) records.push({ type: 'CNAME', name, ttl, target });
    at = end;
  }
  return records;
}

/** A name with its pointers followed, each to somewhere before itself: a loop ends. */
function readName(message: Buffer, from: number): Name | undefined {
  const labels: string[] = [];
  let at = from;
  let before = from;
  for (;;) {
    const length = message[at];
    if (length === undefined) return undefined;
    if (length === 0) return labels;
    if ((length & 0xc0) === 0xc0) {
      const to = ((length & 0x3f) << 8) | (message[at + 1] ?? 0);
      if (to >= before) return undefined;
      before = to;
      at = to;
      continue;
    }
    if (length > 63 || at + 1 + length > message.length || labels.length > 127) return undefined;
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
}

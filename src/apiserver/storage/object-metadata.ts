import { corruptObject } from './errors.ts';
import { findMember, jsonString, skipSpace, skipValue } from './json-members.ts';
import { isProtobuf, protobufUid } from './protobuf-metadata.ts';

const OPEN = 0x7b;
const CLOSE = 0x7d;
const NAME = Buffer.from('"resourceVersion"');

/** A stored value in JSON with `metadata.resourceVersion` set, by copying bytes: nothing is parsed. Throws `corrupt` for anything else. */
export function withResourceVersion(value: Buffer, revision: number): Buffer {
  const object = skipSpace(value, 0);
  if (value[object] !== OPEN) throw corruptObject('it is no JSON object');
  const member = `"resourceVersion":"${revision}"`;
  const metadata = findMember(value, object, 'metadata');
  if (metadata === undefined || value[metadata] !== OPEN) {
    if (metadata === undefined) return insert(value, object, `"metadata":{${member}}`);
    return replace(value, metadata, skipValue(value, metadata), `{${member}}`);
  }
  // what was written here never has one; the search is native, so metadata of any length costs little
  const old = value.includes(NAME) ? findMember(value, metadata, 'resourceVersion') : undefined;
  if (old === undefined) return insert(value, metadata, member);
  return replace(value, old, skipValue(value, old), `"${revision}"`);
}

/** `metadata.uid` of a stored value, empty when it has none. */
export function readUid(value: Buffer): string {
  if (isProtobuf(value)) return protobufUid(value);
  const object = skipSpace(value, 0);
  if (value[object] !== OPEN) throw corruptObject('it is neither a JSON object nor protobuf');
  const metadata = findMember(value, object, 'metadata');
  if (metadata === undefined || value[metadata] !== OPEN) return '';
  const uid = findMember(value, metadata, 'uid');
  return uid === undefined ? '' : jsonString(value, uid);
}

/** Adds a first member to the object whose brace is at `open`. */
function insert(value: Buffer, open: number, member: string): Buffer {
  const empty = value[skipSpace(value, open + 1)] === CLOSE;
  return replace(value, open + 1, open + 1, empty ? member : `${member},`);
}

/** `text` is ASCII. */
function replace(value: Buffer, start: number, end: number, text: string): Buffer {
  const result = Buffer.allocUnsafe(value.length - (end - start) + text.length);
  value.copy(result, 0, 0, start);
  result.write(text, start, 'latin1');
  value.copy(result, start + text.length, end);
  return result;
}

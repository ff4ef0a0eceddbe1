import { yamlText } from '../../api/encode/yaml-text.ts';
import { encodeMessage } from '../../api/protobuf/encode-message.ts';
import { envelopeAround } from '../../api/protobuf/envelope.ts';
import { notAcceptableError } from '../../api/status.ts';
import type { ListMeta } from '../../api/types/gen/meta-v1.ts';
import { TimeSlice } from '../../base/time-slice.ts';
import { type Agreement, JSON_TYPE, YAML_TYPE } from '../negotiation/negotiate.ts';
import { LIST_META } from './converted-object.ts';

/**
 * The bodies of lists, put together item by item: lists are long, so other work gets its turn between two. What an item throws ends the list, before any of it
 * has left. Bytes that items bring are not copied.
 */

/** The JSON of an item: a value, or bytes that are kept, from behind the brace that opens them. */
export type JsonItem = Buffer | object;

/** `head` is the list as JSON without its last member `name`, which holds the items. Throws 406 for what is no text. */
export async function listText(
  { mediaType, pretty }: Agreement,
  head: object,
  name: 'items' | 'rows',
  items: Iterable<JsonItem>,
  signal: AbortSignal,
): Promise<Buffer[]> {
  if (mediaType === YAML_TYPE) return listYaml(head, name, items, signal);
  if (mediaType !== JSON_TYPE) throw notAcceptableError([JSON_TYPE.name]);
  const start = JSON.stringify(head, undefined, pretty ? 2 : 0);
  const open = pretty ? `${start.slice(0, -2)},\n  "${name}": [` : `${start.slice(0, -1)},"${name}":[`;
  const parts: Buffer[] = [Buffer.from(open)];
  const slice = new TimeSlice(signal);
  const between = Buffer.from(pretty ? ',\n    ' : ',{');
  const before = Buffer.from(pretty ? '\n    ' : '{');
  for (const item of items) {
    parts.push(parts.length === 1 ? before : between, pretty ? prettyJson(item) : compactJson(item));
    if (slice.used) await slice.breathe();
  }
  const isEmpty = parts.length === 1;
  parts.push(Buffer.from(pretty ? (isEmpty ? ']\n}\n' : '\n  ]\n}\n') : ']}\n'));
  return parts;
}

/** From behind its first brace. */
function compactJson(item: JsonItem): Buffer {
  return Buffer.isBuffer(item) ? item : Buffer.from(JSON.stringify(item).slice(1));
}

function valueIn(item: JsonItem): unknown {
  return Buffer.isBuffer(item) ? JSON.parse(`{${item}`) : item;
}

/** Moved to the right by the depth of an item; strings in JSON have no line ends of their own. */
function prettyJson(item: JsonItem): Buffer {
  return Buffer.from(JSON.stringify(valueIn(item), undefined, 2).replaceAll('\n', '\n    '));
}

/** The names stand in their order, those of the head before and behind the items. */
async function listYaml(head: object, name: string, items: Iterable<JsonItem>, signal: AbortSignal): Promise<Buffer[]> {
  const members = Object.entries(head);
  const part = (wanted: (other: string) => boolean): string => {
    const chosen = members.filter(([other]) => wanted(other));
    return chosen.length === 0 ? '' : yamlText(Object.fromEntries(chosen));
  };
  const parts: Buffer[] = [];
  const slice = new TimeSlice(signal);
  for (const item of items) {
    parts.push(Buffer.from(yamlText([valueIn(item)])));
    if (slice.used) await slice.breathe();
  }
  const empty = parts.length === 0 ? ' []' : '';
  const before = `${part(other => other < name)}${name}:${empty}\n`;
  return [Buffer.from(before), ...parts, Buffer.from(part(other => other > name))];
}

/** Every list of the API has metadata as field 1 and items as field 2. */
const LIST_METADATA_TAG = 0x0a;
const LIST_ITEMS_TAG = 0x12;

/** A list in protobuf of items that are messages. */
export async function listMessage(
  kind: { readonly apiVersion: string; readonly kind: string },
  metadata: ListMeta,
  items: Iterable<Buffer>,
  signal: AbortSignal,
): Promise<Buffer[]> {
  const parts: Buffer[] = [];
  const slice = new TimeSlice(signal);
  let length = 0;
  const add = (tag: number, message: Buffer): void => {
    const head = fieldHead(tag, message.length);
    parts.push(head, message);
    length += head.length + message.length;
  };
  add(LIST_METADATA_TAG, encodeMessage(LIST_META, metadata));
  for (const item of items) {
    add(LIST_ITEMS_TAG, item);
    if (slice.used) await slice.breathe();
  }
  const { before, after } = envelopeAround(kind.apiVersion, kind.kind, length);
  return [before, ...parts, after];
}

function fieldHead(tag: number, length: number): Buffer {
  const head: number[] = [tag];
  let rest = length;
  while (rest >= 0x80) {
    head.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  head.push(rest);
  return Buffer.from(head);
}

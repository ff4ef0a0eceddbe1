import { goQuote } from '../../api/go-quote.ts';
import { invalidArgument } from '../../base/errors.ts';
import { goJson } from './go-json.ts';

/** What a set or a key holds as its value: texts, numbers and booleans, and by mistake anything else. */
export type KeyValue = unknown;

export interface KeyField {
  readonly name: string;
  readonly value: KeyValue;
}

/** One step of a path. `text` is its canonical form in FieldsV1 (`f:spec`): two steps are the same where their texts are. */
export type PathElement =
  | { readonly kind: 'field'; readonly text: string; readonly name: string }
  | { readonly kind: 'key'; readonly text: string; readonly fields: readonly KeyField[] }
  | { readonly kind: 'value'; readonly text: string; readonly value: KeyValue }
  | { readonly kind: 'index'; readonly text: string; readonly index: number };

const RANK = { field: 0, key: 1, value: 2, index: 3 } as const;

/** The steps by their names, for the same few hundred names come again and again. */
const FIELDS = new Map<string, PathElement>();
const MAX_FIELDS = 4096;

/** A field of a struct, or an entry of a map. */
export function fieldElement(name: string): PathElement {
  const known = FIELDS.get(name);
  if (known !== undefined) return known;
  if (FIELDS.size >= MAX_FIELDS) FIELDS.clear();
  const element: PathElement = { kind: 'field', text: `f:${name}`, name };
  FIELDS.set(name, element);
  return element;
}

/** An element of a list that is known by some of its fields. */
export function keyElement(fields: readonly KeyField[]): PathElement {
  const sorted = fields.length < 2 ? fields : fields.toSorted((a, b) => compareTexts(a.name, b.name));
  const members = sorted.map(({ name, value }) => `${JSON.stringify(name)}:${goJson(value)}`);
  return { kind: 'key', text: `k:{${members.join(',')}}`, fields: sorted };
}

/** An element of a set. */
export function valueElement(value: KeyValue): PathElement {
  return { kind: 'value', text: `v:${goJson(value)}`, value };
}

function indexElement(index: number): PathElement {
  return { kind: 'index', text: `i:${index}`, index };
}

/** The step that a name in FieldsV1 stands for; undefined for a kind of step that a later version may know. Throws for what is none. */
export function parsePathElement(text: string): PathElement | undefined {
  if (text.length < 2) throw invalidArgument('key must be 2 characters long:');
  if (text[1] !== ':') throw invalidArgument(`missing colon: ${text}`);
  const rest = text.slice(2);
  switch (text[0]) {
    case 'f':
      return fieldElement(rest);
    case 'v':
      return valueElement(parse(rest));
    case 'k': {
      const fields: unknown = parse(rest);
      if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
        throw invalidArgument(`no keys of a list: ${text}`);
      return keyElement(Object.entries(fields).map(([name, value]) => ({ name, value })));
    }
    case 'i':
      if (!/^[+-]?\d+$/.test(rest)) throw invalidArgument(`strconv.Atoi: parsing ${goQuote(rest)}: invalid syntax`);
      return indexElement(Number(rest));
    default:
      return undefined;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidArgument(`no JSON: ${text}`);
  }
}

/** The order in which upstream writes steps. */
export function compareElements(a: PathElement, b: PathElement): number {
  if (a.kind === 'field' && b.kind === 'field') return compareTexts(a.name, b.name);
  if (a.kind === 'key' && b.kind === 'key') return compareKeys(a.fields, b.fields);
  if (a.kind === 'value' && b.kind === 'value') return compareValues(a.value, b.value);
  if (a.kind === 'index' && b.kind === 'index') return a.index - b.index;
  return RANK[a.kind] - RANK[b.kind];
}

function compareKeys(a: readonly KeyField[], b: readonly KeyField[]): number {
  for (const [i, left] of a.entries()) {
    const right = b[i];
    if (right === undefined) return 1;
    const order = compareTexts(left.name, right.name) || compareValues(left.value, right.value);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Numbers come first, then texts, booleans, lists, maps and null. */
function compareValues(a: unknown, b: unknown): number {
  const kinds = valueRank(a) - valueRank(b);
  if (kinds !== 0) return kinds;
  if (typeof a === 'number' || typeof a === 'boolean') return Number(a) - Number(b);
  if (typeof a === 'string') return compareTexts(a, String(b));
  return compareTexts(goJson(a), goJson(b));
}

function valueRank(value: unknown): number {
  if (typeof value === 'number') return 0;
  if (typeof value === 'string') return 1;
  if (typeof value === 'boolean') return 2;
  return value === null ? 5 : Array.isArray(value) ? 3 : 4;
}

/** By bytes of UTF-8, as Go orders texts; UTF-16 has the characters beyond U+FFFF before some that come earlier. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  const { length } = a.length < b.length ? a : b;
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return byteOrder(left) - byteOrder(right);
  }
  return a.length - b.length;
}

function byteOrder(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** The path as upstream's messages show it: `.spec.containers[name="web"].image`. */
export function pathText(path: readonly PathElement[]): string {
  return path.map(elementText).join('');
}

/** One step of it. */
export function elementText(element: PathElement): string {
  switch (element.kind) {
    case 'field':
      return `.${element.name}`;
    case 'key':
      return `[${element.fields.map(({ name, value }) => `${name}=${shown(value)}`).join(',')}]`;
    case 'value':
      return `[=${shown(element.value)}]`;
    case 'index':
      return `[${element.index}]`;
  }
}

function shown(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return goQuote(value);
  if (Array.isArray(value)) return `[${value.map(shown).join(',')}]`;
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([name, item]) => `${name}=${shown(item)}`)
      .join('');
  return String(value);
}

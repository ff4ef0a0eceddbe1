import { RawText } from '../../api/raw-text.ts';
import { invalidArgument } from '../../base/errors.ts';
import { parsePathElement } from './path-element.ts';
import { type PathNode, PathSet } from './path-set.ts';

/** The sets of texts: those that are stored are the same ones again and again. */
const PARSED = new WeakMap<RawText, PathSet>();
const TEXTS = new WeakMap<PathSet, RawText>();

/** The set as `metadata.managedFields[].fieldsV1` holds it, in upstream's order, so that equal sets are equal texts. */
export function fieldsOf(set: PathSet): RawText {
  let text = TEXTS.get(set);
  if (text === undefined) {
    text = RawText.ofJson(`{${membersOf(set)}}`);
    TEXTS.set(set, text);
    if (!PARSED.has(text)) PARSED.set(text, set);
  }
  return text;
}

/** A tree of names such as `f:spec`, where `.` is the step itself. */
function membersOf(set: PathSet): string {
  let text = '';
  for (const { element, member, children } of set.sorted()) {
    if (text !== '') text += ',';
    const below = children === undefined ? '' : membersOf(children);
    text += `${nameOf(element.text)}:{${member && below !== '' ? `".":{},${below}` : below}}`;
  }
  return text;
}

/** Most names need no escapes. */
function nameOf(text: string): string {
  return /^[\w:./-]*$/.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** The set that FieldsV1 stand for. Steps of unknown kinds are left out, as upstream does. Throws for what is no such tree. */
export function parseFields(fields: unknown): PathSet {
  if (!(fields instanceof RawText)) return parse(fields).set;
  let set = PARSED.get(fields);
  if (set === undefined) {
    set = parse(fields.value).set;
    PARSED.set(fields, set);
  }
  return set;
}

function parse(fields: unknown): { readonly set: PathSet; readonly member: boolean } {
  if (fields === null) return { set: PathSet.EMPTY, member: true };
  if (typeof fields !== 'object' || Array.isArray(fields)) throw invalidArgument('fieldsV1 is no tree of fields');
  const nodes = new Map<string, PathNode>();
  let member = false;
  const tree = fields as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(tree)) {
    if (name === '.') {
      member = true;
      continue;
    }
    const element = parsePathElement(name);
    if (element === undefined) continue;
    const below = parse(tree[name]);
    if (!below.member && below.set.isEmpty) continue;
    nodes.set(element.text, {
      element,
      member: below.member,
      children: below.set.isEmpty ? undefined : below.set,
    });
  }
  const set = PathSet.of(nodes);
  // a step without anything below it is a member
  return { set, member: member || set.isEmpty };
}

import { invalidArgument } from '../../base/errors.ts';
import { parsePathElement } from './path-element.ts';
import { type PathNode, PathSet } from './path-set.ts';

/** A set of paths as `metadata.managedFields[].fieldsV1` holds it: a tree of names such as `f:spec`, where `.` is the step itself. */
export type FieldsV1 = { readonly [name: string]: FieldsV1 };

const NOTHING: FieldsV1 = {};

/** The set in upstream's order, so that equal sets are equal texts. */
export function fieldsOf(set: PathSet): FieldsV1 {
  const fields: Record<string, FieldsV1> = {};
  for (const { element, member, children } of set.sorted()) {
    if (children === undefined) fields[element.text] = NOTHING;
    else fields[element.text] = member ? { '.': NOTHING, ...fieldsOf(children) } : fieldsOf(children);
  }
  return fields;
}

/** The set that FieldsV1 stand for. Steps of unknown kinds are left out, as upstream does. Throws for what is no such tree. */
export function parseFields(fields: unknown): PathSet {
  return parse(fields).set;
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

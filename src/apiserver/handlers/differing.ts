import type { StructType } from '../../api/schema/table.ts';
import { isAbsentList } from '../../api/schema/zero.ts';
import { isJsonObject } from '../patch/json-value.ts';

type Plain = Readonly<Record<string, unknown>>;

/**
 * Two decoded objects of a type without the fields that are the same in both, and without those of their structs: most writes change little, and what is the
 * same need not be compared by its type. Nothing is left out that is written in another way in one of them.
 */
export function differing(type: StructType, left: Plain, right: Plain, isInner = false): readonly [Plain, Plain] {
  const [l, r]: [Record<string, unknown>, Record<string, unknown>] = [{ ...left }, { ...right }];
  for (const name of Object.keys(right)) {
    const [a, b] = [left[name], right[name]];
    if (same(a, b)) {
      delete l[name];
      delete r[name];
      continue;
    }
    const inner = type.json.get(name)?.type;
    if (!isInner && inner?.kind === 'struct' && isJsonObject(a) && isJsonObject(b))
      [l[name], r[name]] = differing(inner, a, b, true);
  }
  return [l, r];
}

/** Lists that were never given are written as null, and so are not the same as empty ones. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.length === 0 ? isAbsentList(a) === isAbsentList(b) : a.every((item, i) => same(item, b[i]));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length && names.every(name => Object.hasOwn(b, name) && same(a[name], b[name]))
  );
}

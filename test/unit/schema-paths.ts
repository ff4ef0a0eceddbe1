import { findKind } from '../../src/api/schema/kinds.ts';
import type { Type } from '../../src/api/schema/table.ts';

/** Paths of the fields of a kind that are no structs, but for those that say what it is. */
export function fieldPaths(apiVersion: string, kind: string): readonly string[] {
  const type = findKind(apiVersion, kind)?.type;
  if (type === undefined) throw new Error(`there is no ${kind} of ${apiVersion}`);
  return pathsBelow(type, '').filter(path => path !== 'apiVersion' && path !== 'kind');
}

function pathsBelow(type: Type, path: string): readonly string[] {
  if (type.kind !== 'struct') return [path];
  return [...type.json].flatMap(([name, field]) => pathsBelow(field.type, path === '' ? name : `${path}.${name}`));
}

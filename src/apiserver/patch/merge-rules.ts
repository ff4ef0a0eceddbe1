import type { Type } from '../../api/schema/table.ts';
import { strayPatch } from './patch-error.ts';

/** How the value of a field is merged. */
export interface MapRule {
  readonly replace: boolean;
  readonly type: Type | undefined;
}

export interface ListRule {
  readonly merge: boolean;
  readonly mergeKey: string | undefined;
  /** The type of its elements, and what kind of type Go calls it. */
  readonly of: Type | undefined;
  readonly goKind: 'struct' | 'string';
}

/** The rule of a field by the table. Throws upstream's sentence where the type has no such field. */
export function fieldRule(type: Type | undefined, name: string): MapRule & ListRule {
  if (type?.kind === 'map') return ruleOf(type.of, [], undefined);
  const field = type?.kind === 'struct' ? type.json.get(name) : undefined;
  if (field === undefined)
    throw strayPatch(
      `unable to find api field in struct ${type?.kind === 'struct' ? type.name : 'RawExtension'} for the json field ${JSON.stringify(name)}`,
    );
  return ruleOf(field.type, field.patchStrategies, field.patchMergeKey);
}

function ruleOf(type: Type, strategies: readonly string[], mergeKey: string | undefined): MapRule & ListRule {
  const of = type.kind === 'list' ? type.of : undefined;
  return {
    replace: strategies.includes('replace'),
    merge: strategies.includes('merge'),
    mergeKey: mergeKey === '' ? undefined : mergeKey,
    type,
    of,
    goKind: of?.kind === 'struct' ? 'struct' : 'string',
  };
}

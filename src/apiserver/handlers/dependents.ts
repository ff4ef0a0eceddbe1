import type { DeleteOptions } from '../../api/types/gen/meta-v1.ts';
import type { ResourceStrategy } from '../resources/strategy.ts';

/** What the garbage collector does with the dependents of an object before it goes. */
const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

/**
 * The finalizers of an object with that which asks the garbage collector for what the deletion wants, in upstream's order of precedence:
 * the options of the deletion, a finalizer that the object has, the habit of the kind.
 */
export function finalizersForDeletion(
  present: readonly string[],
  options: DeleteOptions,
  dependents: ResourceStrategy['dependents'],
): readonly string[] {
  const others = present.filter(name => name !== ORPHAN && name !== FOREGROUND);
  if (dependents === 'none') return others;
  switch (policyOf(options) ?? (others.length < present.length ? 'as it is' : undefined)) {
    case 'as it is':
      return present;
    case 'Orphan':
      return [...others, ORPHAN];
    case 'Foreground':
      return [...others, FOREGROUND];
    case 'Background':
      return others;
    default:
      return dependents === 'orphan' ? [...others, ORPHAN] : others;
  }
}

/** What a client is told that deletes and does not say what becomes of the dependents. */
export function dependentsWarnings(options: DeleteOptions, { orphanWarning }: ResourceStrategy): string[] {
  return orphanWarning === undefined || policyOf(options) !== undefined ? [] : [orphanWarning];
}

function policyOf({ propagationPolicy, orphanDependents }: DeleteOptions): string | undefined {
  if (orphanDependents !== undefined) return orphanDependents ? 'Orphan' : 'Background';
  return propagationPolicy;
}

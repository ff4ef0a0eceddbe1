import type { Taint, Toleration } from './types/gen/core-v1.ts';

/** Taints of nodes and what of them pods put up with. Pure. */

/** True if a toleration covers a taint. An empty key is every key, an empty effect every effect. The operators Lt and Gt cover nothing: their gate is off. */
export function toleratesTaint(
  { key = '', operator = 'Equal', value = '', effect }: Toleration,
  taint: Taint,
): boolean {
  if (effect !== undefined && !isAny(effect) && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  if (operator === 'Exists') return true;
  return (operator === 'Equal' || isAny(operator)) && value === (taint.value ?? '');
}

/** Clients write empty texts where the types know none. */
function isAny(text: string): boolean {
  return text === '';
}

/** The first taint of the given effects that nothing covers; undefined where all of them are covered. */
export function untoleratedTaint(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly string[],
): Taint | undefined {
  return taints?.find(
    taint =>
      effects.includes(taint.effect) && !(tolerations ?? []).some(toleration => toleratesTaint(toleration, taint)),
  );
}

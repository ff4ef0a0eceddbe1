import type { OciRlimit } from './oci-spec.ts';

export interface RlimitDecision {
  readonly rlimits: readonly OciRlimit[];
  readonly notes: readonly string[];
}

/**
 * Limits that can be set: without CAP_SYS_RESOURCE nobody may raise a hard limit, so both values are cut to the hard limit this process has, with a note.
 * `hard` undefined means that raising is allowed. The soft value never exceeds the hard one.
 */
export function clampRlimits(
  wanted: readonly OciRlimit[],
  hard: ReadonlyMap<string, number> | undefined,
): RlimitDecision {
  const notes: string[] = [];
  const rlimits = wanted.map(limit => {
    const most = hard?.get(limit.type) ?? Number.POSITIVE_INFINITY;
    if (limit.hard > most)
      notes.push(`${limit.type} ${limit.hard} is over this daemon's own hard limit; ${most} is used`);
    const newHard = Math.min(limit.hard, most);
    return { type: limit.type, soft: Math.min(limit.soft, newHard), hard: newHard };
  });
  return { rlimits, notes };
}

export interface OomScoreDecision {
  readonly value: number;
  /** Why the value is not the one that was asked for. */
  readonly reason: string | undefined;
}

/**
 * The oom_score_adj to ask of the kernel (-1000 to 1000). A process without CAP_SYS_RESOURCE may only raise the value it has itself; asking for less makes
 * the runtime fail, so the own value is taken instead.
 */
export function clampOomScoreAdj(
  wanted: number,
  own: { readonly current: number; readonly canLower: boolean },
): OomScoreDecision {
  const inRange = Math.min(1000, Math.max(-1000, Math.trunc(wanted)));
  if (!own.canLower && inRange < own.current)
    return {
      value: own.current,
      reason: `oom_score_adj ${wanted} needs CAP_SYS_RESOURCE, which this daemon lacks; ${own.current} is used`,
    };
  if (inRange !== wanted) return { value: inRange, reason: `oom_score_adj ${wanted} is not between -1000 and 1000` };
  return { value: inRange, reason: undefined };
}

import type { Probe } from '../../api/types/gen/core-v1.ts';

/** What one attempt found. `unknown`: it could not be carried out, which says nothing of the container. */
export interface ProbeOutcome {
  readonly result: 'success' | 'failure' | 'unknown';
  /** For people: what answered, or why nothing did. */
  readonly output: string;
  /** A success that deserves a word, as a redirect to somewhere else. */
  readonly warning?: true;
}

/** How often in a row the same was found. */
export interface ProbeCount {
  readonly result: 'success' | 'failure' | undefined;
  readonly run: number;
}

export const NOTHING_COUNTED: ProbeCount = { result: undefined, run: 0 };

const DEFAULT_SUCCESSES = 1;
const DEFAULT_FAILURES = 3;

/** Counts an outcome; `settled` is the result once it was found often enough in a row (upstream's rule). What could not be found out counts for nothing. */
export function countOutcome(
  before: ProbeCount,
  outcome: ProbeOutcome,
  probe: Pick<Probe, 'successThreshold' | 'failureThreshold'>,
): { readonly count: ProbeCount; readonly settled: 'success' | 'failure' | undefined } {
  const { result } = outcome;
  if (result === 'unknown') return { count: before, settled: undefined };
  const run = before.result === result ? before.run + 1 : 1;
  const needed =
    result === 'success' ? (probe.successThreshold ?? DEFAULT_SUCCESSES) : (probe.failureThreshold ?? DEFAULT_FAILURES);
  return { count: { result, run }, settled: run >= needed ? result : undefined };
}

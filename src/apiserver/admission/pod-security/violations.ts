import type { Pod } from '../../../api/types/gen/core-v1.ts';
import { BASELINE_CHECKS, type Check, RESTRICTED_CHECKS, type Violation } from './checks.ts';
import type { Standard } from './policy.ts';

/** What a pod does that a level forbids. */
export function violationsOf(pod: Pick<Pod, 'metadata' | 'spec'>, { level }: Standard): readonly Violation[] {
  const checks: readonly Check[] =
    level === 'privileged' ? [] : level === 'baseline' ? BASELINE_CHECKS : RESTRICTED_CHECKS;
  return checks.flatMap(check => check(pod) ?? []);
}

import type { Pod } from '../../../api/types/gen/core-v1.ts';
import { BASELINE_CHECKS } from './baseline-checks.ts';
import type { Check, VersionedCheck, Violation } from './check.ts';
import type { Standard } from './policy.ts';
import { RESTRICTED_CHECKS } from './restricted-checks.ts';

/** What a pod does that a level forbids, by the rules of the version that the standard names. */
export function violationsOf(pod: Pick<Pod, 'metadata' | 'spec'>, standard: Standard): readonly Violation[] {
  return checksOf(standard).flatMap(check => check(pod) ?? []);
}

/** Versions that are not known yet are the newest that is: there an older server stays as strict as it can be. */
function checksOf({ level, version }: Standard): readonly Check[] {
  if (level === 'privileged') return [];
  const minor = version === 'latest' ? Number.POSITIVE_INFINITY : Number(version.replace('v1.', ''));
  const stricter = level === 'restricted' ? RESTRICTED_CHECKS.filter(check => inForce(check, minor) !== undefined) : [];
  const baseline = BASELINE_CHECKS.filter(({ id }) => !stricter.some(({ standsFor }) => standsFor === id));
  return [...baseline, ...stricter].flatMap(check => inForce(check, minor) ?? []);
}

function inForce({ versions }: VersionedCheck, minor: number): Check | undefined {
  return versions.findLast(({ since }) => since <= minor)?.check;
}

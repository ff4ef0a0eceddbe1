import type { StatefulSet } from '../../api/types/gen/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '../../api/types/gen/core-v1.ts';
import type { OwnerReference } from '../../api/types/gen/meta-v1.ts';
import { controllerReference } from '../pods/pod-from-template.ts';
import { ordinalOf, ordinalsOf, STATEFUL_SET } from './members.ts';

/** Who owns the claims of a set, so that the garbage collector deletes them when the policy of the set says it. Upstream's rules. Pure. */

const POD = { apiVersion: 'v1', kind: 'Pod' };

interface Policy {
  readonly whenDeleted: 'Delete' | 'Retain';
  readonly whenScaled: 'Delete' | 'Retain';
}

function policyOf({ spec }: StatefulSet): Policy {
  const { whenDeleted, whenScaled } = spec.persistentVolumeClaimRetentionPolicy ?? {};
  return {
    whenDeleted: whenDeleted === 'Delete' ? 'Delete' : 'Retain',
    whenScaled: whenScaled === 'Delete' ? 'Delete' : 'Retain',
  };
}

/** True where a claim still belongs to an earlier pod of this name: it will go, and a new pod has to wait for that. */
export function isStaleClaim(set: StatefulSet, claim: PersistentVolumeClaim, pod: Pick<Pod, 'metadata'>): boolean {
  return (
    policyOf(set).whenScaled === 'Delete' &&
    ownersOf(claim).some(owner => names(owner, pod, POD) && owner.uid !== pod.metadata.uid)
  );
}

/**
 * The owner references that a claim has to have; undefined where they are right, or where the claim is another's or of a life before and so not touched.
 */
export function claimOwners(
  set: StatefulSet,
  pod: Pod,
  claim: PersistentVolumeClaim,
): readonly OwnerReference[] | undefined {
  const present = ownersOf(claim);
  const isOurs = (owner: OwnerReference): boolean => names(owner, set, STATEFUL_SET) || names(owner, pod, POD);
  const isStale = present.some(
    owner =>
      (names(owner, set, STATEFUL_SET) && owner.uid !== set.metadata.uid) ||
      (names(owner, pod, POD) && owner.uid !== pod.metadata.uid),
  );
  if (isStale) return undefined;
  const policy = policyOf(set);
  const others = present.filter(owner => !isOurs(owner));
  const manages = policy.whenDeleted === 'Delete' || policy.whenScaled === 'Delete';
  const isForeign = manages && others.some(owner => owner.controller === true);
  const wanted = isForeign ? others : [...others, ...wantedOwners(set, pod, policy)];
  return isSameOwners(present, wanted) ? undefined : wanted;
}

function wantedOwners(set: StatefulSet, pod: Pod, { whenDeleted, whenScaled }: Policy): OwnerReference[] {
  const { start, count } = ordinalsOf(set);
  const ordinal = ordinalOf(set, pod) ?? -1;
  const isScaledDown = ordinal < start || ordinal >= start + count;
  if (whenScaled === 'Delete' && isScaledDown) return [controllerReference(pod, POD.apiVersion, POD.kind)];
  return whenDeleted === 'Delete' ? [controllerReference(set, STATEFUL_SET.apiVersion, STATEFUL_SET.kind)] : [];
}

function ownersOf({ metadata }: PersistentVolumeClaim): readonly OwnerReference[] {
  return metadata.ownerReferences ?? [];
}

function names(
  owner: OwnerReference,
  { metadata }: { readonly metadata: { readonly name?: string | undefined } },
  kind: { readonly apiVersion: string; readonly kind: string },
): boolean {
  return owner.apiVersion === kind.apiVersion && owner.kind === kind.kind && owner.name === metadata.name;
}

function isSameOwners(a: readonly OwnerReference[], b: readonly OwnerReference[]): boolean {
  const key = ({ uid, controller }: OwnerReference): string => `${uid} ${controller === true}`;
  return a.length === b.length && a.every(owner => b.some(each => key(each) === key(owner)));
}

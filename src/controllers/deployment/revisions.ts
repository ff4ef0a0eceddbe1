import { equalAs } from '../../api/semantic-equal.ts';
import type { Deployment, ReplicaSet } from '../../api/types/gen/apps-v1.ts';
import type { PodTemplateSpec } from '../../api/types/gen/core-v1.ts';
import { controllerReference } from '../pods/pod-from-template.ts';
import { templateHash } from '../pods/template-hash.ts';
import { rollingLimits } from './limits.ts';

/** Revisions of a deployment: which set is the present one, its number, its annotations. Pure. */

const HASH_LABEL = 'pod-template-hash';
export const REVISION = 'deployment.kubernetes.io/revision';
const HISTORY = 'deployment.kubernetes.io/revision-history';
const DESIRED = 'deployment.kubernetes.io/desired-replicas';
const MAX = 'deployment.kubernetes.io/max-replicas';
/** What stands on the deployment and is not copied to its sets. */
const NOT_COPIED: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  HISTORY,
  DESIRED,
  MAX,
  'deprecated.deployment.rollback.to',
]);
const MAX_HISTORY_LENGTH = 2000;
const MAX_NAME_LENGTH = 253;
const MAX_REVISION = 2n ** 63n - 1n;

/** Oldest first; those of one second by name. */
export function byAge(sets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const key = ({ metadata }: ReplicaSet): string => `${metadata.creationTimestamp ?? ''} ${metadata.name ?? ''}`;
  return sets.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** An int64 that whoever adopted the set may have chosen; 0 where it is no such number. */
export function revisionOf({ metadata }: ReplicaSet): bigint {
  return revisionNumber(metadata.annotations?.[REVISION]) ?? 0n;
}

function revisionNumber(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^\d{1,19}$/.test(text)) return undefined;
  const number = BigInt(text);
  return number <= MAX_REVISION ? number : undefined;
}

/** How many pods the deployment wanted, and might have at most, when it wrote to this set last. */
export function desiredOf({ metadata }: ReplicaSet): number | undefined {
  return wholeNumber(metadata.annotations?.[DESIRED]);
}

export function maxOf({ metadata }: ReplicaSet): number | undefined {
  return wholeNumber(metadata.annotations?.[MAX]);
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

/** The oldest set with the template that the deployment has now. */
export function presentSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const wanted = withoutHash(deployment.spec.template);
  return byAge(sets).find(set => equalAs('core/v1.PodTemplateSpec', withoutHash(set.spec.template), wanted));
}

function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const { [HASH_LABEL]: _, ...labels } = template.metadata?.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}

/** The number that the present set has, or gets: one more than every older one. */
export function nextRevision(older: readonly ReplicaSet[]): bigint {
  return older.map(revisionOf).reduce((highest, each) => (each > highest ? each : highest), 0n) + 1n;
}

/** The set for the template of now, as it is created with so many replicas. */
export function newReplicaSet(deployment: Deployment, older: readonly ReplicaSet[], replicas: number): ReplicaSet {
  const { metadata, spec, status } = deployment;
  const hash = templateHash(withoutHash(spec.template), status.collisionCount ?? 0);
  const labels = { ...spec.template.metadata?.labels, [HASH_LABEL]: hash };
  const name = `${(metadata.name ?? '').slice(0, MAX_NAME_LENGTH - hash.length - 1)}-${hash}`;
  const bare = {
    metadata: {
      name,
      namespace: metadata.namespace,
      labels,
      ownerReferences: [controllerReference(deployment, 'apps/v1', 'Deployment')],
    },
    spec: {
      replicas,
      minReadySeconds: spec.minReadySeconds,
      selector: { ...spec.selector, matchLabels: { ...spec.selector?.matchLabels, [HASH_LABEL]: hash } },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  } as unknown as ReplicaSet;
  return withSize(withRevision(bare, deployment, nextRevision(older)), deployment, replicas);
}

/** The present set with the deployment's annotations, its number and its minReadySeconds; the same object where they are right. */
export function withRevision(set: ReplicaSet, deployment: Deployment, revision: bigint): ReplicaSet {
  const present = set.metadata.annotations ?? {};
  const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(([name]) => !NOT_COPIED.has(name));
  const next: Record<string, string> = { ...present, ...Object.fromEntries(copied) };
  const known = present[REVISION];
  // a set that comes back after a roll-back gets a new number, and remembers those that it had
  if (known === undefined || (revisionNumber(known) ?? revision) < revision) {
    next[REVISION] = String(revision);
    if (known !== undefined) next[HISTORY] = history(present[HISTORY] ?? '', known);
  }
  const { minReadySeconds } = deployment.spec;
  const isSame =
    (set.spec.minReadySeconds ?? 0) === (minReadySeconds ?? 0) &&
    Object.entries(next).every(([name, value]) => present[name] === value);
  return isSame
    ? set
    : { ...set, metadata: { ...set.metadata, annotations: next }, spec: { ...set.spec, minReadySeconds } };
}

function history(before: string, revision: string): string {
  const all = before === '' ? [revision] : [...before.split(','), revision];
  while (all.length > 1 && all.join(',').length > MAX_HISTORY_LENGTH) all.shift();
  return all.join(',');
}

/** A set with another size, and the numbers of the deployment by which proportional scaling goes; the same object where they are right. */
export function withSize(set: ReplicaSet, deployment: Deployment, replicas: number): ReplicaSet {
  const wanted = deployment.spec.replicas ?? 1;
  const max = wanted + rollingLimits(deployment).maxSurge;
  if (set.spec.replicas === replicas && desiredOf(set) === wanted && maxOf(set) === max) return set;
  const annotations = { ...set.metadata.annotations, [DESIRED]: String(wanted), [MAX]: String(max) };
  return { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, replicas } };
}

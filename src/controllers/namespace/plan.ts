import type { Namespace, NamespaceCondition } from '../../api/types/gen/core-v1.ts';
import type { Time } from '../../api/types/scalars.ts';

/** The finalizer that this controller takes away when a namespace is empty. */
export const FINALIZER = 'kubernetes';

/** What is left of one kind in a namespace after its objects were deleted. */
export interface Leftover {
  /** `pods`, `deployments.apps`. */
  readonly resource: string;
  readonly count: number;
  /** How many of them wait for each finalizer. */
  readonly finalizers: ReadonlyMap<string, number>;
  /** The longest time that one of them has been given to end, in seconds. */
  readonly graceSeconds: number;
}

export interface Findings {
  readonly leftovers: readonly Leftover[];
  /** Kinds that could not be deleted or listed, with the reason. */
  readonly failures: readonly { readonly resource: string; readonly message: string }[];
  /** Groups whose kinds could not be found out. */
  readonly discoveryFailures: readonly string[];
}

/** True where this controller has something to do with a namespace. */
export function isEnding(namespace: Namespace): boolean {
  return namespace.metadata.deletionTimestamp !== undefined && (namespace.spec.finalizers ?? []).includes(FINALIZER);
}

/** The namespace without our finalizer: for `finalize`. */
export function withoutFinalizer(namespace: Namespace): Namespace {
  const finalizers = (namespace.spec.finalizers ?? []).filter(each => each !== FINALIZER);
  return { ...namespace, spec: { ...namespace.spec, finalizers } };
}

interface Told {
  readonly type: string;
  /** Reason and message where something is wrong. */
  readonly trouble: readonly [reason: string, message: string] | undefined;
  /** The same where all is well, and the condition is there already. */
  readonly well: readonly [reason: string, message: string];
}

/**
 * The conditions of a namespace that is being emptied; the same array where they say so already. Those that say that all is well are only written over
 * others that did not, except the first three, as upstream does it.
 */
export function endingConditions(
  present: readonly NamespaceCondition[],
  findings: Findings,
  now: Time,
): readonly NamespaceCondition[] {
  const next = [...present];
  let changed = false;
  for (const told of tellings(findings)) {
    const at = next.findIndex(condition => condition.type === told.type);
    const [reason, message] = told.trouble ?? told.well;
    const status = told.trouble === undefined ? 'False' : 'True';
    const before = next[at];
    if (before?.status === status && before.reason === reason && before.message === message) continue;
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : now;
    const condition: NamespaceCondition = { type: told.type, status, lastTransitionTime, reason, message };
    if (at < 0) next.push(condition);
    else next[at] = condition;
    changed = true;
  }
  return changed ? next : present;
}

function tellings({ leftovers, failures, discoveryFailures }: Findings): readonly Told[] {
  const remaining = leftovers.map(({ resource, count }) => `${resource} has ${count} resource instances`).toSorted();
  const finalizers = new Map<string, number>();
  for (const leftover of leftovers)
    for (const [name, count] of leftover.finalizers) finalizers.set(name, (finalizers.get(name) ?? 0) + count);
  const waiting = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`).toSorted();
  const list = (items: readonly string[]): string => items.join(', ');
  return [
    {
      type: 'NamespaceDeletionDiscoveryFailure',
      trouble:
        discoveryFailures.length === 0
          ? undefined
          : [
              'DiscoveryFailed',
              `Discovery failed for some groups, ${discoveryFailures.length} failing: ${list(discoveryFailures)}`,
            ],
      well: ['ResourcesDiscovered', 'All resources successfully discovered'],
    },
    {
      type: 'NamespaceDeletionGroupVersionParsingFailure',
      trouble: undefined,
      well: ['ParsedGroupVersions', 'All legacy kube types successfully parsed'],
    },
    {
      type: 'NamespaceDeletionContentFailure',
      trouble:
        failures.length === 0
          ? undefined
          : [
              'ContentDeletionFailed',
              `Failed to delete all resource types, ${failures.length} remaining: ${list(failures.map(each => each.message).toSorted())}`,
            ],
      well: ['ContentDeleted', 'All content successfully deleted, may be waiting on finalization'],
    },
    {
      type: 'NamespaceContentRemaining',
      trouble:
        remaining.length === 0
          ? undefined
          : ['SomeResourcesRemain', `Some resources are remaining: ${list(remaining)}`],
      well: ['ContentRemoved', 'All content successfully removed'],
    },
    {
      type: 'NamespaceFinalizersRemaining',
      trouble:
        waiting.length === 0
          ? undefined
          : ['SomeFinalizersRemain', `Some content in the namespace has finalizers remaining: ${list(waiting)}`],
      well: ['ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
    },
  ];
}

/** Upstream looks again after half the estimate and a second; 15 s where only finalizers or unknown things hold it. */
const UNKNOWN_ESTIMATE_SECONDS = 15;

/** When to look again, in ms, where something is left. */
export function nextLookMs({ leftovers }: Findings): number {
  const grace = Math.max(0, ...leftovers.map(each => each.graceSeconds));
  return (Math.floor((grace === 0 ? UNKNOWN_ESTIMATE_SECONDS : grace) / 2) + 1) * 1000;
}

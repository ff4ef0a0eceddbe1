import type { PodCondition, PodStatus } from '../../api/types/gen/core-v1.ts';

type Json = Readonly<Record<string, unknown>>;

/** What the kubelet writes of a pod's status. The rest, and conditions of types that it does not tell, are others'. */
const OWN = [
  'observedGeneration',
  'phase',
  'reason',
  'message',
  'hostIP',
  'podIP',
  'startTime',
  'initContainerStatuses',
  'containerStatuses',
  'ephemeralContainerStatuses',
  'qosClass',
] as const;
/** Lists that a strategic merge patch would merge by their elements: they are replaced as a whole. */
const REPLACED = ['hostIPs', 'podIPs'] as const;

/**
 * The strategic merge patch that makes of the status in the API server the one that was computed; undefined where it is the same already. Only what differs is in
 * it, so that what others write meanwhile stays. Pure.
 */
export function statusPatch(current: PodStatus | undefined, wanted: PodStatus): Json | undefined {
  const patch: Record<string, unknown> = {};
  for (const field of OWN) {
    if (same(current?.[field], wanted[field])) continue;
    patch[field] = wanted[field] ?? null;
  }
  for (const field of REPLACED) {
    if (same(current?.[field], wanted[field])) continue;
    patch[field] = [{ $patch: 'replace' }, ...(wanted[field] ?? [])];
  }
  const conditions = changedConditions(current?.conditions ?? [], wanted.conditions ?? []);
  if (conditions.length > 0) patch['conditions'] = conditions;
  return Object.keys(patch).length === 0 ? undefined : patch;
}

/** Conditions of the kubelet's that are there for as long as something goes on; all others stay. */
const PASSING: ReadonlySet<string> = new Set(['PodResizePending', 'PodResizeInProgress']);

/** An element is merged with the one of its type: what it must not keep is null. */
function changedConditions(current: readonly PodCondition[], wanted: readonly PodCondition[]): readonly Json[] {
  const over = current.filter(({ type }) => PASSING.has(type) && !wanted.some(c => c.type === type));
  const changed = wanted.flatMap(condition => {
    const before = current.find(c => c.type === condition.type);
    if (before !== undefined && same(told(before), told(condition))) return [];
    return [{ ...told(condition), lastTransitionTime: transition(before, condition) }];
  });
  return [...changed, ...over.map(({ type }) => ({ type, $patch: 'delete' }))];
}

function told({ type, status, reason, message, observedGeneration }: PodCondition): Json {
  return {
    type,
    status,
    reason: reason ?? null,
    message: message ?? null,
    observedGeneration: observedGeneration ?? null,
  };
}

/** The time of the last change of the status: what the API server has counts while the status is the same. */
function transition(before: PodCondition | undefined, condition: PodCondition): string | null {
  const kept = before?.status === condition.status ? before.lastTransitionTime : undefined;
  return kept ?? condition.lastTransitionTime ?? null;
}

/** Equal as the API server would store them: empty lists and texts, and members that are missing, are the same. */
function same(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(normal(value)) ?? '';
}

function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(each => normal(each) ?? null);
  if (value === '' || value === null) return undefined;
  if (typeof value !== 'object') return value;
  const members = Object.entries(value as Json)
    .map(([name, member]) => [name, normal(member)] as const)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return members.length === 0 ? undefined : Object.fromEntries(members);
}

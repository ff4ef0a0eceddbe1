import type { Lease } from '../../api/types/gen/coordination-v1.ts';
import type { Node, NodeCondition, Taint } from '../../api/types/gen/core-v1.ts';

/** What the state of nodes means: upstream's rules, names and words. */

export const NOT_READY = 'node.kubernetes.io/not-ready';
export const UNREACHABLE = 'node.kubernetes.io/unreachable';
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/** Which status of a condition is which taint. */
const TAINT_OF: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Ready: { False: NOT_READY, Unknown: UNREACHABLE },
  MemoryPressure: { True: 'node.kubernetes.io/memory-pressure' },
  DiskPressure: { True: 'node.kubernetes.io/disk-pressure' },
  NetworkUnavailable: { True: 'node.kubernetes.io/network-unavailable' },
  PIDPressure: { True: 'node.kubernetes.io/pid-pressure' },
};
const MANAGED = new Set([UNSCHEDULABLE, ...Object.values(TAINT_OF).flatMap(byStatus => Object.values(byStatus))]);

export function conditionOf(node: Node, type: string): NodeCondition | undefined {
  return node.status.conditions?.find(condition => condition.type === type);
}

/** The taints that keep pods from being placed where the conditions are bad: all taints as they should be, undefined where they are. */
export function scheduleTaints(node: Node, timeAdded: string): readonly Taint[] | undefined {
  const conditions = node.status.conditions ?? [];
  const wanted = new Set(conditions.flatMap(({ type, status }) => TAINT_OF[type]?.[status] ?? []));
  if (node.spec.unschedulable === true) wanted.add(UNSCHEDULABLE);
  const taints = node.spec.taints ?? [];
  const isOurs = ({ key, effect }: Taint): boolean => effect === 'NoSchedule' && MANAGED.has(key);
  const kept = taints.filter(taint => !isOurs(taint) || wanted.has(taint.key));
  const missing = [...wanted].filter(key => !taints.some(taint => isOurs(taint) && taint.key === key));
  if (missing.length === 0 && kept.length === taints.length) return undefined;
  return [...kept, ...missing.map(key => ({ key, effect: 'NoSchedule' as const, timeAdded }))];
}

/** Older names of labels, which have the values of the newer ones: what is missing or other. */
export function labelsToSet({ metadata: { labels = {} } }: Node): Readonly<Record<string, string>> | undefined {
  const names = ['os', 'arch'].filter(name => {
    const value = labels[`kubernetes.io/${name}`];
    return value !== undefined && labels[`beta.kubernetes.io/${name}`] !== value;
  });
  if (names.length === 0) return undefined;
  return Object.fromEntries(names.map(name => [`beta.kubernetes.io/${name}`, labels[`kubernetes.io/${name}`] ?? '']));
}

/** The taint that sends pods away from a node, by its condition Ready; undefined where it is ready or says nothing. */
export function executeTaint(node: Node): string | undefined {
  return TAINT_OF['Ready']?.[conditionOf(node, 'Ready')?.status ?? ''];
}

export function hasExecuteTaint({ spec }: Node, key: string): boolean {
  return spec.taints?.some(taint => taint.key === key && taint.effect === 'NoExecute') === true;
}

/** All taints with `key` to send pods away, and without the other one of the two; undefined where they are so. Without a key, without both. */
export function withExecuteTaint(
  { spec: { taints = [] } }: Node,
  key: string | undefined,
  timeAdded: string,
): readonly Taint[] | undefined {
  const isOther = (taint: Taint): boolean =>
    taint.effect === 'NoExecute' && (taint.key === NOT_READY || taint.key === UNREACHABLE) && taint.key !== key;
  const kept = taints.filter(taint => !isOther(taint));
  const isThere = key === undefined || kept.some(taint => taint.key === key && taint.effect === 'NoExecute');
  if (isThere && kept.length === taints.length) return undefined;
  return isThere ? kept : [...kept, { key: key ?? '', effect: 'NoExecute', timeAdded }];
}

/** What was last seen of a node, and when on our own clock: those of nodes may be off. */
export interface NodeHealth {
  readonly uid: string;
  readonly heartbeat: string | undefined;
  readonly renewed: string | undefined;
  /** Ms of the monotonic clock. */
  readonly seenAt: number;
}

export interface Now {
  readonly monotonic: number;
  readonly wall: number;
}

/** What is to be remembered of a node that looks as it does now. A change of its heartbeat or lease counts as seen now. */
export function observed(before: NodeHealth | undefined, node: Node, lease: Lease | undefined, now: Now): NodeHealth {
  const uid = node.metadata.uid ?? '';
  const heartbeat = conditionOf(node, 'Ready')?.lastHeartbeatTime;
  const renewed = lease?.spec.renewTime;
  const known = before?.uid === uid ? before : undefined;
  const isRenewed = renewed !== undefined && (known?.renewed === undefined || known.renewed < renewed);
  const isNew = conditionOf(node, 'Ready') !== undefined && (known === undefined || known.heartbeat !== heartbeat);
  const created = Date.parse(node.metadata.creationTimestamp ?? '');
  // a node that nobody has spoken for counts from when it was made
  const since = known?.seenAt ?? now.monotonic - Math.max(0, now.wall - (Number.isNaN(created) ? now.wall : created));
  return {
    uid,
    heartbeat,
    renewed: isRenewed ? renewed : (known?.renewed ?? renewed),
    seenAt: isRenewed || isNew ? now.monotonic : since,
  };
}

export interface GracePeriods {
  /** How long a node may be silent. */
  readonly monitorMs: number;
  /** The same for one that has never told its status. */
  readonly startupMs: number;
}

/** Conditions that say what they said until nobody heard of the kubelet any more. */
const KUBELET_CONDITIONS = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

/** The conditions of a node that has been silent for too long; undefined while it has not, and where they say so. */
export function silentConditions(
  node: Node,
  { seenAt }: NodeHealth,
  { monitorMs, startupMs }: GracePeriods,
  now: Now,
  timeNow: string,
): readonly NodeCondition[] | undefined {
  const ready = conditionOf(node, 'Ready');
  const graceMs = ready === undefined ? startupMs : monitorMs;
  if (now.monotonic - seenAt <= graceMs || ready?.status === 'Unknown') return undefined;
  const told = (node.status.conditions ?? []).map(condition =>
    KUBELET_CONDITIONS.includes(condition.type) && condition.status !== 'Unknown'
      ? {
          ...condition,
          status: 'Unknown' as const,
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
          lastTransitionTime: timeNow,
        }
      : condition,
  );
  const never = KUBELET_CONDITIONS.filter(type => conditionOf(node, type) === undefined).map(type => ({
    type,
    status: 'Unknown' as const,
    reason: 'NodeStatusNeverUpdated',
    message: 'Kubelet never posted node status.',
    lastHeartbeatTime: node.metadata.creationTimestamp,
    lastTransitionTime: timeNow,
  }));
  return [...told, ...never];
}

const EXCLUDED = 'node.kubernetes.io/exclude-disruption';

/** True for a node that does not count when the state of its zone is judged. */
export function isExcluded({ metadata: { labels = {} } }: Node): boolean {
  return Object.hasOwn(labels, EXCLUDED);
}

/** Region and zone of a node as one text; empty where it has neither. */
export function zoneOf({ metadata: { labels = {} } }: Node): string {
  const of = (part: string): string =>
    labels[`failure-domain.beta.kubernetes.io/${part}`] ?? labels[`topology.kubernetes.io/${part}`] ?? '';
  const [region, zone] = [of('region'), of('zone')];
  return region === '' && zone === '' ? '' : `${region}:\u0000:${zone}`;
}

import type { Node, NodeCondition, NodeStatus } from '../../api/types/gen/core-v1.ts';

type Json = Readonly<Record<string, unknown>>;

/** What the kubelet writes; an object or a list of another kind that somebody else added stays. */
const REPLACED = ['daemonEndpoints', 'declaredFeatures', 'features', 'images', 'nodeInfo', 'runtimeHandlers'] as const;
const MAPS = ['capacity', 'allocatable'] as const;

/** True where more than the time of the last heartbeat differs. Pure. */
export function hasChanged(current: NodeStatus | undefined, wanted: NodeStatus): boolean {
  if (current === undefined) return true;
  if (REPLACED.some(field => wanted[field] !== undefined && !same(current[field] ?? [], wanted[field]))) return true;
  if (!same(current.addresses ?? [], wanted.addresses ?? [])) return true;
  if (MAPS.some(field => changedEntries(current[field] ?? {}, wanted[field] ?? {}) !== undefined)) return true;
  return (wanted.conditions ?? []).some(condition => {
    const before = current.conditions?.find(each => each.type === condition.type);
    return !same(withoutHeartbeat(before), withoutHeartbeat(condition));
  });
}

/** The strategic merge patch that brings the status in the API server up to date. All our conditions are in it, for their heartbeat. Pure. */
export function nodeStatusPatch(current: NodeStatus | undefined, wanted: NodeStatus): Json {
  const patch: Record<string, unknown> = { conditions: wanted.conditions };
  for (const field of REPLACED)
    if (wanted[field] !== undefined && !same(current?.[field] ?? [], wanted[field])) patch[field] = wanted[field];
  for (const field of MAPS) {
    const entries = changedEntries(current?.[field] ?? {}, wanted[field] ?? {});
    if (entries !== undefined) patch[field] = entries;
  }
  if (!same(current?.addresses, wanted.addresses))
    patch['addresses'] = [{ $patch: 'replace' }, ...(wanted.addresses ?? [])];
  return patch;
}

/** Labels of the node that are not what they have to be; undefined where all are. Pure. */
export function labelsPatch(node: Node, labels: Readonly<Record<string, string>>): Json | undefined {
  const entries = changedEntries(node.metadata.labels ?? {}, labels);
  return entries === undefined ? undefined : { metadata: { labels: entries } };
}

function changedEntries(
  current: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): Json | undefined {
  const changed = Object.entries(wanted).filter(([name, value]) => current[name] !== value);
  return changed.length === 0 ? undefined : Object.fromEntries(changed);
}

function withoutHeartbeat(condition: NodeCondition | undefined): Json | undefined {
  if (condition === undefined) return undefined;
  const { type, status, reason, message } = condition;
  return { type, status, reason, message };
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, member]) => [name, sorted(member)] as const)
      .filter(([, member]) => member !== undefined && member !== '')
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

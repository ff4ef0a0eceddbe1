import type { NodeStatus } from '../../api/types/gen/core-v1.ts';

/** What people are told of the node. */
export interface NodeEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** By condition: the reasons for True and for anything else. */
const REASONS: Readonly<Record<string, readonly [string, string]>> = {
  MemoryPressure: ['NodeHasInsufficientMemory', 'NodeHasSufficientMemory'],
  DiskPressure: ['NodeHasDiskPressure', 'NodeHasNoDiskPressure'],
  PIDPressure: ['NodeHasInsufficientPID', 'NodeHasSufficientPID'],
  Ready: ['NodeReady', 'NodeNotReady'],
};

/** `Node n1 status is now: NodeReady`. */
export function statusEvent(node: string, reason: string): NodeEvent {
  return { type: 'Normal', reason, message: `Node ${node} status is now: ${reason}` };
}

/** What a new status has to tell beside the one before; undefined stands for a Node that is new. Upstream is silent about its first readiness. Pure. */
export function nodeEvents(node: string, before: NodeStatus | undefined, after: NodeStatus): readonly NodeEvent[] {
  const events: NodeEvent[] = [];
  for (const { type, status } of after.conditions ?? []) {
    const reasons = REASONS[type];
    const known = before?.conditions?.find(condition => condition.type === type);
    if (reasons === undefined || known?.status === status || (type === 'Ready' && known === undefined)) continue;
    events.push(statusEvent(node, reasons[status === 'True' ? 0 : 1]));
  }
  const booted = before?.nodeInfo?.bootID ?? '';
  if (booted !== '' && booted !== after.nodeInfo.bootID)
    events.push({
      type: 'Warning',
      reason: 'Rebooted',
      message: `Node ${node} has been rebooted, boot id: ${after.nodeInfo.bootID}`,
    });
  return events;
}

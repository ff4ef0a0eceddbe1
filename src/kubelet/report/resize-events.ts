import type { PodCondition, PodStatus } from '../../api/types/gen/core-v1.ts';
import { resizeMessage } from '../decide/resize.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';

export interface ResizeEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** What is told of the resize of a pod when one status takes the place of another, in upstream's words. Pure. */
export function resizeEvents(
  { pod }: DesiredPod,
  before: PodStatus | undefined,
  after: PodStatus,
): readonly ResizeEvent[] {
  const events: ResizeEvent[] = [];
  const [pendingBefore, pending] = [before, after].map(status => conditionOf(status, 'PodResizePending'));
  const [openBefore, open] = [before, after].map(status => conditionOf(status, 'PodResizeInProgress'));
  if (
    pending !== undefined &&
    (pending.reason !== pendingBefore?.reason || pending.message !== pendingBefore?.message)
  ) {
    const reason = pending.reason ?? '';
    events.push({
      type: 'Warning',
      reason: `Resize${reason}`,
      message: resizeMessage(`Pod resize ${reason}`, pod, pending.message),
    });
  }
  if (open !== undefined && openBefore === undefined)
    events.push({ type: 'Normal', reason: 'ResizeStarted', message: resizeMessage('Pod resize started', pod) });
  if (open?.reason === 'Error' && open.message !== openBefore?.message)
    events.push({
      type: 'Warning',
      reason: 'ResizeError',
      message: resizeMessage('Pod resize error', pod, open.message),
    });
  if (open === undefined && openBefore !== undefined && after.phase === 'Running')
    events.push({ type: 'Normal', reason: 'ResizeCompleted', message: resizeMessage('Pod resize completed', pod) });
  return events;
}

function conditionOf(status: PodStatus | undefined, type: string): PodCondition | undefined {
  return status?.conditions?.find(condition => condition.type === type);
}

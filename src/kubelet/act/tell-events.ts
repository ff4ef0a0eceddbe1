import type { PodStatus } from '../../api/types/gen/core-v1.ts';
import type { PodAction } from '../decide/actions.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import { backoffEvents } from '../report/backoff-events.ts';
import { failureEvent } from '../report/failure-event.ts';
import type { PodEvents } from '../report/pod-events.ts';
import { resizeEvents } from '../report/resize-events.ts';

const DEADLINE = 'DeadlineExceeded';

/** A step failed. */
export function tellFailure(
  events: PodEvents,
  pod: DesiredPod | undefined,
  action: PodAction,
  { message, reason }: { readonly message: string; readonly reason: string | undefined },
): void {
  const event = failureEvent(action.kind, message, reason);
  if (event === undefined || pod === undefined) return;
  const container = 'container' in action ? action.container : undefined;
  events.record(pod, 'Warning', event.reason, event.message, container);
}

/** A status takes the place of another. */
export function tellStatusChange(
  events: PodEvents,
  pod: DesiredPod,
  before: PodStatus | undefined,
  after: PodStatus,
): void {
  for (const { container, type, reason, message } of backoffEvents(pod, before, after))
    events.record(pod, type, reason, message, container);
  for (const { type, reason, message } of resizeEvents(pod, before, after)) events.record(pod, type, reason, message);
  if (after.reason === DEADLINE && before?.reason !== DEADLINE)
    events.record(pod, 'Normal', DEADLINE, after.message ?? '');
}

import type { EventRecorder } from '../../client/event-recorder.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';

/** Tells people what happened to a pod. Never throws and never waits. */
export interface PodEvents {
  /** `container` where it is about one. */
  record(pod: DesiredPod, type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void;
}

/** Where there is no API server: the log alone tells. */
export const NO_EVENTS: PodEvents = { record: () => {} };

/** Events of the API. They concern a container by its field, as upstream writes it: `spec.containers{web}`. */
export function podEvents(recorder: EventRecorder): PodEvents {
  return {
    record(pod, type, reason, message, container) {
      const target = { apiVersion: 'v1', kind: 'Pod', object: pod.pod };
      const fieldPath = container === undefined ? undefined : fieldOf(pod, container);
      recorder.record(fieldPath === undefined ? target : { ...target, fieldPath }, type, reason, message);
    },
  };
}

function fieldOf({ pod: { spec } }: DesiredPod, container: string): string {
  const lists = ['initContainers', 'ephemeralContainers'] as const;
  const list = lists.find(each => spec[each]?.some(c => c.name === container)) ?? 'containers';
  return `spec.${list}{${container}}`;
}

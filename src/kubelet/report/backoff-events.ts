import type { ContainerStatus, PodStatus } from '../../api/types/gen/core-v1.ts';
import { type DesiredPod, podInWords } from '../desired/desired-pod.ts';

export interface ContainerEvent {
  readonly container: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** What people are told when a container has begun to wait out a back-off since the status before, in upstream's words. Pure. */
export function backoffEvents(
  pod: DesiredPod,
  before: PodStatus | undefined,
  after: PodStatus,
): readonly ContainerEvent[] {
  const known = new Map(containersOf(before).map(c => [c.name, c.state.waiting?.reason]));
  return containersOf(after).flatMap(({ name, state }): ContainerEvent[] => {
    const reason = state.waiting?.reason;
    if (reason === known.get(name)) return [];
    if (reason === 'ImagePullBackOff')
      return [
        { container: name, type: 'Normal', reason: 'BackOff', message: pulledInVain(state.waiting?.message ?? '') },
        { container: name, type: 'Warning', reason: 'Failed', message: 'Error: ImagePullBackOff' },
      ];
    if (reason !== 'CrashLoopBackOff') return [];
    const message = `Back-off restarting failed container ${name} in pod ${podInWords(pod)}`;
    return [{ container: name, type: 'Warning', reason: 'BackOff', message }];
  });
}

/** The image may be that of a volume: the status says which, before it says why. */
function pulledInVain(message: string): string {
  return message.replace(/(?<=^Back-off pulling image "[^"]*"): .*$/s, '');
}

function containersOf(status: PodStatus | undefined): readonly ContainerStatus[] {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = status ?? {};
  return [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses];
}

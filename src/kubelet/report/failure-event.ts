import type { PodActionKind } from '../decide/actions.ts';

/** The event that tells people that a step of a pod failed, in upstream's words; undefined where the step tells by itself, or nobody. Pure. */
export function failureEvent(
  step: PodActionKind,
  message: string,
  cause?: string,
): { readonly reason: string; readonly message: string } | undefined {
  switch (step) {
    case 'start-container':
    case 'start-created':
      return { reason: 'Failed', message: `Error: ${message}` };
    case 'ensure-image':
      return { reason: 'Failed', message: 'Error: ImageInspectError' };
    case 'create-sandbox':
      if (cause === 'NetworkNotReady') return { reason: cause, message };
      return { reason: 'FailedCreatePodSandBox', message: `Failed to create pod sandbox: ${message}` };
    case 'make-cgroup':
      return { reason: 'FailedCreatePodContainer', message: `unable to ensure pod container exists: ${message}` };
    case 'stop-sandbox':
    case 'remove-sandbox':
    case 'kill-containers':
      return { reason: 'FailedKillPod', message: `error killing pod: ${message}` };
    default:
      return undefined;
  }
}

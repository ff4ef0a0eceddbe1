import { isSidecar } from '../../api/pod-resources.ts';
import type { ContainerStatus, PodPhase, PodSpec } from '../../api/types/gen/core-v1.ts';

/**
 * The phase from the containers' statuses, by upstream's rules. Sidecars do not keep a pod from finishing. `deleted` is a pod of the API server that is
 * being ended: whatever its policy, it ends as succeeded or failed.
 */
export function computePhase(
  spec: PodSpec,
  initStatuses: readonly ContainerStatus[],
  appStatuses: readonly ContainerStatus[],
  deleted = false,
): PodPhase {
  const policy = spec.restartPolicy ?? 'Always';
  const inits = spec.initContainers ?? [];
  let initPending = 0;
  let initFailed = 0;
  for (const [index, container] of inits.entries()) {
    const status = initStatuses[index];
    const dead = status?.state.terminated ?? status?.lastState.terminated;
    if (isSidecar(container)) {
      if (status?.state.running === undefined && dead === undefined) initPending += 1;
    } else if (status?.state.running !== undefined) initPending += 1;
    else if (dead === undefined) initPending += 1;
    else if (dead.exitCode !== 0) initFailed += 1;
  }
  let waiting = 0;
  let running = 0;
  let stopped = 0;
  let succeeded = 0;
  for (const { state, lastState } of appStatuses) {
    if (state.running !== undefined) running += 1;
    else if (state.terminated !== undefined) {
      stopped += 1;
      if (state.terminated.exitCode === 0) succeeded += 1;
    } else if (lastState.terminated !== undefined) stopped += 1;
    else waiting += 1;
  }
  if (deleted && running === 0) return stopped > 0 && succeeded === appStatuses.length ? 'Succeeded' : 'Failed';
  if (initFailed > 0 && policy === 'Never') return 'Failed';
  const nothingRan = running + stopped === 0;
  if ((initPending > 0 || initFailed > 0) && nothingRan) return 'Pending';
  if (waiting > 0) return 'Pending';
  if (running > 0) return 'Running';
  if (stopped === 0) return 'Pending';
  if (policy === 'Always') return 'Running';
  if (succeeded === stopped) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

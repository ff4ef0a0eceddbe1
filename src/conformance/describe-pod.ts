import type { Pod } from '../api/types/gen/core-v1.ts';

/** A pod's state in a line, for who reads why it was waited for in vain. Pure. */
export function describePod(pod: Pod | undefined): string {
  if (pod === undefined) return 'it is not there';
  const { phase = 'no phase', reason = '', message = '', conditions = [], podIP = '' } = pod.status ?? {};
  const parts = [phase, reason, message, podIP === '' ? '' : `address ${podIP}`];
  if (pod.metadata.deletionTimestamp !== undefined) parts.push('being deleted');
  for (const { type, status, reason: why = '', message: says = '' } of conditions)
    if (status !== 'True' && says !== '') parts.push(`${type} is ${status} (${why}: ${says})`);
  const containers = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  for (const { name, state, restartCount } of containers) {
    const { waiting, running, terminated } = state;
    if (waiting !== undefined) parts.push(`${name} waits (${waiting.reason ?? ''}: ${waiting.message ?? ''})`);
    if (running !== undefined) parts.push(`${name} runs, restarted ${restartCount} times`);
    if (terminated !== undefined)
      parts.push(`${name} ended with ${terminated.exitCode} (${terminated.reason ?? ''}: ${terminated.message ?? ''})`);
  }
  return parts.filter(part => part !== '').join(', ');
}

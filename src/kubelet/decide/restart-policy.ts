import { isSidecar } from '../../api/pod-resources.ts';
import type { Container, PodSpec } from '../../api/types/gen/core-v1.ts';
import type { ContainerRole } from './decide-container.ts';

/** Init containers that stay: each starts in its turn, is restarted always and ends after the main containers. */
export function sidecarsOf(spec: PodSpec): readonly Container[] {
  return (spec.initContainers ?? []).filter(isSidecar);
}

/**
 * Whether a container that ended with `exitCode` shall run again. The container's own rules come first, then its own policy, then the pod's;
 * an init container under `Always` is retried until it succeeds, which is what OnFailure means.
 */
export function shouldRestart(spec: PodSpec, container: Container, role: ContainerRole, exitCode: number): boolean {
  const rule = (container.restartPolicyRules ?? []).find(r => {
    const { operator, values = [] } = r.exitCodes ?? {};
    return operator === 'In' ? values.includes(exitCode) : operator === 'NotIn' && !values.includes(exitCode);
  });
  if (rule?.action === 'Restart') return true;
  const policy = container.restartPolicy ?? spec.restartPolicy ?? 'Always';
  if (role === 'init' && isSidecar(container)) return true;
  if (policy === 'Never') return false;
  if (policy === 'OnFailure' || role === 'init') return exitCode !== 0;
  return true;
}

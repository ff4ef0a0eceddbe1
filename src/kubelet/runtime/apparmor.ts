import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { Refusal } from './unsupported.ts';

/** Of before Kubernetes 1.30; static pods may still have it. */
const ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';

/** Why a pod that asks for AppArmor is not taken, in upstream's words: one never runs without the confinement that it asked for. `enabled`: the kernel confines by AppArmor. Pure. */
export function forbiddenAppArmor({ spec, metadata }: Pod, enabled: boolean): Refusal | undefined {
  if (enabled) return undefined;
  const containers = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
  const types = [spec, ...containers].map(each => each.securityContext?.appArmorProfile?.type ?? 'Unconfined');
  const annotated = Object.entries(metadata.annotations ?? {}).find(([key]) => key.startsWith(ANNOTATION))?.[1];
  if (types.every(type => type === 'Unconfined') && (annotated ?? 'unconfined') === 'unconfined') return undefined;
  return { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' };
}

import type { Container, PodSpec } from '../../api/types/gen/core-v1.ts';

/** Names of objects in the pod's namespace. */
export interface PodReferences {
  readonly configMaps: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
}

/** The config maps and secrets that a pod's volumes, variables and pulls may need, optional ones too: they may come later. Pure. */
export function podReferences(spec: PodSpec): PodReferences {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  for (const { name } of spec.imagePullSecrets ?? []) secrets.add(name ?? '');
  const containers: readonly Pick<Container, 'env' | 'envFrom'>[] = [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...(spec.ephemeralContainers ?? []),
  ];
  for (const { env = [], envFrom = [] } of containers) {
    for (const { configMapRef, secretRef } of envFrom) {
      configMaps.add(configMapRef?.name ?? '');
      secrets.add(secretRef?.name ?? '');
    }
    for (const { valueFrom } of env) {
      configMaps.add(valueFrom?.configMapKeyRef?.name ?? '');
      secrets.add(valueFrom?.secretKeyRef?.name ?? '');
    }
  }
  for (const { configMap, secret, projected } of spec.volumes ?? []) {
    configMaps.add(configMap?.name ?? '');
    secrets.add(secret?.secretName ?? '');
    for (const source of projected?.sources ?? []) {
      configMaps.add(source.configMap?.name ?? '');
      secrets.add(source.secret?.name ?? '');
    }
  }
  configMaps.delete('');
  secrets.delete('');
  return { configMaps, secrets };
}

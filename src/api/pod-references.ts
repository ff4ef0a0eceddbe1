import type { Container, EphemeralContainer, Pod, Volume } from './types/gen/core-v1.ts';

/** The names of what a pod refers to in its own namespace, which its node may therefore read. */
export interface PodReferences {
  readonly secrets: ReadonlySet<string>;
  readonly configMaps: ReadonlySet<string>;
  readonly persistentVolumeClaims: ReadonlySet<string>;
  readonly resourceClaims: ReadonlySet<string>;
  readonly serviceAccount: string;
}

/** What stands in the pod, a mirror pod's too. */
export function writtenReferences(pod: Pod): PodReferences {
  const { spec, status } = pod;
  const secrets = new Set<string>();
  const configMaps = new Set<string>();
  const claims = new Set<string>();
  const add = (set: Set<string>, name: string | undefined): void => {
    if (name !== undefined && name !== '') set.add(name);
  };
  for (const reference of spec.imagePullSecrets ?? []) add(secrets, reference.name);
  const containers: readonly (Container | EphemeralContainer)[] = [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...(spec.ephemeralContainers ?? []),
  ];
  for (const container of containers) {
    for (const source of container.envFrom ?? []) {
      add(secrets, source.secretRef?.name);
      add(configMaps, source.configMapRef?.name);
    }
    for (const { valueFrom } of container.env ?? []) {
      add(secrets, valueFrom?.secretKeyRef?.name);
      add(configMaps, valueFrom?.configMapKeyRef?.name);
    }
  }
  for (const volume of spec.volumes ?? []) {
    for (const name of volumeSecrets(volume)) add(secrets, name);
    add(configMaps, volume.configMap?.name);
    for (const source of volume.projected?.sources ?? []) add(configMaps, source.configMap?.name);
    add(claims, volume.persistentVolumeClaim?.claimName);
    // The claim of an ephemeral volume is named after both.
    if (volume.ephemeral !== undefined) add(claims, `${pod.metadata.name ?? ''}-${volume.name}`);
  }
  const resourceClaims = new Set<string>();
  for (const claim of spec.resourceClaims ?? []) {
    add(resourceClaims, claim.resourceClaimName);
    add(resourceClaims, status?.resourceClaimStatuses?.find(each => each.name === claim.name)?.resourceClaimName);
  }
  add(resourceClaims, status?.extendedResourceClaimStatus?.resourceClaimName);
  return {
    secrets,
    configMaps,
    persistentVolumeClaims: claims,
    resourceClaims,
    serviceAccount: spec.serviceAccountName ?? '',
  };
}

function volumeSecrets(volume: Volume): readonly (string | undefined)[] {
  return [
    volume.secret?.secretName,
    ...(volume.projected?.sources ?? []).map(source => source.secret?.name),
    volume.csi?.nodePublishSecretRef?.name,
    volume.iscsi?.secretRef?.name,
    volume.flexVolume?.secretRef?.name,
    volume.azureFile?.secretName,
    volume.cephfs?.secretRef?.name,
    volume.cinder?.secretRef?.name,
    volume.rbd?.secretRef?.name,
    volume.scaleIO?.secretRef?.name,
    volume.storageos?.secretRef?.name,
  ];
}

import type {
  Container,
  ContainerStatus,
  Lifecycle,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  Volume,
  VolumeProjection,
} from '../../../../api/types/gen/core-v1.ts';

/**
 * Fields of features that upstream's v1.36 has switched off. A new object loses them without a word, as it does there; what
 * is stored already keeps them.
 */

/** The spec without what is switched off, unless `old` uses it. Returns the same object where nothing goes. */
export function withoutDisabledFields(spec: PodSpec, old: PodSpec | undefined): PodSpec {
  let result = spec;
  if (result.schedulingGroup !== undefined && old?.schedulingGroup === undefined) {
    const { schedulingGroup: _, ...rest } = result;
    result = rest;
  }
  if (hasStopSignal(result) && (old === undefined || !hasStopSignal(old))) result = eachContainer(result, quiet);
  for (const name of ['clusterTrustBundle', 'podCertificate'] as const)
    if (hasProjection(result, name) && (old === undefined || !hasProjection(old, name)))
      result = { ...result, volumes: result.volumes?.map(volume => withoutProjection(volume, name)) };
  return result;
}

/** The same for the template of a pod. */
export function withoutDisabledTemplateFields<T extends PodTemplateSpec | undefined>(template: T, old?: T): T {
  return template === undefined ? template : { ...template, spec: withoutDisabledFields(template.spec, old?.spec) };
}

const LISTS = ['initContainers', 'containers', 'ephemeralContainers'] as const;

function hasStopSignal(spec: PodSpec): boolean {
  return LISTS.some(list => (spec[list] ?? []).some(({ lifecycle }) => lifecycle?.stopSignal !== undefined));
}

function eachContainer(spec: PodSpec, change: <T extends Container>(container: T) => T): PodSpec {
  return {
    ...spec,
    initContainers: spec.initContainers?.map(change),
    containers: spec.containers.map(change),
    ephemeralContainers: spec.ephemeralContainers?.map(change),
  };
}

function quiet<T extends Container>(container: T): T {
  const { stopSignal, ...hooks }: Lifecycle = container.lifecycle ?? {};
  if (stopSignal === undefined) return container;
  return { ...container, lifecycle: Object.values(hooks).every(hook => hook === undefined) ? undefined : hooks };
}

type Projection = 'clusterTrustBundle' | 'podCertificate';

function hasProjection(spec: PodSpec, name: Projection): boolean {
  return (spec.volumes ?? []).some(volume =>
    (volume.projected?.sources ?? []).some(source => source[name] !== undefined),
  );
}

function withoutProjection(volume: Volume, name: Projection): Volume {
  if (volume.projected === undefined) return volume;
  const sources = volume.projected.sources.map((source): VolumeProjection => ({ ...source, [name]: undefined }));
  return { ...volume, projected: { ...volume.projected, sources } };
}

const STATUS_LISTS = ['initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses'] as const;

/** The same for a status. */
export function withoutDisabledStatus(status: PodStatus, old: PodStatus): PodStatus {
  let result = status;
  if ((old.nodeAllocatableResourceClaimStatuses ?? []).length === 0) {
    const { nodeAllocatableResourceClaimStatuses: _, ...rest } = result;
    result = rest;
  }
  if (hasImageDigest(result) && !hasImageDigest(old))
    for (const list of STATUS_LISTS)
      if (result[list] !== undefined) result = { ...result, [list]: result[list].map(withoutImageDigest) };
  return result;
}

function hasImageDigest(status: PodStatus): boolean {
  return STATUS_LISTS.some(list =>
    (status[list] ?? []).some(({ volumeMounts }) =>
      (volumeMounts ?? []).some(mount => mount.volumeStatus !== undefined),
    ),
  );
}

function withoutImageDigest(status: ContainerStatus): ContainerStatus {
  return {
    ...status,
    volumeMounts: status.volumeMounts?.map(mount =>
      mount.volumeStatus === undefined ? mount : { ...mount, volumeStatus: undefined },
    ),
  };
}

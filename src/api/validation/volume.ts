import { goQuote } from '../go-quote.ts';
import { parseQuantity } from '../quantity.ts';
import type { EphemeralVolumeSource, PodSpec, Volume, VolumeSource } from '../types/gen/core-v1.ts';
import { duplicate, type FieldError, forbidden, invalid, invalidFor, oneOf, required } from './field-error.ts';
import { dns1123Label, dns1123Subdomain } from './names.ts';
import { descendingPath, volumeFilePath } from './paths.ts';
import type { PodOptions } from './pod-options.ts';
import { validateDownwardFile, validateKeyFiles, validateMode, validateProjected } from './projected-volume.ts';
import { validateClaimTemplate } from './volume-claim.ts';
import {
  azureDiskErrors,
  csiErrors,
  fcErrors,
  flexErrors,
  flockerErrors,
  hostPathErrors,
  ISCSI_TOO_LONG,
  iscsiErrors,
  nfsErrors,
  partitionErrors,
  quobyteErrors,
  requireTexts,
  secretRefErrors,
  storageOsErrors,
} from './volume-plugins.ts';

/** The errors of a pod's volumes, and those that have none, by name: what containers may mount. */
export function validateVolumes(
  volumes: readonly Volume[] | undefined,
  options: PodOptions,
  path: string,
): { readonly errors: FieldError[]; readonly valid: ReadonlyMap<string, Volume> } {
  const all = volumes ?? [];
  const podName = options.pod?.name ?? '';
  const claims = new Set(
    podName === '' ? [] : all.filter(v => v.ephemeral !== undefined).map(v => `${podName}-${v.name}`),
  );
  const valid = new Map<string, Volume>();
  const errors = all.flatMap((volume, index) => {
    const at = `${path}[${index}]`;
    const own = sourceErrors(volume, options, at);
    if (volume.name === '') own.push(required(`${at}.name`));
    else own.push(...invalidFor(`${at}.name`, volume.name, dns1123Label(volume.name)));
    if (valid.has(volume.name)) own.push(duplicate(`${at}.name`, volume.name));
    if (own.length === 0) valid.set(volume.name, volume);
    const claim = volume.persistentVolumeClaim?.claimName;
    if (claim !== undefined && claims.has(claim))
      own.push(
        invalid(
          `${at}.persistentVolumeClaim.claimName`,
          claim,
          'must not reference a PVC that gets created for an ephemeral volume',
        ),
      );
    return own;
  });
  return { errors, valid };
}

type Rule<K extends keyof VolumeSource> = (
  source: NonNullable<VolumeSource[K]>,
  path: string,
  options: PodOptions,
  volume: Volume,
) => FieldError[];

/** The sources in the order in which upstream looks at them, each with its rules. */
const RULES: { readonly [K in keyof VolumeSource]-?: Rule<K> } = {
  emptyDir: ({ sizeLimit }, path) =>
    sizeLimit !== undefined && parseQuantity(sizeLimit).nano < 0n
      ? [forbidden(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')]
      : [],
  hostPath: hostPathErrors,
  gitRepo: (repo, path) => [
    ...requireTexts(repo, ['repository'], path),
    ...descendingPath(repo.directory ?? '', `${path}.directory`),
  ],
  gcePersistentDisk: (disk, path) => [
    ...requireTexts(disk, ['pdName'], path),
    ...partitionErrors(disk.partition, path),
  ],
  awsElasticBlockStore: (disk, path) => [
    ...requireTexts(disk, ['volumeID'], path),
    ...partitionErrors(disk.partition, path),
  ],
  secret: (secret, path) => [
    ...requireTexts(secret, ['secretName'], path),
    ...validateMode(secret.defaultMode, `${path}.defaultMode`),
    ...validateKeyFiles(secret.items, `${path}.items`),
  ],
  nfs: nfsErrors,
  iscsi: (iscsi, path, _, { name }) => [
    ...requireTexts(iscsi, ['targetPortal'], path),
    ...iscsiErrors(iscsi, 'must be valid format starting with iqn, eui, or naa', path),
    ...(iscsi.initiatorName !== undefined && Buffer.byteLength(`${name}:${iscsi.targetPortal}`) > 64
      ? [invalid(`${path.replace(/\.iscsi$/, '')}.name`, name, ISCSI_TOO_LONG)]
      : []),
  ],
  glusterfs: (source, path) => requireTexts(source, ['endpoints', 'path'], path),
  flocker: flockerErrors,
  persistentVolumeClaim: (claim, path) => requireTexts(claim, ['claimName'], path),
  rbd: (rbd, path) => [
    ...(rbd.monitors.length === 0 ? [required(`${path}.monitors`)] : []),
    ...requireTexts(rbd, ['image'], path),
  ],
  cinder: (disk, path) => [
    ...requireTexts(disk, ['volumeID'], path),
    ...secretRefErrors(disk.secretRef, ['name'], path),
  ],
  cephfs: (ceph, path) => (ceph.monitors.length === 0 ? [required(`${path}.monitors`)] : []),
  quobyte: quobyteErrors,
  downwardAPI: (source, path) => [
    ...validateMode(source.defaultMode, `${path}.defaultMode`),
    ...(source.items ?? []).flatMap(file => validateDownwardFile(file, path)),
  ],
  fc: fcErrors,
  flexVolume: flexErrors,
  configMap: (map, path) => [
    ...requireTexts(map, ['name'], path),
    ...validateMode(map.defaultMode, `${path}.defaultMode`),
    ...validateKeyFiles(map.items, `${path}.items`),
  ],
  azureFile: (share, path) => requireTexts(share, ['secretName', 'shareName'], path),
  vsphereVolume: (disk, path) => requireTexts(disk, ['volumePath'], path),
  photonPersistentDisk: (disk, path) => requireTexts(disk, ['pdID'], path),
  portworxVolume: (volume, path) => requireTexts(volume, ['volumeID'], path),
  azureDisk: azureDiskErrors,
  storageos: (source, path) => [...storageOsErrors(source, path), ...secretRefErrors(source.secretRef, ['name'], path)],
  projected: (projected, path, { kept }) => validateProjected(projected, kept, path),
  scaleIO: (source, path) => requireTexts(source, ['gateway', 'system', 'volumeName'], path),
  csi: csiErrors,
  ephemeral: ephemeralErrors,
  image: (image, path, { pod }) => [
    ...(pod !== undefined && (image.reference ?? '') === '' ? [required(`${path}.reference`)] : []),
    ...oneOf(`${path}.pullPolicy`, image.pullPolicy, ['Always', 'IfNotPresent', 'Never']),
  ],
};
const SOURCES = Object.keys(RULES) as (keyof VolumeSource)[];

/** Upstream's own spellings in paths: of a source's fields, and of a source that is one too many. */
const FIELD_PATHS: Partial<Record<keyof VolumeSource, string>> = { gcePersistentDisk: 'persistentDisk' };
const SECOND_PATHS: Partial<Record<keyof VolumeSource, string>> = { cephfs: 'cephFS', downwardAPI: 'downwarAPI' };

function sourceErrors(volume: Volume, options: PodOptions, path: string): FieldError[] {
  const [first, ...others] = SOURCES.filter(name => volume[name] !== undefined);
  if (first === undefined) return [required(path, 'must specify a volume type')];
  const errors = rulesOf(first, volume, options, path);
  for (const name of others)
    errors.push(forbidden(`${path}.${SECOND_PATHS[name] ?? name}`, 'may not specify more than 1 volume type'));
  return errors;
}

function rulesOf<K extends keyof VolumeSource>(
  name: K,
  volume: Volume,
  options: PodOptions,
  path: string,
): FieldError[] {
  const source: VolumeSource[K] = volume[name];
  // The table pairs each source with its own rule, which the compiler cannot follow through a name that varies.
  const rule = RULES[name] as unknown as Rule<K>;
  return source === undefined ? [] : rule(source, `${path}.${FIELD_PATHS[name] ?? name}`, options, volume);
}

/** A claim that comes and goes with the pod, under a name made of both. */
function ephemeralErrors(
  { volumeClaimTemplate }: EphemeralVolumeSource,
  path: string,
  { pod }: PodOptions,
  { name }: Volume,
): FieldError[] {
  const errors =
    volumeClaimTemplate === undefined
      ? [required(`${path}.volumeClaimTemplate`)]
      : validateClaimTemplate(volumeClaimTemplate, `${path}.volumeClaimTemplate`);
  const podName = pod?.name ?? '';
  if (podName === '' || name === '') return errors;
  const claim = `${podName}-${name}`;
  const at = `${path.replace(/\.ephemeral$/, '')}.name`;
  return [
    ...errors,
    ...dns1123Subdomain(claim).map(reason => invalid(at, name, `PVC name ${goQuote(claim)}: ${reason}`)),
  ];
}

/** True where a stored pod has a token whose path leaves its volume. */
export function hasOutsideTokenPath(spec: PodSpec): boolean {
  return (spec.volumes ?? []).some(volume =>
    (volume.projected?.sources ?? []).some(
      source =>
        source.serviceAccountToken !== undefined && volumeFilePath(source.serviceAccountToken.path, '').length > 0,
    ),
  );
}

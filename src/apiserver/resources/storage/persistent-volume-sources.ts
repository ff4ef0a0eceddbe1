import type {
  CSIPersistentVolumeSource,
  GlusterfsPersistentVolumeSource,
  ISCSIPersistentVolumeSource,
  PersistentVolumeSource,
  PersistentVolumeSpec,
  SecretReference,
} from '../../../api/types/gen/core-v1.ts';
import { type FieldError, forbidden, invalid, invalidFor, required } from '../../../api/validation/field-error.ts';
import { dns1123Label, dns1123Subdomain } from '../../../api/validation/names.ts';
import { noBacksteps } from '../../../api/validation/paths.ts';
import {
  azureDiskErrors,
  csiDriverErrors,
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
} from '../../../api/validation/volume-plugins.ts';

type SourceName = keyof PersistentVolumeSource;
type Rule<K extends SourceName> = (
  source: NonNullable<PersistentVolumeSource[K]>,
  path: string,
  volume: { readonly name: string; readonly spec: PersistentVolumeSpec; readonly at: string },
) => FieldError[];

/** The sources in the order in which upstream looks at them, each with its rules. */
const RULES: { readonly [K in SourceName]-?: Rule<K> } = {
  hostPath: hostPathErrors,
  gcePersistentDisk: (disk, path) => [
    ...requireTexts(disk, ['pdName'], path),
    ...partitionErrors(disk.partition, path),
  ],
  awsElasticBlockStore: (disk, path) => [
    ...requireTexts(disk, ['volumeID'], path),
    ...partitionErrors(disk.partition, path),
  ],
  glusterfs: glusterErrors,
  flocker: flockerErrors,
  nfs: nfsErrors,
  rbd: (rbd, path) => [
    ...(rbd.monitors.length === 0 ? [required(`${path}.monitors`)] : []),
    ...requireTexts(rbd, ['image'], path),
  ],
  quobyte: quobyteErrors,
  cephfs: (ceph, path) => (ceph.monitors.length === 0 ? [required(`${path}.monitors`)] : []),
  iscsi: iscsiVolumeErrors,
  cinder: (disk, path) => [
    ...requireTexts(disk, ['volumeID'], path),
    ...secretRefErrors(disk.secretRef, ['name', 'namespace'], path),
  ],
  fc: fcErrors,
  flexVolume: flexErrors,
  azureFile: (share, path) => [
    ...requireTexts(share, ['secretName', 'shareName'], path),
    ...(share.secretNamespace === '' ? [required(`${path}.secretNamespace`)] : []),
  ],
  vsphereVolume: (disk, path) => requireTexts(disk, ['volumePath'], path),
  photonPersistentDisk: (disk, path) => requireTexts(disk, ['pdID'], path),
  portworxVolume: (volume, path) => requireTexts(volume, ['volumeID'], path),
  azureDisk: azureDiskErrors,
  scaleIO: (source, path) => requireTexts(source, ['gateway', 'system', 'volumeName'], path),
  local: (source, path, { spec, at }) => [
    ...(source.path === '' ? [required(`${path}.path`)] : noBacksteps(source.path, `${path}.path`)),
    ...(spec.nodeAffinity === undefined ? [required(`${at}.nodeAffinity`, 'Local volume requires node affinity')] : []),
  ],
  storageos: (source, path) => [
    ...storageOsErrors(source, path),
    ...secretRefErrors(source.secretRef, ['name', 'namespace'], path),
  ],
  csi: csiVolumeErrors,
};

/** The fields of a volume that say where its bytes are. */
export const SOURCES = Object.keys(RULES) as SourceName[];

/** Upstream's own spellings in paths: of a source's fields, and of a source that is one too many. */
const FIELD_PATHS: Partial<Record<SourceName, string>> = { gcePersistentDisk: 'persistentDisk' };
const SECOND_PATHS: Partial<Record<SourceName, string>> = { cephfs: 'cephFS' };

/** The rules of the one source of a volume, whose spec is `at`. Upstream never calls a flexible volume one too many. */
export function validateSources(name: string, spec: PersistentVolumeSpec, at: string): FieldError[] {
  const given = SOURCES.filter(source => spec[source] !== undefined);
  if (given.length === 0) return [required(at, 'must specify a volume type')];
  return given.flatMap((source, index) =>
    index === 0 || source === 'flexVolume'
      ? rulesOf(source, { name, spec, at })
      : [forbidden(`${at}.${SECOND_PATHS[source] ?? source}`, 'may not specify more than 1 volume type')],
  );
}

function rulesOf<K extends SourceName>(source: K, volume: Parameters<Rule<K>>[2]): FieldError[] {
  const value: PersistentVolumeSource[K] = volume.spec[source];
  // The table pairs each source with its own rule, which the compiler cannot follow through a name that varies.
  const rule = RULES[source] as unknown as Rule<K>;
  return value === undefined ? [] : rule(value, `${volume.at}.${FIELD_PATHS[source] ?? source}`, volume);
}

function glusterErrors(source: GlusterfsPersistentVolumeSource, path: string): FieldError[] {
  const errors = requireTexts(source, ['endpoints', 'path'], path);
  const { endpointsNamespace: namespace } = source;
  const at = `${path}.endpointsNamespace`;
  if (namespace === undefined) return errors;
  return namespace === ''
    ? [...errors, invalid(at, '', 'if the endpointnamespace is set, it must be a valid namespace name')]
    : [...errors, ...invalidFor(at, namespace, dns1123Label(namespace))];
}

function iscsiVolumeErrors(
  iscsi: ISCSIPersistentVolumeSource,
  path: string,
  { name }: { readonly name: string },
): FieldError[] {
  const tooLong = iscsi.initiatorName !== undefined && Buffer.byteLength(`${name}:${iscsi.targetPortal}`) > 64;
  return [
    ...requireTexts(iscsi, ['targetPortal'], path),
    ...(tooLong ? [invalid(`${path}.targetportal`, iscsi.targetPortal, ISCSI_TOO_LONG)] : []),
    ...iscsiErrors(iscsi, 'must be valid format', path),
  ];
}

const CSI_SECRETS = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
] as const;

function csiVolumeErrors(csi: CSIPersistentVolumeSource, path: string): FieldError[] {
  return [
    ...csiDriverErrors(csi.driver, `${path}.driver`),
    ...requireTexts(csi, ['volumeHandle'], path),
    ...CSI_SECRETS.flatMap(field => (csi[field] === undefined ? [] : secretErrors(csi[field], `${path}.${field}`))),
  ];
}

function secretErrors({ name = '', namespace = '' }: SecretReference, path: string): FieldError[] {
  return [
    ...(name === '' ? [required(`${path}.name`)] : invalidFor(`${path}.name`, name, dns1123Subdomain(name))),
    ...(namespace === ''
      ? [required(`${path}.namespace`)]
      : invalidFor(`${path}.namespace`, namespace, dns1123Label(namespace))),
  ];
}

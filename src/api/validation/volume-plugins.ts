import type {
  AzureDiskVolumeSource,
  CSIVolumeSource,
  FCVolumeSource,
  FlexVolumeSource,
  FlockerVolumeSource,
  HostPathVolumeSource,
  ISCSIVolumeSource,
  NFSVolumeSource,
  QuobyteVolumeSource,
  StorageOSVolumeSource,
} from '../types/gen/core-v1.ts';
import { amongIfSet, type FieldError, invalid, invalidFor, notSupported, required, tooLong } from './field-error.ts';
import { splitHostPort } from './host-port.ts';
import { dns1123Label, dns1123Subdomain } from './names.ts';
import { noBacksteps } from './paths.ts';

/** The rules of the sources of volumes that pods and persistent volumes have in common. */

const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

/** Errors for each of some text fields that are empty. */
export function requireTexts<T extends object>(
  source: T,
  fields: readonly (keyof T & string)[],
  path: string,
): FieldError[] {
  return fields.filter(field => (source[field] ?? '') === '').map(field => required(`${path}.${field}`));
}

export function hostPathErrors({ path: file, type }: HostPathVolumeSource, path: string): FieldError[] {
  if (file === '') return [required(`${path}.path`)];
  return [...noBacksteps(file, `${path}.path`), ...amongIfSet(`${path}.type`, type, HOST_PATH_TYPES)];
}

export function nfsErrors(nfs: NFSVolumeSource, path: string): FieldError[] {
  const errors = requireTexts(nfs, ['server', 'path'], path);
  return nfs.path.startsWith('/') ? errors : [...errors, invalid(`${path}.path`, nfs.path, 'must be an absolute path')];
}

/** For disks that are told by a name and a partition. */
export function partitionErrors(partition: number | undefined, path: string): FieldError[] {
  const value = partition ?? 0;
  return value < 0 || value > 255 ? [invalid(`${path}.partition`, value, 'must be between 1 and 255, inclusive')] : [];
}

const IQN = /iqn\.\d{4}-\d{2}\.([A-Za-z0-9\-.]+)(:[^,;*&$|\s]+)$/;
const EUI = /^eui.[A-Za-z0-9]{16}$/;
const NAA = /^naa.[A-Za-z0-9]{32}$/;

/** What is wrong with the name of a target or an initiator. */
function iscsiNameReason(name: string): 'prefix' | 'format' | undefined {
  const pattern = name.startsWith('iqn')
    ? IQN
    : name.startsWith('eui')
      ? EUI
      : name.startsWith('naa')
        ? NAA
        : undefined;
  if (pattern === undefined) return 'prefix';
  return pattern.test(name) ? undefined : 'format';
}

/** `prefixText` is what is said of a name that begins with none of the known prefixes. */
export function iscsiErrors(
  iscsi: Omit<ISCSIVolumeSource, 'secretRef'> & { readonly secretRef?: object | undefined },
  prefixText: string,
  path: string,
): FieldError[] {
  const nameErrors = (name: string, at: string): FieldError[] => {
    const reason = iscsiNameReason(name);
    if (reason === undefined) return [];
    return [invalid(at, name, reason === 'prefix' ? prefixText : 'must be valid format')];
  };
  const { iqn, lun, initiatorName } = iscsi;
  const errors = iqn === '' ? [required(`${path}.iqn`)] : nameErrors(iqn, `${path}.iqn`);
  if (lun < 0 || lun > 255) errors.push(invalid(`${path}.lun`, lun, 'must be between 0 and 255, inclusive'));
  if ((iscsi.chapAuthDiscovery === true || iscsi.chapAuthSession === true) && iscsi.secretRef === undefined)
    errors.push(required(`${path}.secretRef`));
  const secret = iscsi.secretRef as { readonly name?: string; readonly namespace?: string } | undefined;
  if (prefixText === 'must be valid format' && secret !== undefined && (secret.name ?? '') === '')
    errors.push(required(`${path}.secretRef.name`));
  if (initiatorName !== undefined) errors.push(...nameErrors(initiatorName, `${path}.initiatorname`));
  return errors;
}

export const ISCSI_TOO_LONG =
  'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.';

export function fcErrors({ targetWWNs = [], wwids = [], lun }: FCVolumeSource, path: string): FieldError[] {
  const at = `${path}.targetWWNs`;
  const errors: FieldError[] = [];
  if (targetWWNs.length === 0 && wwids.length === 0)
    errors.push(required(at, 'must specify either targetWWNs or wwids, but not both'));
  if (targetWWNs.length > 0 && wwids.length > 0)
    errors.push(invalid(at, targetWWNs, 'targetWWNs and wwids can not be specified simultaneously'));
  if (targetWWNs.length === 0) return errors;
  if (lun === undefined) errors.push(required(`${path}.lun`, 'lun is required if targetWWNs is specified'));
  else if (lun < 0 || lun > 255) errors.push(invalid(`${path}.lun`, lun, 'must be between 0 and 255, inclusive'));
  return errors;
}

export function quobyteErrors({ registry, tenant = '', volume }: QuobyteVolumeSource, path: string): FieldError[] {
  const pairs = 'must be a host:port pair or multiple pairs separated by commas';
  const errors: FieldError[] = [];
  if (registry === '') errors.push(required(`${path}.registry`, pairs));
  else if (tenant.length >= 65)
    errors.push(required(`${path}.tenant`, 'must be a UUID and may not exceed a length of 64 characters'));
  else
    for (const pair of registry.split(','))
      if (splitHostPort(pair) === undefined) errors.push(invalid(`${path}.registry`, registry, pairs));
  return volume === '' ? [...errors, required(`${path}.volume`)] : errors;
}

export function flockerErrors({ datasetName = '', datasetUUID = '' }: FlockerVolumeSource, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (datasetName === '' && datasetUUID === '')
    errors.push(required(path, 'one of datasetName and datasetUUID is required'));
  if (datasetName !== '' && datasetUUID !== '')
    errors.push(invalid(path, 'resource', 'datasetName and datasetUUID can not be specified simultaneously'));
  return datasetName.includes('/')
    ? [...errors, invalid(`${path}.datasetName`, datasetName, "must not contain '/'")]
    : errors;
}

export function flexErrors(
  { driver, options = {} }: Pick<FlexVolumeSource, 'driver' | 'options'>,
  path: string,
): FieldError[] {
  return [
    ...(driver === '' ? [required(`${path}.driver`)] : []),
    ...Object.keys(options).flatMap(key => {
      const domain = `.${key.split('/', 1)[0]?.toLowerCase() ?? ''}`;
      return domain.endsWith('.kubernetes.io') || domain.endsWith('.k8s.io')
        ? [invalid(`${path}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved')]
        : [];
    }),
  ];
}

const MANAGED_URI = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
const BLOB_URI = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';

export function azureDiskErrors(disk: AzureDiskVolumeSource, path: string): FieldError[] {
  const { cachingMode, kind, diskURI } = disk;
  const errors = [
    ...requireTexts(disk, ['diskName', 'diskURI'], path),
    ...amongIfSet(`${path}.cachingMode`, cachingMode, ['None', 'ReadOnly', 'ReadWrite']),
    ...amongIfSet(`${path}.kind`, kind, ['Dedicated', 'Managed', 'Shared']),
  ];
  if (kind === 'Managed' && !diskURI.startsWith('/subscriptions/'))
    errors.push(notSupported(`${path}.diskURI`, diskURI, [MANAGED_URI]));
  if (kind !== undefined && kind !== 'Managed' && !diskURI.startsWith('https://'))
    errors.push(notSupported(`${path}.diskURI`, diskURI, [BLOB_URI]));
  return errors;
}

export function storageOsErrors(
  { volumeName = '', volumeNamespace = '' }: Pick<StorageOSVolumeSource, 'volumeName' | 'volumeNamespace'>,
  path: string,
): FieldError[] {
  return [
    ...(volumeName === ''
      ? [required(`${path}.volumeName`)]
      : invalidFor(`${path}.volumeName`, volumeName, dns1123Label(volumeName))),
    ...(volumeNamespace === ''
      ? []
      : invalidFor(`${path}.volumeNamespace`, volumeNamespace, dns1123Label(volumeNamespace))),
  ];
}

/** The name of a CSI driver: a DNS subdomain of 63 characters, in letters of any size. */
export function csiDriverErrors(driver: string, path: string): FieldError[] {
  if (driver === '') return [required(path)];
  return [
    ...(Buffer.byteLength(driver) > 63 ? [tooLong(path, 63)] : []),
    ...invalidFor(path, driver, dns1123Subdomain(driver.toLowerCase())),
  ];
}

/** A driver that a pod names itself. */
export function csiErrors({ driver, nodePublishSecretRef }: CSIVolumeSource, path: string): FieldError[] {
  const errors = csiDriverErrors(driver, `${path}.driver`);
  if (nodePublishSecretRef === undefined) return errors;
  const { name = '' } = nodePublishSecretRef;
  return name === ''
    ? [...errors, required(`${path}.nodePublishSecretRef.name`)]
    : [...errors, ...invalidFor(`${path}.name`, name, dns1123Subdomain(name))];
}

/** A secret that a plugin is handed, by its name or by its name and namespace. */
export function secretRefErrors(
  ref: { readonly name?: string | undefined; readonly namespace?: string | undefined } | undefined,
  fields: readonly ('name' | 'namespace')[],
  path: string,
): FieldError[] {
  return ref === undefined ? [] : requireTexts(ref, fields, `${path}.secretRef`);
}

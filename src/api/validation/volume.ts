import { parseQuantity } from '../quantity.ts';
import { builtinTable } from '../schema/builtin.ts';
import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ProjectedVolumeSource,
  Volume,
  VolumeSource,
} from '../types/gen/core-v1.ts';
import { validateFieldRef, validateResourceFieldRef } from './env.ts';
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  oneOf,
  required,
} from './field-error.ts';
import { configMapKey, dns1123Label, dns1123Subdomain } from './names.ts';
import { descendingPath, noBacksteps } from './security-context.ts';

const SOURCES = [...builtinTable.struct('core/v1.VolumeSource').json.keys()] as (keyof VolumeSource)[];
const HOST_PATH_TYPES = [
  '',
  'DirectoryOrCreate',
  'Directory',
  'FileOrCreate',
  'File',
  'Socket',
  'CharDevice',
  'BlockDevice',
];

/** The volumes of a pod: unique names, one source each, and the rules of the sources that have some. */
export function validateVolumes(volumes: readonly Volume[] | undefined, path: string): FieldError[] {
  const names = new Set<string>();
  return (volumes ?? []).flatMap((volume, index) => {
    const at = `${path}[${index}]`;
    const errors = validateSource(volume, at);
    if (volume.name === '') errors.push(required(`${at}.name`));
    else errors.push(...invalidFor(`${at}.name`, volume.name, dns1123Label(volume.name)));
    if (names.has(volume.name)) errors.push(duplicate(`${at}.name`, volume.name));
    names.add(volume.name);
    return errors;
  });
}

function validateSource(volume: Volume, path: string): FieldError[] {
  const [first, ...others] = SOURCES.filter(name => volume[name] !== undefined);
  if (first === undefined) return [required(path, 'must specify a volume type')];
  return [
    ...sourceRules(volume, path),
    ...others.map(name => forbidden(`${path}.${name}`, 'may not specify more than 1 volume type')),
  ];
}

function sourceRules(volume: Volume, path: string): FieldError[] {
  const { hostPath, emptyDir, configMap, secret, downwardAPI, projected, persistentVolumeClaim, nfs, csi, image } =
    volume;
  const errors: FieldError[] = [];
  if (hostPath !== undefined) {
    const at = `${path}.hostPath`;
    if (hostPath.path === '') errors.push(required(`${at}.path`));
    else errors.push(...noBacksteps(hostPath.path, `${at}.path`));
    if (hostPath.type !== undefined && !HOST_PATH_TYPES.includes(hostPath.type))
      errors.push(notSupported(`${at}.type`, hostPath.type, HOST_PATH_TYPES));
  }
  if (emptyDir?.sizeLimit !== undefined && parseQuantity(emptyDir.sizeLimit).nano < 0n)
    errors.push(forbidden(`${path}.emptyDir.sizeLimit`, 'SizeLimit field must be a valid resource quantity'));
  if (configMap !== undefined) {
    if ((configMap.name ?? '') === '') errors.push(required(`${path}.configMap.name`));
    errors.push(...files(configMap.items, configMap.defaultMode, `${path}.configMap`));
  }
  if (secret !== undefined) {
    if ((secret.secretName ?? '') === '') errors.push(required(`${path}.secret.secretName`));
    errors.push(...files(secret.items, secret.defaultMode, `${path}.secret`));
  }
  if (downwardAPI !== undefined)
    errors.push(
      ...mode(downwardAPI.defaultMode, `${path}.downwardAPI.defaultMode`),
      ...downwardFiles(downwardAPI.items, `${path}.downwardAPI`),
    );
  if (projected !== undefined) errors.push(...projectedRules(projected, `${path}.projected`));
  if (persistentVolumeClaim?.claimName === '') errors.push(required(`${path}.persistentVolumeClaim.claimName`));
  if (nfs !== undefined) {
    if (nfs.server === '') errors.push(required(`${path}.nfs.server`));
    if (nfs.path === '') errors.push(required(`${path}.nfs.path`));
    else if (!nfs.path.startsWith('/')) errors.push(invalid(`${path}.nfs.path`, nfs.path, 'must be an absolute path'));
  }
  if (csi?.driver === '') errors.push(required(`${path}.csi.driver`));
  if (image !== undefined) {
    if ((image.reference ?? '') === '') errors.push(required(`${path}.image.reference`));
    errors.push(...oneOf(`${path}.image.pullPolicy`, image.pullPolicy, ['Always', 'IfNotPresent', 'Never']));
  }
  return errors;
}

function mode(value: number | undefined, path: string): FieldError[] {
  return value !== undefined && (value < 0 || value > 0o777)
    ? [invalid(path, value, 'must be a number between 0 and 0777 (octal), both inclusive')]
    : [];
}

function files(items: readonly KeyToPath[] | undefined, defaultMode: number | undefined, path: string): FieldError[] {
  return [
    ...mode(defaultMode, `${path}.defaultMode`),
    ...(items ?? []).flatMap((item, index) => {
      const at = `${path}.items[${index}]`;
      return [
        ...(item.key === '' ? [required(`${at}.key`)] : invalidFor(`${at}.key`, item.key, configMapKey(item.key))),
        ...filePath(item.path, `${at}.path`),
        ...mode(item.mode, `${at}.mode`),
      ];
    }),
  ];
}

/** A file inside a volume: relative, and not among the names that the kubelet's writer keeps for itself. */
function filePath(value: string, path: string): FieldError[] {
  if (value === '') return [required(path)];
  const errors = descendingPath(value, path);
  return value.startsWith('..') && !value.startsWith('../') && value !== '..'
    ? [...errors, invalid(path, value, "must not start with '..'")]
    : errors;
}

function downwardFiles(items: readonly DownwardAPIVolumeFile[] | undefined, path: string): FieldError[] {
  return (items ?? []).flatMap((item, index) => {
    const at = `${path}.items[${index}]`;
    const errors = [...filePath(item.path, `${at}.path`), ...mode(item.mode, `${at}.mode`)];
    if (item.fieldRef !== undefined) {
      errors.push(...validateFieldRef(item.fieldRef, 'volume', `${at}.fieldRef`));
      if (item.resourceFieldRef !== undefined)
        errors.push(invalid(at, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
    } else if (item.resourceFieldRef !== undefined)
      errors.push(...validateResourceFieldRef(item.resourceFieldRef, 'volume', `${at}.resourceFieldRef`));
    else errors.push(required(at, 'one of fieldRef and resourceFieldRef is required'));
    return errors;
  });
}

function projectedRules(projected: ProjectedVolumeSource, path: string): FieldError[] {
  const errors = mode(projected.defaultMode, `${path}.defaultMode`);
  for (const [index, source] of (projected.sources ?? []).entries()) {
    const at = `${path}.sources[${index}]`;
    const [first, ...others] = Object.entries(source).filter(([, value]) => value !== undefined);
    if (first === undefined) errors.push(required(at, 'must specify a source'));
    for (const [name] of others)
      errors.push(forbidden(`${at}.${name}`, 'may not specify more than 1 volume type per source'));
    for (const name of ['configMap', 'secret'] as const) {
      const keyed = source[name];
      if (keyed === undefined) continue;
      if ((keyed.name ?? '') === '') errors.push(required(`${at}.${name}.name`));
      else errors.push(...invalidFor(`${at}.${name}.name`, keyed.name, dns1123Subdomain(keyed.name ?? '')));
      errors.push(...files(keyed.items, undefined, `${at}.${name}`));
    }
    if (source.downwardAPI !== undefined) errors.push(...downwardFiles(source.downwardAPI.items, `${at}.downwardAPI`));
    const token = source.serviceAccountToken;
    if (token !== undefined) {
      const seconds = token.expirationSeconds ?? 3600;
      if (seconds < 600)
        errors.push(
          invalid(
            `${at}.serviceAccountToken.expirationSeconds`,
            seconds,
            'may not specify a duration less than 10 minutes',
          ),
        );
      errors.push(...filePath(token.path, `${at}.serviceAccountToken.path`));
    }
  }
  return errors;
}

import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ProjectedVolumeSource,
  VolumeProjection,
} from '../types/gen/core-v1.ts';
import { validateFieldRef, validateResourceFieldRef } from './env.ts';
import { type FieldError, forbidden, invalid, required } from './field-error.ts';
import { volumeFilePath } from './paths.ts';
import type { Kept } from './pod-options.ts';

const MIN_TOKEN_SECONDS = 600;
const MAX_TOKEN_SECONDS = 2 ** 32;

/** The mode of a file. */
export function validateMode(value: number | undefined, path: string): FieldError[] {
  return value !== undefined && (value < 0 || value > 0o777)
    ? [invalid(path, value, 'must be a number between 0 and 0777 (octal), both inclusive')]
    : [];
}

/** Keys of a config map or secret as files. */
export function validateKeyFiles(items: readonly KeyToPath[] | undefined, path: string): FieldError[] {
  return (items ?? []).flatMap((item, index) => keyFile(item, `${path}[${index}]`));
}

function keyFile(item: KeyToPath, path: string): FieldError[] {
  return [
    ...(item.key === '' ? [required(`${path}.key`)] : []),
    ...(item.path === '' ? [required(`${path}.path`)] : []),
    ...volumeFilePath(item.path, `${path}.path`),
    ...validateMode(item.mode, `${path}.mode`),
  ];
}

/** A fact about the pod as a file. Upstream names the source, not the place in its list. */
export function validateDownwardFile(file: DownwardAPIVolumeFile, path: string): FieldError[] {
  const { fieldRef, resourceFieldRef } = file;
  const errors = [
    ...(file.path === '' ? [required(`${path}.path`)] : []),
    ...volumeFilePath(file.path, `${path}.path`),
  ];
  if (fieldRef !== undefined) {
    errors.push(...validateFieldRef(fieldRef, 'volume', `${path}.fieldRef`));
    if (resourceFieldRef !== undefined)
      errors.push(invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
  } else if (resourceFieldRef !== undefined)
    errors.push(...validateResourceFieldRef(resourceFieldRef, 'volume', `${path}.resourceFieldRef`));
  else errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
  return [...errors, ...validateMode(file.mode, `${path}.mode`)];
}

/** Several sources in one volume, no two of which put a file in the same place. */
export function validateProjected(projected: ProjectedVolumeSource, kept: Kept, path: string): FieldError[] {
  const places = new Set<string>();
  const taken = (file: string, shown: string): FieldError[] => {
    if (file === '') return [];
    if (places.has(file)) return [invalid(path, shown, 'conflicting duplicate paths')];
    places.add(file);
    return [];
  };
  return [
    ...validateMode(projected.defaultMode, `${path}.defaultMode`),
    ...projected.sources.flatMap((source, index) => {
      const at = `${path}.sources[${index}]`;
      const count = Object.values(source).filter(value => value !== undefined).length;
      return [
        ...keyedSources(source, taken, at),
        ...(source.downwardAPI?.items ?? []).flatMap(file => [
          ...validateDownwardFile(file, `${at}.downwardAPI`),
          ...taken(file.path, file.path),
        ]),
        ...tokenErrors(source, kept, path, at),
        ...(count > 1 ? [forbidden(at, 'may not specify more than 1 volume type per source')] : []),
      ];
    }),
  ];
}

function keyedSources(
  source: VolumeProjection,
  taken: (file: string, shown: string) => FieldError[],
  path: string,
): FieldError[] {
  return (['secret', 'configMap'] as const).flatMap(kind => {
    const keyed = source[kind];
    if (keyed === undefined) return [];
    const { name = '', items = [] } = keyed;
    return [
      ...(name === '' ? [required(`${path}.${kind}.name`)] : []),
      ...items.flatMap((item, index) => [
        ...keyFile(item, `${path}.${kind}.items[${index}]`),
        ...taken(item.path, name),
      ]),
    ];
  });
}

function tokenErrors(source: VolumeProjection, kept: Kept, volume: string, path: string): FieldError[] {
  const token = source.serviceAccountToken;
  if (token === undefined) return [];
  const seconds = token.expirationSeconds ?? 3600;
  const at = `${path}.serviceAccountToken.expirationSeconds`;
  const errors: FieldError[] = [];
  if (seconds < MIN_TOKEN_SECONDS) errors.push(invalid(at, seconds, 'may not specify a duration less than 10 minutes'));
  if (seconds > MAX_TOKEN_SECONDS)
    errors.push(invalid(at, seconds, 'may not specify a duration larger than 2^32 seconds'));
  // Upstream reports the path at the volume, not at the token.
  if (token.path === '') errors.push(required(`${volume}.path`));
  else if (!kept.tokenPaths) errors.push(...volumeFilePath(token.path, `${volume}.path`));
  return errors;
}

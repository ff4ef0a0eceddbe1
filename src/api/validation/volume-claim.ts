import type {
  PersistentVolumeClaimSpec,
  PersistentVolumeClaimTemplate,
  TypedLocalObjectReference,
  TypedObjectReference,
} from '../types/gen/core-v1.ts';
import type { ObjectMeta } from '../types/gen/meta-v1.ts';
import { validateAccessModes } from './access-modes.ts';
import { addErrors, amongIfSet, type FieldError, forbidden, invalid, invalidFor, required } from './field-error.ts';
import { validateLabelSelector } from './label-selector.ts';
import { dns1123Label, dns1123Subdomain } from './names.ts';
import { validateAnnotations, validateLabels } from './object-meta.ts';
import { positiveQuantity, validateQuantity } from './quantity.ts';

/** What a stored claim has already and may keep. */
export interface KeptOfClaim {
  readonly selectorValues: boolean;
  readonly sourceGroups: boolean;
}

const NOTHING: KeptOfClaim = { selectorValues: false, sourceGroups: false };

/** The rules of what a claim asks for. */
export function validateClaimSpec(spec: PersistentVolumeClaimSpec, path: string, kept = NOTHING): FieldError[] {
  const { accessModes = [], storageClassName = '', volumeAttributesClassName = '', dataSource, dataSourceRef } = spec;
  const errors: FieldError[] = [];
  if (accessModes.length === 0) errors.push(required(`${path}.accessModes`, 'at least 1 access mode is required'));
  addErrors(
    errors,
    validateLabelSelector(spec.selector, `${path}.selector`, { anyValue: kept.selectorValues }),
    validateAccessModes(accessModes, `${path}.accessModes`),
    sizeErrors(spec.resources.requests?.['storage'], `${path}.resources[storage]`),
  );
  if (storageClassName !== '')
    errors.push(...invalidFor(`${path}.storageClassName`, storageClassName, dns1123Subdomain(storageClassName)));
  errors.push(...amongIfSet(`${path}.volumeMode`, spec.volumeMode, ['Block', 'Filesystem']));
  if (dataSource !== undefined) errors.push(...sourceErrors(dataSource, kept, `${path}.dataSource`));
  if (dataSourceRef !== undefined) errors.push(...sourceErrors(dataSourceRef, kept, `${path}.dataSourceRef`));
  errors.push(...agreementErrors(spec, path));
  if (volumeAttributesClassName !== '')
    addErrors(
      errors,
      invalidFor(
        `${path}.volumeAttributesClassName`,
        volumeAttributesClassName,
        dns1123Subdomain(volumeAttributesClassName),
      ),
    );
  return errors;
}

function sizeErrors(size: string | undefined, path: string): FieldError[] {
  if (size === undefined) return [required(path)];
  const errors = positiveQuantity(size, path);
  return errors.length > 0 ? errors : validateQuantity('storage', size, path);
}

function sourceErrors(
  source: TypedLocalObjectReference & Partial<TypedObjectReference>,
  kept: KeptOfClaim,
  path: string,
): FieldError[] {
  const { name, kind, apiGroup = '', namespace = '' } = source;
  const errors: FieldError[] = [];
  if (name === '') errors.push(required(`${path}.name`));
  if (kind === '') errors.push(required(`${path}.kind`));
  if (apiGroup === '' && kind !== 'PersistentVolumeClaim')
    errors.push(invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
  if (apiGroup !== '' && !kept.sourceGroups)
    errors.push(...invalidFor(`${path}.apiGroup`, apiGroup, dns1123Subdomain(apiGroup)));
  if (namespace !== '') errors.push(...invalidFor(`${path}.namespace`, namespace, dns1123Label(namespace)));
  return errors;
}

/** The old field and the new one say the same. Upstream shows a path where the value should stand, which prints as nothing. */
function agreementErrors({ dataSource, dataSourceRef }: PersistentVolumeClaimSpec, path: string): FieldError[] {
  if (dataSource === undefined || dataSourceRef === undefined) return [];
  if ((dataSourceRef.namespace ?? '') !== '')
    return [invalid(path, {}, 'may not be specified when dataSourceRef.namespace is specified')];
  const same =
    dataSource.apiGroup === dataSourceRef.apiGroup &&
    dataSource.kind === dataSourceRef.kind &&
    dataSource.name === dataSourceRef.name;
  return same ? [] : [invalid(path, {}, 'must match dataSourceRef')];
}

/** True where a stored claim selects volumes by what no label can be. */
export function hasInvalidClaimSelector(spec: PersistentVolumeClaimSpec): boolean {
  return validateLabelSelector(spec.selector, '').length > 0;
}

/** A claim that is made for each pod: of its metadata labels and annotations alone count. */
export function validateClaimTemplate(template: PersistentVolumeClaimTemplate, path: string): FieldError[] {
  const { metadata, spec } = template;
  return [
    ...validateAnnotations(metadata.annotations, `${path}.metadata.annotations`),
    ...validateLabels(metadata.labels, `${path}.metadata.labels`),
    ...NOT_IN_TEMPLATES.filter(field => isSet(metadata[field])).map(field =>
      // Upstream lowers the first letter of Go's names alone.
      forbidden(`${path}.metadata.${field === 'uid' ? 'uID' : field}`, 'cannot be set'),
    ),
    ...validateClaimSpec(spec, `${path}.spec`),
  ];
}

const NOT_IN_TEMPLATES = [
  'name',
  'generateName',
  'namespace',
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'ownerReferences',
  'finalizers',
  'managedFields',
] as const satisfies readonly (keyof ObjectMeta)[];

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && value !== 0;
}

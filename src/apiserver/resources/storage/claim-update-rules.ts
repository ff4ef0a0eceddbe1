import { compareQuantities } from '../../../api/quantity.ts';
import { equalAs } from '../../../api/semantic-equal.ts';
import { BETA_CLASS_ANNOTATION } from '../../../api/storage-class.ts';
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../../api/types/gen/core-v1.ts';
import {
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  required,
} from '../../../api/validation/field-error.ts';
import { qualifiedName } from '../../../api/validation/names.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { validateBasicQuantity, validateQuantity } from '../../../api/validation/quantity.ts';
import { isNativeResource } from '../../../api/validation/resource-names.ts';
import { hasInvalidClaimSelector, type KeptOfClaim } from '../../../api/validation/volume-claim.ts';
import { changedPaths } from '../changed-paths.ts';

/** What a stored claim has that a new one may not have. */
export function keptOfClaim({ spec }: PersistentVolumeClaim): KeptOfClaim {
  return {
    selectorValues: hasInvalidClaimSelector(spec),
    // Upstream asks for no more than that there is one.
    sourceGroups: spec.dataSource?.apiGroup !== undefined || spec.dataSourceRef?.apiGroup !== undefined,
  };
}

/** A claim may grow once it is bound; a class may be given to one that had none; everything else stays. */
export function validateClaimChange(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const after = claim.spec;
  const before = old.spec;
  const fromAnnotation = movesClass(claim, old);
  const errors: FieldError[] = fromAnnotation ? [] : annotationErrors(claim, old);
  const rest: PersistentVolumeClaimSpec = {
    ...after,
    ...((before.volumeName ?? '') === '' ? { volumeName: before.volumeName } : {}),
    ...(fromAnnotation || setsClass(claim, old) ? { storageClassName: before.storageClassName } : {}),
    ...(claim.status.phase === 'Bound'
      ? { volumeAttributesClassName: before.volumeAttributesClassName, resources: withSizeOf(after, before) }
      : {}),
  };
  if (!equalAs('core/v1.PersistentVolumeClaimSpec', rest, before))
    errors.push(
      forbidden(
        'spec',
        `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n${changedPaths(before, rest, 'spec').join('\n')}`,
      ),
    );
  return [
    ...errors,
    ...shrinkErrors(after, old),
    ...immutable('volumeMode', after.volumeMode, before.volumeMode),
    ...attributesClassErrors(claim, old),
  ];
}

/** The class moves from the old annotation to the field. */
function movesClass(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
  const had = old.metadata.annotations?.[BETA_CLASS_ANNOTATION];
  const has = claim.metadata.annotations?.[BETA_CLASS_ANNOTATION];
  const { storageClassName } = claim.spec;
  return (
    had !== undefined &&
    old.spec.storageClassName === undefined &&
    storageClassName === had &&
    (has === undefined || has === had)
  );
}

/** A claim without a class gets one. */
function setsClass(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
  const had = old.metadata.annotations?.[BETA_CLASS_ANNOTATION];
  const { storageClassName } = claim.spec;
  return (
    storageClassName !== undefined &&
    old.spec.storageClassName === undefined &&
    (had === undefined || storageClassName === had)
  );
}

function annotationErrors(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const has = claim.metadata.annotations?.[BETA_CLASS_ANNOTATION] ?? '';
  const had = old.metadata.annotations?.[BETA_CLASS_ANNOTATION] ?? '';
  return has === had ? [] : [invalid(`metadata.annotations.${BETA_CLASS_ANNOTATION}`, has, 'field is immutable')];
}

/** The resources with the size that is stored. Upstream writes it into requests that are there, be it nothing. */
function withSizeOf(
  { resources }: PersistentVolumeClaimSpec,
  before: PersistentVolumeClaimSpec,
): PersistentVolumeClaimSpec['resources'] {
  if (resources.requests === undefined) return resources;
  const { storage, ...others } = resources.requests;
  return { ...resources, requests: { ...others, storage: before.resources.requests?.['storage'] ?? '0' } };
}

/** Down to what the volume has already, to get out of a growth that failed. */
function shrinkErrors(after: PersistentVolumeClaimSpec, old: PersistentVolumeClaim): FieldError[] {
  const size = after.resources.requests?.['storage'] ?? '0';
  if (
    compareQuantities(size, old.spec.resources.requests?.['storage'] ?? '0') >= 0 ||
    compareQuantities(size, old.status.capacity?.['storage'] ?? '0') > 0
  )
    return [];
  return [forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity')];
}

function attributesClassErrors(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const name = claim.spec.volumeAttributesClassName;
  if (name === old.spec.volumeAttributesClassName || old.status.currentVolumeAttributesClassName === undefined)
    return [];
  if (name !== undefined && name !== '') return [];
  const what = name === undefined ? 'nil' : 'empty string';
  return [
    forbidden(
      'spec.volumeAttributesClassName',
      `update to ${what} is forbidden when status.currentVolumeAttributesClassName is not nil`,
    ),
  ];
}

const RESIZE_STATUSES = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
];

/** The rules of a claim's status. */
export function validateClaimStatus({ spec, status }: PersistentVolumeClaim): FieldError[] {
  const statuses = 'status.allocatedResourceStatuses';
  const allocated = 'status.allocatedResources';
  return [
    ...((spec.accessModes ?? []).length === 0 ? [required('Spec.accessModes')] : []),
    ...Object.entries(status.capacity ?? {}).flatMap(([name, quantity]) =>
      validateBasicQuantity(quantity, `status.capacity[${name}]`),
    ),
    ...Object.entries(status.allocatedResourceStatuses ?? {}).flatMap(([name, state]) => [
      ...resourceKeyErrors(name, statuses),
      // Upstream shows the resource where the state is wrong.
      ...(RESIZE_STATUSES.includes(state) ? [] : [notSupported(statuses, name, RESIZE_STATUSES)]),
    ]),
    ...Object.entries(status.allocatedResources ?? {}).flatMap(([name, quantity]) => {
      const keyErrors = resourceKeyErrors(name, allocated);
      if (keyErrors.length > 0) return keyErrors;
      const errors = validateBasicQuantity(quantity, `${allocated}[${name}]`);
      return errors.length > 0 ? errors : validateQuantity('storage', quantity, `${allocated}[${name}]`);
    }),
  ];
}

function resourceKeyErrors(name: string, path: string): FieldError[] {
  const errors = invalidFor(path, name, qualifiedName(name));
  if (errors.length > 0 || name === 'storage' || !isNativeResource(name)) return errors;
  return [notSupported(path, name, ['storage'])];
}

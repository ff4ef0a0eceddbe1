import { compareQuantities, parseQuantity } from '../../../api/quantity.ts';
import { equalAs, equalValues } from '../../../api/semantic-equal.ts';
import type {
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  TypedLocalObjectReference,
} from '../../../api/types/gen/core-v1.ts';
import {
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  required,
} from '../../../api/validation/field-error.ts';
import { validateLabelSelector } from '../../../api/validation/label-selector.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { validateQuantity } from '../../../api/validation/quantity.ts';
import { AGE, column, NAME } from '../cells.ts';
import { changedPaths } from '../changed-paths.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { accessModeErrors, accessModesCell, storageClassOf } from './access-modes.ts';

export const persistentVolumeClaimStrategy = defineStrategy<PersistentVolumeClaim>(
  { group: '', version: 'v1', plural: 'persistentvolumeclaims' },
  {
    initialStatus: () => ({ phase: 'Pending' }),
    validate: claim => validateClaimSpec(claim.spec, 'spec'),
    validateUpdate: changeErrors,
    validateStatus: claim => [
      ...(['capacity', 'allocatedResources'] as const).flatMap(field =>
        Object.entries(claim.status[field] ?? {}).flatMap(([name, quantity]) =>
          validateQuantity(name, quantity, `status.${field}[${name}]`),
        ),
      ),
      ...(claim.status.conditions ?? []).flatMap((condition, index) =>
        condition.type === '' ? [required(`status.conditions[${index}].type`)] : [],
      ),
    ],
    columns: {
      definitions: [
        NAME,
        ...['Status', 'Volume', 'Capacity', 'Access Modes', 'StorageClass', 'VolumeAttributesClass'].map(name =>
          column(name),
        ),
        AGE,
        column('VolumeMode', { wide: true }),
      ],
      cells: (claim, now) => {
        const bound = (claim.spec.volumeName ?? '') !== '';
        return [
          claim.metadata.name ?? '',
          claim.metadata.deletionTimestamp === undefined ? (claim.status.phase ?? '') : 'Terminating',
          claim.spec.volumeName ?? '',
          bound ? (claim.status.capacity?.['storage'] ?? '0') : '',
          bound ? accessModesCell(claim.status.accessModes) : '',
          storageClassOf(claim),
          claim.spec.volumeAttributesClassName ?? '<unset>',
          ageCell(claim, now),
          claim.spec.volumeMode ?? '<unset>',
        ];
      },
    },
  },
);

/** The rules of a claim, which stateful sets and generic ephemeral volumes share. */
export function validateClaimSpec(spec: PersistentVolumeClaimSpec, path: string): FieldError[] {
  const { accessModes = [], storageClassName = '', volumeMode, dataSource, dataSourceRef } = spec;
  const errors: FieldError[] = [];
  if (accessModes.length === 0) errors.push(required(`${path}.accessModes`, 'at least 1 access mode is required'));
  errors.push(...validateLabelSelector(spec.selector, `${path}.selector`));
  errors.push(...accessModeErrors(accessModes, `${path}.accessModes`));
  const size = spec.resources.requests?.['storage'];
  const at = `${path}.resources[storage]`;
  if (size === undefined) errors.push(required(at));
  else if (parseQuantity(size).nano <= 0n) errors.push(invalid(at, size, 'must be greater than zero'));
  if (storageClassName !== '')
    errors.push(...invalidFor(`${path}.storageClassName`, storageClassName, dns1123Subdomain(storageClassName)));
  if (volumeMode !== undefined && !['Block', 'Filesystem'].includes(volumeMode))
    errors.push(notSupported(`${path}.volumeMode`, volumeMode, ['Block', 'Filesystem']));
  if (dataSource !== undefined) errors.push(...sourceErrors(dataSource, `${path}.dataSource`));
  if (dataSourceRef !== undefined) errors.push(...sourceErrors(dataSourceRef, `${path}.dataSourceRef`));
  if (dataSource !== undefined && dataSourceRef !== undefined) {
    if ((dataSourceRef.namespace ?? '') !== '')
      errors.push(
        invalid(path, `${path}.dataSource`, 'may not be specified when dataSourceRef.namespace is specified'),
      );
    else if (!equalValues({ ...dataSourceRef, namespace: undefined }, { ...dataSource, namespace: undefined }))
      errors.push(invalid(path, `${path}.dataSource`, 'must match dataSourceRef'));
  }
  return errors;
}

function sourceErrors({ apiGroup = '', kind, name }: TypedLocalObjectReference, path: string): FieldError[] {
  return [
    ...(name === '' ? [required(`${path}.name`)] : []),
    ...(kind === '' ? [required(`${path}.kind`)] : []),
    ...(apiGroup === '' && kind !== '' && kind !== 'PersistentVolumeClaim'
      ? [invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup")]
      : []),
    ...(apiGroup === '' ? [] : invalidFor(`${path}.apiGroup`, apiGroup, dns1123Subdomain(apiGroup))),
  ];
}

/** A claim may grow once it is bound; a class may be given to one that had none; everything else stays. */
function changeErrors(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const errors = validateClaimSpec(claim.spec, 'spec');
  const bound = claim.status.phase === 'Bound';
  const had = old.spec;
  const size = claim.spec.resources.requests?.['storage'] ?? '0';
  const oldSize = had.resources.requests?.['storage'] ?? '0';
  const named = had.storageClassName !== undefined || storageClassOf(old) !== '';
  const rest: PersistentVolumeClaimSpec = {
    ...claim.spec,
    ...((had.volumeName ?? '') === '' ? { volumeName: had.volumeName } : {}),
    ...(named ? {} : { storageClassName: had.storageClassName }),
    ...(bound
      ? {
          volumeAttributesClassName: had.volumeAttributesClassName,
          resources: { ...claim.spec.resources, requests: { ...claim.spec.resources.requests, storage: oldSize } },
        }
      : {}),
  };
  if (!equalAs('core/v1.PersistentVolumeClaimSpec', rest, had))
    errors.push(
      forbidden(
        'spec',
        `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n${changedPaths(had, rest, 'spec').join('\n')}`,
      ),
    );
  if (compareQuantities(size, oldSize) < 0 && compareQuantities(size, old.status.capacity?.['storage'] ?? '0') <= 0)
    errors.push(forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity'));
  return [...errors, ...immutable('volumeMode', claim.spec.volumeMode, had.volumeMode)];
}

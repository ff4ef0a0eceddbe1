import { parseQuantity } from '../../../api/quantity.ts';
import { builtinTable } from '../../../api/schema/builtin.ts';
import { equalAs } from '../../../api/semantic-equal.ts';
import type { PersistentVolume, PersistentVolumeSource } from '../../../api/types/gen/core-v1.ts';
import {
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  oneOf,
  required,
} from '../../../api/validation/field-error.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { AGE, column, NAME } from '../cells.ts';
import { changedPaths } from '../changed-paths.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { accessModeErrors, accessModesCell, storageClassOf } from './access-modes.ts';

export const persistentVolumeStrategy = defineStrategy<PersistentVolume>(
  { group: '', version: 'v1', plural: 'persistentvolumes' },
  {
    initialStatus: () => ({ phase: 'Pending' }),
    validate: validateVolume,
    validateUpdate: (volume, old) => {
      const before = sourcesOf(old);
      const after = sourcesOf(volume);
      const errors = validateVolume(volume);
      if (!equalAs('core/v1.PersistentVolumeSource', after, before))
        errors.push(
          forbidden(
            'spec.persistentvolumesource',
            `spec.persistentvolumesource is immutable after creation\n${changedPaths(before, after, 'spec').join('\n')}`,
          ),
        );
      errors.push(...immutable('volumeMode', volume.spec.volumeMode, old.spec.volumeMode));
      if (old.spec.nodeAffinity !== undefined)
        errors.push(...immutable('nodeAffinity', volume.spec.nodeAffinity, old.spec.nodeAffinity));
      if (old.spec.volumeAttributesClassName !== undefined && volume.spec.volumeAttributesClassName === undefined)
        errors.push(forbidden('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden'));
      return errors;
    },
    prepareStatus: (volume, old, { now }) =>
      volume.status.phase === old.status.phase
        ? volume
        : { ...volume, status: { ...volume.status, lastPhaseTransitionTime: now } },
    columns: {
      definitions: [
        NAME,
        ...[
          'Capacity',
          'Access Modes',
          'Reclaim Policy',
          'Status',
          'Claim',
          'StorageClass',
          'VolumeAttributesClass',
          'Reason',
        ].map(name => column(name)),
        AGE,
        column('VolumeMode', { wide: true }),
      ],
      cells: (volume, now) => {
        const claim = volume.spec.claimRef;
        return [
          volume.metadata.name ?? '',
          volume.spec.capacity?.['storage'] ?? '0',
          accessModesCell(volume.spec.accessModes),
          volume.spec.persistentVolumeReclaimPolicy ?? '',
          volume.metadata.deletionTimestamp === undefined ? (volume.status.phase ?? '') : 'Terminating',
          claim === undefined ? '' : `${claim.namespace ?? ''}/${claim.name ?? ''}`,
          storageClassOf(volume),
          volume.spec.volumeAttributesClassName ?? '<unset>',
          volume.status.reason ?? '',
          ageCell(volume, now),
          volume.spec.volumeMode ?? '<unset>',
        ];
      },
    },
  },
);

function sourceNames(): (keyof PersistentVolumeSource)[] {
  return [...builtinTable.struct('core/v1.PersistentVolumeSource').json.keys()] as (keyof PersistentVolumeSource)[];
}

function sourcesOf(volume: PersistentVolume): PersistentVolumeSource {
  return Object.fromEntries(sourceNames().map(name => [name, volume.spec[name]]));
}

function validateVolume({ spec }: PersistentVolume): FieldError[] {
  const { accessModes = [], capacity = {}, storageClassName = '', volumeMode } = spec;
  const errors: FieldError[] = [];
  if (accessModes.length === 0) errors.push(required('spec.accessModes'));
  errors.push(...accessModeErrors(accessModes, 'spec.accessModes'));
  const names = Object.keys(capacity);
  if (names.length === 0) errors.push(required('spec.capacity'));
  else if (capacity['storage'] === undefined || names.length > 1)
    errors.push(notSupported('spec.capacity', capacity, ['storage']));
  for (const [name, quantity] of Object.entries(capacity))
    if (parseQuantity(quantity).nano <= 0n)
      errors.push(invalid(`spec.capacity[${name}]`, quantity, 'must be greater than zero'));
  if ((spec.persistentVolumeReclaimPolicy ?? '') !== '')
    errors.push(
      ...oneOf('spec.persistentVolumeReclaimPolicy', spec.persistentVolumeReclaimPolicy, [
        'Delete',
        'Recycle',
        'Retain',
      ]),
    );
  const [first, ...others] = sourceNames().filter(name => spec[name] !== undefined);
  if (first === undefined) errors.push(required('spec', 'must specify a volume type'));
  for (const name of others) errors.push(forbidden(`spec.${name}`, 'may not specify more than 1 volume type'));
  errors.push(...sourceErrors(spec));
  if (storageClassName !== '')
    errors.push(...invalidFor('spec.storageClassName', storageClassName, dns1123Subdomain(storageClassName)));
  if (volumeMode !== undefined && !['Block', 'Filesystem'].includes(volumeMode))
    errors.push(notSupported('spec.volumeMode', volumeMode, ['Block', 'Filesystem']));
  if (spec.volumeAttributesClassName === '')
    errors.push(required('spec.volumeAttributesClassName', 'an empty string is disallowed'));
  return errors;
}

function sourceErrors(spec: PersistentVolume['spec']): FieldError[] {
  const { hostPath, local, nfs, csi } = spec;
  const errors: FieldError[] = [];
  if (hostPath !== undefined) {
    if (hostPath.path === '') errors.push(required('spec.hostPath.path'));
    else if (hostPath.path.split('/').includes('..'))
      errors.push(invalid('spec.hostPath.path', hostPath.path, "must not contain '..'"));
    if (hostPath.path === '/' && spec.persistentVolumeReclaimPolicy === 'Recycle')
      errors.push(forbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"));
  }
  if (local !== undefined) {
    if (local.path === '') errors.push(required('spec.local.path'));
    if (spec.nodeAffinity === undefined)
      errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  }
  if (nfs !== undefined) {
    if (nfs.server === '') errors.push(required('spec.nfs.server'));
    if (nfs.path === '') errors.push(required('spec.nfs.path'));
    else if (!nfs.path.startsWith('/')) errors.push(invalid('spec.nfs.path', nfs.path, 'must be an absolute path'));
  }
  if (csi !== undefined) {
    if (csi.driver === '') errors.push(required('spec.csi.driver'));
    if (csi.volumeHandle === '') errors.push(required('spec.csi.volumeHandle'));
  }
  return errors;
}

import { posix } from 'node:path';
import { equalAs } from '../../../api/semantic-equal.ts';
import type {
  NodeSelectorRequirement,
  PersistentVolume,
  PersistentVolumeSource,
  PersistentVolumeSpec,
  VolumeNodeAffinity,
} from '../../../api/types/gen/core-v1.ts';
import { validateAccessModes } from '../../../api/validation/access-modes.ts';
import {
  among,
  amongIfSet,
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  required,
} from '../../../api/validation/field-error.ts';
import { internalForm, mapForm } from '../../../api/validation/internal-form.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { hasInvalidValue, validateNodeSelector } from '../../../api/validation/node-selector.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { positiveQuantity, validateBasicQuantity } from '../../../api/validation/quantity.ts';
import { changedPaths } from '../changed-paths.ts';
import { SOURCES, validateSources } from './persistent-volume-sources.ts';

const MOUNT_OPTIONS = 'volume.beta.kubernetes.io/mount-options';

/** The plugins that take mount options from the old annotation. */
const WITH_MOUNT_OPTIONS = [
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'nfs',
  'rbd',
  'quobyte',
  'iscsi',
  'cinder',
  'cephfs',
  'azureFile',
  'vsphereVolume',
  'azureDisk',
  'photonPersistentDisk',
] as const satisfies readonly (keyof PersistentVolumeSource)[];

/** The rules of a volume. With `old`, the volume that is stored, labels in its node affinity may stay as they are. */
export function validateVolume({ metadata, spec }: PersistentVolume, old?: PersistentVolume): FieldError[] {
  const hadTerms = old?.spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const mayMount = WITH_MOUNT_OPTIONS.some(name => spec[name] !== undefined);
  return [
    ...specErrors(metadata.name ?? '', spec, hasInvalidValue(hadTerms)),
    ...(!mayMount && Object.hasOwn(metadata.annotations ?? {}, MOUNT_OPTIONS)
      ? [forbidden(`metadata.annotations.${MOUNT_OPTIONS}`, 'may not specify mount options for this volume type')]
      : []),
  ];
}

function specErrors(name: string, spec: PersistentVolumeSpec, anyLabelValue: boolean): FieldError[] {
  const { accessModes = [], persistentVolumeReclaimPolicy: policy = '', storageClassName = '', hostPath } = spec;
  const recyclesRoot = hostPath !== undefined && posix.normalize(hostPath.path) === '/' && policy === 'Recycle';
  return [
    ...(accessModes.length === 0 ? [required('spec.accessModes')] : []),
    ...validateAccessModes(accessModes, 'spec.accessModes'),
    ...capacityErrors(spec.capacity),
    ...(policy === '' ? [] : among('spec.persistentVolumeReclaimPolicy', policy, ['Delete', 'Recycle', 'Retain'])),
    ...affinityErrors(spec.nodeAffinity, anyLabelValue),
    ...validateSources(name, spec, 'spec'),
    ...(recyclesRoot
      ? [forbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'")]
      : []),
    ...(storageClassName === ''
      ? []
      : invalidFor('spec.storageClassName', storageClassName, dns1123Subdomain(storageClassName))),
    ...amongIfSet('spec.volumeMode', spec.volumeMode, ['Block', 'Filesystem']),
    ...attributesClassErrors(spec),
  ];
}

/** Storage and nothing else. */
function capacityErrors(capacity: PersistentVolumeSpec['capacity']): FieldError[] {
  const entries = Object.entries(capacity ?? {});
  const errors = entries.length === 0 ? [required('spec.capacity')] : [];
  if (capacity?.['storage'] === undefined || entries.length > 1)
    errors.push(notSupported('spec.capacity', mapForm(capacity), ['storage']));
  return [
    ...errors,
    ...entries.flatMap(([name, quantity]) => [
      ...validateBasicQuantity(quantity, `spec.capacity[${name}]`),
      ...positiveQuantity(quantity, `spec.capacity[${name}]`),
    ]),
  ];
}

function affinityErrors(affinity: VolumeNodeAffinity | undefined, anyLabelValue: boolean): FieldError[] {
  if (affinity === undefined) return [];
  const at = 'spec.nodeAffinity.required';
  return affinity.required === undefined
    ? [required(at, 'must specify required node constraints')]
    : validateNodeSelector(affinity.required, anyLabelValue, at);
}

function attributesClassErrors({ volumeAttributesClassName: name, csi }: PersistentVolumeSpec): FieldError[] {
  if (name === undefined) return [];
  const at = 'spec.volumeAttributesClassName';
  return [
    ...(name === '' ? [required(at, 'an empty string is disallowed')] : invalidFor(at, name, dns1123Subdomain(name))),
    ...(csi === undefined ? [required('spec.csi', 'has to be specified when using volumeAttributesClassName')] : []),
  ];
}

/** What may not change in a volume, beside the rules of its values. */
export function validateVolumeChange({ spec }: PersistentVolume, { spec: old }: PersistentVolume): FieldError[] {
  const before = sourcesOf(old);
  const after = sourcesOf(withExpandSecretOf(spec, old));
  const same = equalAs('core/v1.PersistentVolumeSource', after, before);
  const lines = changedPaths(before, after, 'spec').join('\n');
  return [
    ...(same
      ? []
      : [
          forbidden('spec.persistentvolumesource', `spec.persistentvolumesource is immutable after creation\n${lines}`),
        ]),
    ...immutable('volumeMode', spec.volumeMode, old.volumeMode),
    ...affinityChanges(spec.nodeAffinity, old.nodeAffinity),
    ...(old.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined
      ? [forbidden('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden')]
      : []),
  ];
}

function sourcesOf(spec: PersistentVolumeSpec): PersistentVolumeSource {
  return Object.fromEntries(SOURCES.map(name => [name, spec[name]]));
}

/** The secret for growing a volume may be given later. */
function withExpandSecretOf(spec: PersistentVolumeSpec, old: PersistentVolumeSpec): PersistentVolumeSpec {
  if (spec.csi === undefined || old.csi === undefined || old.csi.controllerExpandSecretRef !== undefined) return spec;
  const { controllerExpandSecretRef, ...csi } = spec.csi;
  return { ...spec, csi };
}

/** Labels of nodes that got another name: a volume may follow. */
const BETA_TO_GA = new Map([
  ['failure-domain.beta.kubernetes.io/zone', 'topology.kubernetes.io/zone'],
  ['failure-domain.beta.kubernetes.io/region', 'topology.kubernetes.io/region'],
  ['beta.kubernetes.io/os', 'kubernetes.io/os'],
  ['beta.kubernetes.io/arch', 'kubernetes.io/arch'],
  ['beta.kubernetes.io/instance-type', 'node.kubernetes.io/instance-type'],
]);

function affinityChanges(affinity: VolumeNodeAffinity | undefined, old: VolumeNodeAffinity | undefined): FieldError[] {
  if (old === undefined) return [];
  const type = 'core/v1.VolumeNodeAffinity';
  if (affinity !== undefined && equalAs(type, affinity, renamed(old, affinity))) return [];
  const detail = 'field is immutable, except for updating from beta label to GA';
  return [invalid('nodeAffinity', affinity === undefined ? null : internalForm(type, affinity), detail)];
}

/** `old` with the new names of those labels that `affinity` names so at the same place. */
function renamed(old: VolumeNodeAffinity, affinity: VolumeNodeAffinity): VolumeNodeAffinity {
  if (old.required === undefined) return old;
  const terms = old.required.nodeSelectorTerms.map((term, index) => {
    const next = affinity.required?.nodeSelectorTerms[index];
    const each = (list: 'matchExpressions' | 'matchFields'): readonly NodeSelectorRequirement[] | undefined =>
      term[list]?.map((requirement, place) =>
        BETA_TO_GA.get(requirement.key) === next?.[list]?.[place]?.key
          ? { ...requirement, key: BETA_TO_GA.get(requirement.key) ?? requirement.key }
          : requirement,
      );
    return { matchExpressions: each('matchExpressions'), matchFields: each('matchFields') };
  });
  return { required: { nodeSelectorTerms: terms } };
}

import { BETA_CLASS_ANNOTATION, storageClassOf } from '../../../api/storage-class.ts';
import type { PersistentVolume } from '../../../api/types/gen/core-v1.ts';
import { termWarnings } from '../../../api/validation/deprecated-labels.ts';
import { AGE, column, columns, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { accessModesCell } from './access-modes.ts';
import { validateVolume, validateVolumeChange } from './persistent-volume-rules.ts';

export const persistentVolumeStrategy = defineStrategy<PersistentVolume>(
  { group: '', version: 'v1', plural: 'persistentvolumes' },
  {
    prepareForCreate: (volume, { now }) => ({
      ...volume,
      status: { phase: 'Pending', lastPhaseTransitionTime: now },
    }),
    validate: volume => validateVolume(volume),
    validateUpdate: (volume, old) => [...validateVolume(volume, old), ...validateVolumeChange(volume, old)],
    prepareStatus: (volume, old, { now }) => withTransitionTime(volume, old, now),
    warnings: warningsOf,
    // The name has a second field of its own here.
    fields: volume => ({ name: volume.metadata.name ?? '' }),
    columns: {
      definitions: [
        NAME,
        ...columns({
          Capacity: 'How much the volume holds.',
          'Access Modes': 'How nodes and pods may share the volume.',
          'Reclaim Policy': 'What becomes of the volume when its claim is gone.',
          Status: 'Whether the volume is free, bound to a claim, released by it, or failed.',
          Claim: 'The claim that the volume is bound to, with its namespace.',
          StorageClass: 'The class that the volume is of.',
          VolumeAttributesClass: 'The class of attributes that the volume has.',
          Reason: 'Why the volume is in its state, in one word.',
        }),
        AGE,
        column('VolumeMode', { wide: true, description: 'Whether the volume is a file system or a raw device.' }),
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

/** A writer who says another phase and no time gets the time of the request. */
function withTransitionTime(volume: PersistentVolume, old: PersistentVolume, now: string): PersistentVolume {
  const { phase, lastPhaseTransitionTime: given } = volume.status;
  const had = old.status.lastPhaseTransitionTime;
  if (phase === old.status.phase)
    return given === undefined ? { ...volume, status: { ...volume.status, lastPhaseTransitionTime: had } } : volume;
  if (given !== undefined && given !== had) return volume;
  return { ...volume, status: { ...volume.status, lastPhaseTransitionTime: now } };
}

/** Plugins that are on their way out, with the name in the path where that is another. */
const OLD_PLUGINS = [
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+', 'storageOS'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
] as const;

const OLD_ANNOTATIONS = [
  [BETA_CLASS_ANNOTATION, 'deprecated since v1.8; use "storageClassName" attribute instead'],
  ['volume.beta.kubernetes.io/mount-options', 'deprecated since v1.31; use "mountOptions" attribute instead'],
] as const;

function warningsOf({ metadata: { annotations = {} }, spec }: PersistentVolume): string[] {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  return [
    ...OLD_ANNOTATIONS.filter(([key]) => Object.hasOwn(annotations, key)).map(
      ([key, text]) => `metadata.annotations[${key}]: ${text}`,
    ),
    ...(spec.persistentVolumeReclaimPolicy === 'Recycle'
      ? [
          'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
        ]
      : []),
    ...terms.flatMap((term, index) =>
      termWarnings(term, false, `spec.nodeAffinity.required.nodeSelectorTerms[${index}]`),
    ),
    ...OLD_PLUGINS.filter(([name]) => spec[name] !== undefined).map(
      ([name, text, shown]) => `spec.${shown ?? name}: ${text}`,
    ),
  ];
}

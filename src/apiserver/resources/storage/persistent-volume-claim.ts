import { BETA_CLASS_ANNOTATION, storageClassOf } from '../../../api/storage-class.ts';
import type {
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  TypedLocalObjectReference,
} from '../../../api/types/gen/core-v1.ts';
import { fractions } from '../../../api/validation/pod-warnings.ts';
import { validateClaimSpec } from '../../../api/validation/volume-claim.ts';
import { AGE, column, columns, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { accessModesCell } from './access-modes.ts';
import { keptOfClaim, validateClaimChange, validateClaimStatus } from './claim-update-rules.ts';

export const persistentVolumeClaimStrategy = defineStrategy<PersistentVolumeClaim>(
  { group: '', version: 'v1', plural: 'persistentvolumeclaims' },
  {
    // The default of the phase, which upstream fills in whenever it reads what it has emptied here.
    initialStatus: () => ({ phase: 'Pending' }),
    prepareForCreate: claim => ({ ...claim, spec: withDataSources(claim.spec) }),
    prepareForUpdate: (claim, old) => ({ ...claim, spec: withDataSources(claim.spec, old.spec) }),
    validate: claim => validateClaimSpec(claim.spec, 'spec'),
    validateUpdate: (claim, old) => {
      const stored = { ...old, spec: withBothSources(old.spec) };
      return [...validateClaimSpec(claim.spec, 'spec', keptOfClaim(stored)), ...validateClaimChange(claim, stored)];
    },
    validateStatus: validateClaimStatus,
    warnings: warningsOf,
    // The name has a second field of its own here.
    fields: claim => ({ name: claim.metadata.name ?? '' }),
    columns: {
      definitions: [
        NAME,
        ...columns({
          Status: 'Whether the claim waits for a volume, has one, or lost it.',
          Volume: 'The volume that the claim is bound to.',
          Capacity: 'How much that volume holds.',
          'Access Modes': 'How nodes and pods may share that volume.',
          StorageClass: 'The class that the claim asks for.',
          VolumeAttributesClass: 'The class of attributes that the claim asks for.',
        }),
        AGE,
        column('VolumeMode', { wide: true, description: 'Whether the claim asks for a file system or a raw device.' }),
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

/**
 * The old field for where the bytes come from knows claims and snapshots alone; what else stands there is ignored, as it always
 * was. Nothing comes from another namespace. Then both fields say the same.
 */
function withDataSources(spec: PersistentVolumeClaimSpec, old?: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  const { dataSource, dataSourceRef, ...rest } = spec;
  const foreign = (dataSourceRef?.namespace ?? '') !== '' && old?.dataSourceRef === undefined;
  const ref = foreign ? undefined : dataSourceRef;
  const keeps = old?.dataSource !== undefined || old?.dataSourceRef !== undefined || ref !== undefined;
  const source = keeps || isClaimOrSnapshot(dataSource) ? dataSource : undefined;
  return withBothSources({
    ...rest,
    ...(source === undefined ? {} : { dataSource: source }),
    ...(ref === undefined ? {} : { dataSourceRef: ref }),
  });
}

function isClaimOrSnapshot(source: TypedLocalObjectReference | undefined): boolean {
  const { kind = '', apiGroup = '' } = source ?? {};
  return (
    (kind === 'PersistentVolumeClaim' && apiGroup === '') ||
    (kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io')
  );
}

function withBothSources(spec: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource !== undefined && dataSourceRef === undefined) return { ...spec, dataSourceRef: dataSource };
  if (dataSourceRef === undefined || dataSource !== undefined || (dataSourceRef.namespace ?? '') !== '') return spec;
  const { namespace, ...source } = dataSourceRef;
  return { ...spec, dataSource: source };
}

function warningsOf({ metadata, spec }: PersistentVolumeClaim): string[] {
  return [
    ...(Object.hasOwn(metadata.annotations ?? {}, BETA_CLASS_ANNOTATION)
      ? [
          `metadata.annotations[${BETA_CLASS_ANNOTATION}]: deprecated since v1.8; use "storageClassName" attribute instead`,
        ]
      : []),
    ...fractions(spec.resources.requests, 'spec.resources.requests', ['storage']),
    ...fractions(spec.resources.limits, 'spec.resources.limits', ['storage']),
  ];
}

import type { ReplicaSet } from '../../../api/types/gen/apps-v1.ts';
import type { FieldError } from '../../../api/validation/field-error.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { containerCells, POD_COLUMNS, selectorCell } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { REPLICA_COLUMNS } from '../replicas.ts';
import {
  changedTemplateWarnings,
  podNameWarnings,
  statusCounters,
  templateWarnings,
  validateReplicaTemplate,
  validateWorkloadSelector,
  withoutDisabledFields,
} from './workload.ts';

export const replicaSetStrategy = defineStrategy<ReplicaSet>(
  { group: 'apps', version: 'v1', plural: 'replicasets' },
  {
    generation: ['spec'],
    initialStatus: () => ({ replicas: 0 }),
    prepareForCreate: set => withoutDisabledFields(set),
    prepareForUpdate: withoutDisabledFields,
    validate: set => validateReplicaSet(set, undefined),
    validateUpdate: (set, old) => [
      ...validateReplicaSet(set, old),
      ...immutable('spec.selector', set.spec.selector, old.spec.selector),
    ],
    warnings: set => [...podNameWarnings(set.metadata.name), ...templateWarnings(set)],
    warningsOnUpdate: changedTemplateWarnings,
    validateStatus: set =>
      statusCounters(
        set.status,
        [
          'replicas',
          'fullyLabeledReplicas',
          'readyReplicas',
          'availableReplicas',
          'observedGeneration',
          'terminatingReplicas',
        ],
        [
          ['fullyLabeledReplicas', 'replicas', 'cannot be greater than status.replicas'],
          ['readyReplicas', 'replicas', 'cannot be greater than status.replicas'],
          ['availableReplicas', 'replicas', 'cannot be greater than status.replicas'],
          ['availableReplicas', 'readyReplicas', 'cannot be greater than readyReplicas'],
        ],
      ),
    columns: {
      definitions: [...REPLICA_COLUMNS, ...POD_COLUMNS],
      cells: (set, now) => [
        set.metadata.name ?? '',
        set.spec.replicas ?? 0,
        set.status.replicas,
        set.status.readyReplicas ?? 0,
        ageCell(set, now),
        ...containerCells(set.spec.template.spec.containers),
        selectorCell(set.spec.selector),
      ],
    },
    fields: set => ({ 'status.replicas': String(set.status.replicas) }),
  },
);

function validateReplicaSet({ spec }: ReplicaSet, old: ReplicaSet | undefined): FieldError[] {
  return [
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    // Upstream's text says deployment here.
    ...validateWorkloadSelector(spec.selector, 'deployment'),
    ...validateReplicaTemplate(spec.selector, spec.template, old?.spec.template),
  ];
}

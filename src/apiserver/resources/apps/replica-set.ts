import type { ReplicaSet } from '../../../api/types/gen/apps-v1.ts';
import type { FieldError } from '../../../api/validation/field-error.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import {
  validateAlwaysRunning,
  validatePodTemplate,
  validateTemplateLabels,
} from '../../../api/validation/pod-template.ts';
import { column, containerCells, selectorCell } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { REPLICA_COLUMNS } from '../replicas.ts';
import { statusCounters, workloadSelector } from './workload.ts';

export const replicaSetStrategy = defineStrategy<ReplicaSet>(
  { group: 'apps', version: 'v1', plural: 'replicasets' },
  {
    generation: ['spec'],
    initialStatus: () => ({ replicas: 0 }),
    validate: validateReplicaSet,
    validateUpdate: (set, old) => [
      ...validateReplicaSet(set),
      ...immutable('spec.selector', set.spec.selector, old.spec.selector),
    ],
    validateStatus: set =>
      statusCounters(
        set.status,
        ['replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas', 'observedGeneration'],
        [
          ['fullyLabeledReplicas', 'replicas', 'cannot be greater than status.replicas'],
          ['readyReplicas', 'replicas', 'cannot be greater than status.replicas'],
          ['availableReplicas', 'replicas', 'cannot be greater than status.replicas'],
          ['availableReplicas', 'readyReplicas', 'cannot be greater than readyReplicas'],
        ],
      ),
    columns: {
      definitions: [
        ...REPLICA_COLUMNS,
        ...['Containers', 'Images', 'Selector'].map(name => column(name, { wide: true })),
      ],
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

function validateReplicaSet({ spec }: ReplicaSet): FieldError[] {
  // Upstream's text says deployment here.
  const selector = workloadSelector(spec.selector, 'deployment');
  return [
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...selector.errors,
    ...validateTemplateLabels(spec.template, selector.parsed, 'spec.template'),
    ...validatePodTemplate(spec.template, 'spec.template'),
    ...validateAlwaysRunning(spec.template, 'ReplicaSet', 'spec.template'),
  ];
}

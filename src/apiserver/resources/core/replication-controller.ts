import { LabelSelector } from '../../../api/selectors/label-selector.ts';
import type { ReplicationController } from '../../../api/types/gen/core-v1.ts';
import { type FieldError, required } from '../../../api/validation/field-error.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import {
  validateAlwaysRunning,
  validatePodTemplate,
  validateTemplateLabels,
} from '../../../api/validation/pod-template.ts';
import { column, containerCells, labelsCell } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { REPLICA_COLUMNS } from '../replicas.ts';

export const replicationControllerStrategy = defineStrategy<ReplicationController>(
  { group: '', version: 'v1', plural: 'replicationcontrollers' },
  {
    generation: ['spec'],
    initialStatus: () => ({ replicas: 0 }),
    validate: controller => {
      const { replicas, minReadySeconds, selector = {}, template } = controller.spec;
      const errors: FieldError[] = [...nonNegative('spec.minReadySeconds', minReadySeconds)];
      if (Object.keys(selector).length === 0) errors.push(required('spec.selector'));
      errors.push(...(replicas === undefined ? [required('spec.replicas')] : nonNegative('spec.replicas', replicas)));
      if (template === undefined) return [...errors, required('spec.template')];
      const wanted = new LabelSelector(
        Object.entries(selector).map(([key, value]) => ({ key, operator: '=', values: [value] })),
      );
      return [
        ...errors,
        ...validateTemplateLabels(template, wanted, 'spec.template'),
        ...validatePodTemplate(template, 'spec.template'),
        ...validateAlwaysRunning(template, 'ReplicationController', 'spec.template'),
      ];
    },
    columns: {
      definitions: [
        ...REPLICA_COLUMNS,
        ...['Containers', 'Images', 'Selector'].map(name => column(name, { wide: true })),
      ],
      cells: (controller, now) => [
        controller.metadata.name ?? '',
        controller.spec.replicas ?? 0,
        controller.status.replicas,
        controller.status.readyReplicas ?? 0,
        ageCell(controller, now),
        ...containerCells(controller.spec.template?.spec.containers ?? []),
        labelsCell(controller.spec.selector),
      ],
    },
    fields: controller => ({ 'status.replicas': String(controller.status.replicas) }),
  },
);

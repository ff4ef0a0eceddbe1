import { LabelSelector } from '../../../api/selectors/label-selector.ts';
import type { ReplicationController } from '../../../api/types/gen/core-v1.ts';
import { type FieldError, invalid, required } from '../../../api/validation/field-error.ts';
import { dns1123Label } from '../../../api/validation/names.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import {
  validateAlwaysRunning,
  validatePodTemplate,
  validateTemplateLabels,
} from '../../../api/validation/pod-template.ts';
import { podSpecWarnings } from '../../../api/validation/pod-warnings.ts';
import { containerCells, labelsCell, POD_COLUMNS } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { REPLICA_COLUMNS } from '../replicas.ts';
import { withoutDisabledTemplateFields } from './pod/disabled-fields.ts';

export const replicationControllerStrategy = defineStrategy<ReplicationController>(
  { group: '', version: 'v1', plural: 'replicationcontrollers' },
  {
    generation: ['spec'],
    dependents: 'orphan',
    initialStatus: () => ({ replicas: 0 }),
    prepareForCreate: controller => withoutDisabledFields(controller),
    prepareForUpdate: withoutDisabledFields,
    validate: controller => specErrors(controller),
    validateUpdate: specErrors,
    validateStatus: statusErrors,
    warnings: controller => [...nameWarnings(controller), ...templateWarnings(controller)],
    // Upstream looks at the template that was stored before.
    warningsOnUpdate: (controller, old) =>
      controller.metadata.generation === old.metadata.generation ? [] : templateWarnings(old),
    columns: {
      definitions: [...REPLICA_COLUMNS, ...POD_COLUMNS],
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

function withoutDisabledFields(controller: ReplicationController, old?: ReplicationController): ReplicationController {
  const { template } = controller.spec;
  if (template === undefined) return controller;
  const kept = withoutDisabledTemplateFields(template, old?.spec.template);
  return { ...controller, spec: { ...controller.spec, template: kept } };
}

function specErrors({ spec }: ReplicationController, old?: ReplicationController): FieldError[] {
  const { replicas, minReadySeconds, selector = {}, template } = spec;
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
    ...validatePodTemplate(template, 'spec.template', old?.spec.template),
    ...validateAlwaysRunning(template, 'ReplicationController', 'spec.template'),
  ];
}

const COUNTS = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'observedGeneration',
] as const;

function statusErrors({ status }: ReplicationController): FieldError[] {
  const { replicas, readyReplicas = 0, availableReplicas = 0 } = status;
  return [
    ...COUNTS.flatMap(name => nonNegative(`status.${name}`, status[name])),
    ...COUNTS.slice(1, 4).flatMap(name =>
      (status[name] ?? 0) > replicas
        ? [invalid(`status.${name}`, status[name] ?? 0, 'cannot be greater than status.replicas')]
        : [],
    ),
    ...(availableReplicas > readyReplicas
      ? [invalid('status.availableReplicas', availableReplicas, 'cannot be greater than readyReplicas')]
      : []),
  ];
}

function nameWarnings({ metadata }: ReplicationController): string[] {
  const reasons = dns1123Label(metadata.name ?? '');
  if (reasons.length === 0) return [];
  return [
    `metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [${reasons.join(' ')}]`,
  ];
}

function templateWarnings({ spec: { template } }: ReplicationController): string[] {
  return template === undefined ? [] : podSpecWarnings(template.spec, template.metadata, 'spec.template');
}

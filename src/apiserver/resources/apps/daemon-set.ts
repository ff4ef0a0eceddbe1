import type { DaemonSet, DaemonSetUpdateStrategy } from '../../../api/types/gen/apps-v1.ts';
import { type FieldError, invalid, notSupported, required } from '../../../api/validation/field-error.ts';
import { atMostWhole, numberIn, validateIntOrPercent } from '../../../api/validation/int-or-percent.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import {
  validateAlwaysRunning,
  validatePodTemplate,
  validateTemplateLabels,
} from '../../../api/validation/pod-template.ts';
import { AGE, column, containerCells, labelsCell, NAME, selectorCell } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { collisionCount, statusCounters, workloadSelector } from './workload.ts';

export const daemonSetStrategy = defineStrategy<DaemonSet>(
  { group: 'apps', version: 'v1', plural: 'daemonsets' },
  {
    generation: ['spec'],
    initialStatus: () => ({
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    }),
    validate: validateDaemonSet,
    validateUpdate: (set, old) => [
      ...immutable('spec.selector', set.spec.selector, old.spec.selector),
      ...validateDaemonSet(set),
    ],
    validateStatus: (set, old) => [
      ...statusCounters(
        set.status,
        [
          'currentNumberScheduled',
          'numberMisscheduled',
          'desiredNumberScheduled',
          'numberReady',
          'observedGeneration',
          'updatedNumberScheduled',
          'numberAvailable',
          'numberUnavailable',
        ],
        [],
      ),
      ...collisionCount(set.status, old.status),
    ],
    columns: {
      definitions: [
        NAME,
        ...['Desired', 'Current', 'Ready', 'Up-to-date', 'Available'].map(name => column(name, { type: 'integer' })),
        column('Node Selector'),
        AGE,
        ...['Containers', 'Images', 'Selector'].map(name => column(name, { wide: true })),
      ],
      cells: (set, now) => [
        set.metadata.name ?? '',
        set.status.desiredNumberScheduled,
        set.status.currentNumberScheduled,
        set.status.numberReady,
        set.status.updatedNumberScheduled ?? 0,
        set.status.numberAvailable ?? 0,
        labelsCell(set.spec.template.spec.nodeSelector),
        ageCell(set, now),
        ...containerCells(set.spec.template.spec.containers),
        selectorCell(set.spec.selector),
      ],
    },
  },
);

function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
  const selector = workloadSelector(spec.selector, 'daemonset');
  return [
    ...selector.errors,
    ...validateTemplateLabels(spec.template, selector.parsed, 'spec.template'),
    ...validatePodTemplate(spec.template, 'spec.template'),
    ...validateAlwaysRunning(spec.template, 'DaemonSet', 'spec.template'),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...strategyErrors(spec.updateStrategy),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
  ];
}

function strategyErrors(strategy: DaemonSetUpdateStrategy): FieldError[] {
  const at = 'spec.updateStrategy.rollingUpdate';
  if (strategy.type === 'OnDelete') return [];
  if (strategy.type !== 'RollingUpdate')
    return [notSupported('spec.updateStrategy', strategy, ['RollingUpdate', 'OnDelete'])];
  if (strategy.rollingUpdate === undefined) return [required(at)];
  const { maxUnavailable = 0, maxSurge = 0 } = strategy.rollingUpdate;
  const unavailable = numberIn(maxUnavailable);
  const surge = numberIn(maxSurge);
  const errors = [
    ...validateIntOrPercent(maxUnavailable, `${at}.maxUnavailable`),
    ...atMostWhole(maxUnavailable, `${at}.maxUnavailable`),
    ...validateIntOrPercent(maxSurge, `${at}.maxSurge`),
    ...atMostWhole(maxSurge, `${at}.maxSurge`),
  ];
  if (unavailable !== 0 && surge !== 0)
    errors.push(invalid(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  if (unavailable === 0 && surge === 0) errors.push(required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  return errors;
}

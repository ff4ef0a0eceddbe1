import { equalAs } from '../../../api/semantic-equal.ts';
import type { DaemonSet, DaemonSetUpdateStrategy } from '../../../api/types/gen/apps-v1.ts';
import { type FieldError, invalid, notSupported, required } from '../../../api/validation/field-error.ts';
import { atMostWhole, numberIn, validateIntOrPercent } from '../../../api/validation/int-or-percent.ts';
import { isEmptySelector, validateLabelSelector } from '../../../api/validation/label-selector.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { validateAlwaysRunning, validatePodTemplate } from '../../../api/validation/pod-template.ts';
import { AGE, column, columns, containerCells, labelsCell, NAME, POD_COLUMNS, selectorCell } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import {
  collisionCount,
  mayKeepSelectorValues,
  readSelector,
  selectedErrors,
  statusCounters,
  templateWarnings,
  withoutDisabledFields,
} from './workload.ts';

/** Counts the changes of the template. Upstream keeps the field of an older version of the API in this annotation. */
const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';

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
    prepareForCreate: set => withTemplateGeneration(withoutDisabledFields(set), Math.max(templateGeneration(set), 1)),
    prepareForUpdate: (sent, old) => {
      const set = withoutDisabledFields(sent, old);
      const changed = !equalAs('core/v1.PodTemplateSpec', set.spec.template, old.spec.template);
      return withTemplateGeneration(set, templateGeneration(old) + (changed ? 1 : 0));
    },
    prepareStatus: (set, old) => withTemplateGeneration(set, templateGeneration(old)),
    validate: set => validateDaemonSet(set, undefined),
    validateUpdate: (set, old) => [
      ...immutable('spec.selector', set.spec.selector, old.spec.selector),
      ...validateDaemonSet(set, old),
    ],
    warnings: templateWarnings,
    warningsOnUpdate: (set, old) => (templateGeneration(set) === templateGeneration(old) ? [] : templateWarnings(set)),
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
          'collisionCount',
        ],
        [],
      ),
      ...collisionCount(set.status, old.status),
    ],
    columns: {
      definitions: [
        NAME,
        ...columns(
          {
            Desired: 'On how many nodes a pod is to run.',
            Current: 'On how many of them one runs.',
            Ready: 'On how many of them it is ready.',
            'Up-to-date': 'On how many of them it was made from the template as it is now.',
            Available: 'On how many of them it has been ready for minReadySeconds.',
          },
          { type: 'integer' },
        ),
        column('Node Selector', { description: 'The labels of the nodes that pods run on.' }),
        AGE,
        ...POD_COLUMNS,
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

function templateGeneration(set: DaemonSet): number {
  const text = set.metadata.annotations?.[TEMPLATE_GENERATION] ?? '';
  return /^[+-]?[0-9]+$/.test(text) ? Number(text) : 0;
}

function withTemplateGeneration(set: DaemonSet, generation: number): DaemonSet {
  const annotations = { ...set.metadata.annotations, [TEMPLATE_GENERATION]: String(generation) };
  return { ...set, metadata: { ...set.metadata, annotations } };
}

function validateDaemonSet({ spec }: DaemonSet, old: DaemonSet | undefined): FieldError[] {
  const { selector, template } = spec;
  const parsed = readSelector(selector);
  const anyValue = mayKeepSelectorValues(old);
  return [
    ...validateLabelSelector(selector, 'spec.selector', { anyValue }),
    ...(parsed === 'unreadable' ? [] : selectedErrors(template, parsed)),
    ...(selector !== undefined && isEmptySelector(selector)
      ? [invalid('spec.selector', selector, 'empty selector is invalid for daemonset')]
      : []),
    ...validatePodTemplate(spec.template, 'spec.template', old?.spec.template),
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
    ...validateIntOrPercent(maxSurge, `${at}.maxSurge`),
    ...atMostWhole(maxUnavailable, `${at}.maxUnavailable`),
    ...atMostWhole(maxSurge, `${at}.maxSurge`),
  ];
  if (unavailable !== 0 && surge !== 0)
    errors.push(invalid(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  if (unavailable === 0 && surge === 0) errors.push(required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  return errors;
}

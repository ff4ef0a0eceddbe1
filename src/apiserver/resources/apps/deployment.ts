import type { Deployment, DeploymentStrategy } from '../../../api/types/gen/apps-v1.ts';
import { type FieldError, forbidden, invalid, notSupported, required } from '../../../api/validation/field-error.ts';
import { atMostWhole, numberIn, validateIntOrPercent } from '../../../api/validation/int-or-percent.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { AGE, columns, containerCells, NAME, POD_COLUMNS, selectorText } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import {
  changedTemplateWarnings,
  collisionCount,
  podNameWarnings,
  statusCounters,
  templateWarnings,
  validateReplicaTemplate,
  validateWorkloadSelector,
  withoutDisabledFields,
} from './workload.ts';

export const deploymentStrategy = defineStrategy<Deployment>(
  { group: 'apps', version: 'v1', plural: 'deployments' },
  {
    generation: ['spec'],
    // Annotations are copied to the replica sets, so that their change is work for the controller.
    countsAnnotations: true,
    prepareForCreate: deployment => withoutDisabledFields(deployment),
    prepareForUpdate: withoutDisabledFields,
    validate: deployment => validateDeployment(deployment, undefined),
    validateUpdate: (deployment, old) => [
      ...validateDeployment(deployment, old),
      ...immutable('spec.selector', deployment.spec.selector, old.spec.selector),
    ],
    warnings: deployment => [...podNameWarnings(deployment.metadata.name), ...templateWarnings(deployment)],
    warningsOnUpdate: changedTemplateWarnings,
    prepareStatus: (deployment, old) => ({
      ...deployment,
      metadata: { ...deployment.metadata, labels: old.metadata.labels },
    }),
    statusFieldResets: ['spec', 'metadata.labels'],
    validateStatus: ({ status }, old) => [
      ...statusCounters(
        status,
        [
          'observedGeneration',
          'replicas',
          'updatedReplicas',
          'readyReplicas',
          'availableReplicas',
          'unavailableReplicas',
          'terminatingReplicas',
          'collisionCount',
        ],
        [
          ['updatedReplicas', 'replicas', 'cannot be greater than status.replicas'],
          ['readyReplicas', 'replicas', 'cannot be greater than status.replicas'],
          ['availableReplicas', 'replicas', 'cannot be greater than status.replicas'],
          ['availableReplicas', 'readyReplicas', 'cannot be greater than readyReplicas'],
        ],
      ),
      ...collisionCount(status, old.status),
    ],
    columns: {
      definitions: [
        NAME,
        ...columns({
          Ready: 'How many pods are ready, of how many there are to be.',
          'Up-to-date': 'How many pods were made from the template as it is now.',
          Available: 'How many pods have been ready for minReadySeconds.',
        }),
        AGE,
        ...POD_COLUMNS,
      ],
      cells: (deployment, now) => [
        deployment.metadata.name ?? '',
        `${deployment.status.readyReplicas ?? 0}/${deployment.spec.replicas ?? 0}`,
        deployment.status.updatedReplicas ?? 0,
        deployment.status.availableReplicas ?? 0,
        ageCell(deployment, now),
        ...containerCells(deployment.spec.template.spec.containers),
        selectorText(deployment.spec.selector) ?? '<invalid>',
      ],
    },
  },
);

function validateDeployment({ spec }: Deployment, old: Deployment | undefined): FieldError[] {
  const errors = [
    ...nonNegative('spec.replicas', spec.replicas),
    ...validateWorkloadSelector(spec.selector, 'deployment'),
    ...validateReplicaTemplate(spec.selector, spec.template, old?.spec.template),
    ...strategyErrors(spec.strategy),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
    ...nonNegative('spec.progressDeadlineSeconds', spec.progressDeadlineSeconds),
  ];
  const deadline = spec.progressDeadlineSeconds;
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0))
    errors.push(invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds'));
  return errors;
}

function strategyErrors(strategy: DeploymentStrategy): FieldError[] {
  const at = 'spec.strategy.rollingUpdate';
  const rolling = strategy.rollingUpdate;
  switch (strategy.type) {
    case 'Recreate':
      return rolling === undefined ? [] : [forbidden(at, "may not be specified when strategy `type` is 'Recreate'")];
    case 'RollingUpdate': {
      if (rolling === undefined) return [required(at, 'this should be defaulted and never be nil')];
      const { maxUnavailable = 0, maxSurge = 0 } = rolling;
      const none = numberIn(maxUnavailable) === 0 && numberIn(maxSurge) === 0;
      return [
        ...validateIntOrPercent(maxUnavailable, `${at}.maxUnavailable`),
        ...validateIntOrPercent(maxSurge, `${at}.maxSurge`),
        ...(none ? [invalid(`${at}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0')] : []),
        ...atMostWhole(maxUnavailable, `${at}.maxUnavailable`),
      ];
    }
    default:
      return [notSupported('spec.strategy', strategy, ['Recreate', 'RollingUpdate'])];
  }
}

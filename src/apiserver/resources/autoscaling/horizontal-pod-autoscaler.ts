import { withoutRoundTripAnnotations } from '../../../api/conversion/autoscaling-v1.ts';
import { withResourceDefaults } from '../../../api/defaults/resources.ts';
import { parseQuantity } from '../../../api/quantity.ts';
import { findResource } from '../../../api/schema/resources/registry.ts';
import type { ApiResource } from '../../../api/schema/resources/resource.ts';
import type {
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricSpec,
  MetricStatus,
} from '../../../api/types/gen/autoscaling-v2.ts';
import {
  addErrors,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from '../../../api/validation/field-error.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import { AGE, columns, firstOf, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import type { ResourceStrategy } from '../strategy.ts';
import {
  type ApiVersionRule,
  apiVersionProblem,
  METRIC_SOURCES,
  validateMetric,
  validateObjectReference,
} from './metric-rules.ts';

type Autoscaler = HorizontalPodAutoscaler;

const MAX_WINDOW_SECONDS = 3600;
const MAX_PERIOD_SECONDS = 1800;

const RESOURCE = resourceOf('v2');

export const horizontalPodAutoscalerStrategy = defineStrategy<Autoscaler>(RESOURCE, {
  initialStatus: () => ({ desiredReplicas: 0, currentMetrics: [] }),
  validate: autoscaler => validateAutoscaler(autoscaler, undefined),
  validateUpdate: validateAutoscaler,
  // what came as autoscaling/v1 has the defaults of v1 alone
  canonicalize: autoscaler =>
    withResourceDefaults(RESOURCE, { ...autoscaler, metadata: withoutRoundTripAnnotations(autoscaler.metadata) }),
  validateStatus: ({ status }) => [
    ...nonNegative('status.currentReplicas', status.currentReplicas),
    ...nonNegative('status.desiredReplicas', status.desiredReplicas),
  ],
  columns: {
    definitions: [
      NAME,
      ...columns({
        Reference: 'The workload that is scaled.',
        Targets: 'The metrics, each with what was measured and what is aimed at.',
        MinPods: 'How many pods there are at least.',
        MaxPods: 'How many pods there are at most.',
        Replicas: 'How many pods there are.',
      }),
      AGE,
    ],
    cells: (autoscaler, now) => {
      const { spec, status } = autoscaler;
      const targets = (spec.metrics ?? []).map((metric, i) => targetCell(metric, status.currentMetrics[i]));
      return [
        autoscaler.metadata.name ?? '',
        `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`,
        targets.length === 0 ? '<none>' : firstOf(targets, 2, ', '),
        spec.minReplicas === undefined ? '<unset>' : String(spec.minReplicas),
        spec.maxReplicas,
        status.currentReplicas ?? 0,
        ageCell(autoscaler, now),
      ];
    },
  },
});

/** autoscaling/v1 is another view of the same objects: the rules run over the stored form. */
export const autoscalerV1Strategy: ResourceStrategy<Autoscaler> = {
  ...horizontalPodAutoscalerStrategy,
  resource: resourceOf('v1'),
};

function resourceOf(version: string): ApiResource {
  const resource = findResource('autoscaling', version, 'horizontalpodautoscalers');
  if (resource === undefined) throw new Error(`autoscaling/${version} is not in the registry`);
  return resource;
}

function validateAutoscaler({ spec }: Autoscaler, old: Autoscaler | undefined): FieldError[] {
  const { minReplicas, maxReplicas, scaleTargetRef: ref, metrics = [], behavior } = spec;
  const errors: FieldError[] = [];
  // To scale to nothing is behind a gate upstream (HPAScaleToZero); what does so already may.
  const least = old?.spec.minReplicas === 0 ? 0 : 1;
  if (minReplicas !== undefined && minReplicas < least)
    errors.push(invalid('spec.minReplicas', minReplicas, `must be greater than or equal to ${least}`));
  if (maxReplicas === 0) errors.push(required('spec.maxReplicas', 'must be set and greater than 0'));
  else if (maxReplicas < 1) errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to 1'));
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
  errors.push(...validateObjectReference(ref, targetRule(ref, old), 'spec.scaleTargetRef'));
  const rule = objectRule(old);
  for (const [index, metric] of metrics.entries())
    addErrors(errors, validateMetric(metric, rule, `spec.metrics[${index}]`));
  if (minReplicas === 0 && !metrics.some(({ type }) => type === 'Object' || type === 'External'))
    errors.push(
      forbidden(
        'spec.metrics',
        'must specify at least one Object or External metric to support scaling to zero replicas',
      ),
    );
  for (const side of ['scaleUp', 'scaleDown'] as const) {
    const rules = behavior?.[side];
    if (rules !== undefined) addErrors(errors, scalingErrors(rules, `spec.behavior.${side}`));
  }
  return errors;
}

/** What is scaled has a group, but for replication controllers; what was let in before may stay. */
function targetRule(ref: Autoscaler['spec']['scaleTargetRef'], old: Autoscaler | undefined): ApiVersionRule {
  const before = old?.spec.scaleTargetRef;
  if (before !== undefined && (before.apiVersion ?? '') === (ref.apiVersion ?? '') && before.kind === ref.kind)
    return 'any';
  return ref.kind === 'ReplicationController' ? 'group or core' : 'group';
}

function objectRule(old: Autoscaler | undefined): ApiVersionRule {
  const wrongBefore = (old?.spec.metrics ?? []).some(
    ({ type, object }) =>
      type === 'Object' &&
      object !== undefined &&
      apiVersionProblem(object.describedObject.apiVersion ?? '', 'group or core') !== undefined,
  );
  return wrongBefore ? 'any' : 'group or core';
}

function scalingErrors(rules: HPAScalingRules, path: string): FieldError[] {
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [], tolerance } = rules;
  const errors: FieldError[] = [];
  const windowAt = `${path}.stabilizationWindowSeconds`;
  if (window !== undefined && window < 0)
    errors.push(invalid(windowAt, window, 'must be greater than or equal to zero'));
  if (window !== undefined && window > MAX_WINDOW_SECONDS)
    errors.push(invalid(windowAt, window, `must be less than or equal to ${MAX_WINDOW_SECONDS}`));
  const selects = ['Disabled', 'Max', 'Min'];
  if (selectPolicy !== undefined && !selects.includes(selectPolicy))
    errors.push(notSupported(`${path}.selectPolicy`, selectPolicy, selects));
  if (policies.length === 0) errors.push(required(`${path}.policies`, 'must specify at least one Policy'));
  for (const [index, policy] of policies.entries()) {
    const at = `${path}.policies[${index}]`;
    if (policy.type !== 'Pods' && policy.type !== 'Percent')
      errors.push(notSupported(`${at}.type`, policy.type, ['Percent', 'Pods']));
    if (policy.value <= 0) errors.push(invalid(`${at}.value`, policy.value, 'must be greater than zero'));
    if (policy.periodSeconds <= 0)
      errors.push(invalid(`${at}.periodSeconds`, policy.periodSeconds, 'must be greater than zero'));
    if (policy.periodSeconds > MAX_PERIOD_SECONDS)
      errors.push(
        invalid(`${at}.periodSeconds`, policy.periodSeconds, `must be less than or equal to ${MAX_PERIOD_SECONDS}`),
      );
  }
  if (tolerance !== undefined && parseQuantity(tolerance).nano < 0n)
    errors.push(invalid(`${path}.tolerance`, tolerance, 'must be greater than or equal to 0'));
  return errors;
}

function targetCell(metric: MetricSpec, status: MetricStatus | undefined): string {
  const name = Object.entries(METRIC_SOURCES).find(([kind]) => kind === metric.type)?.[1];
  const target = name === undefined ? undefined : metric[name]?.target;
  if (name === undefined || target === undefined) return '<unknown type>';
  const current = status?.[name]?.current;
  if (name === 'resource' || name === 'containerResource') {
    const label = metric[name]?.name ?? '';
    if (target.averageValue !== undefined)
      return `${label}: ${current === undefined ? '<unknown>' : (current.averageValue ?? '<nil>')}/${target.averageValue}`;
    const used = current?.averageUtilization === undefined ? '<unknown>' : `${current.averageUtilization}%`;
    const wanted = target.averageUtilization === undefined ? '<auto>' : `${target.averageUtilization}%`;
    return `${label}: ${used}/${wanted}`;
  }
  // What is measured and has no number of the kind that is asked for is Go's word for nothing.
  if (name === 'pods') return `${measured(current, 'averageValue')}/${target.averageValue ?? '<nil>'}`;
  if (target.averageValue === undefined) return `${measured(current, 'value')}/${target.value ?? '<nil>'}`;
  return `${current?.averageValue ?? '<unknown>'}/${target.averageValue} (avg)`;
}

function measured(
  current: { readonly value?: string | undefined; readonly averageValue?: string | undefined } | undefined,
  name: 'value' | 'averageValue',
): string {
  return current === undefined ? '<unknown>' : (current[name] ?? '<nil>');
}

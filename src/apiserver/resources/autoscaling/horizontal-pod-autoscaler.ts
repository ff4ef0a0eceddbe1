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
  MetricTarget,
} from '../../../api/types/gen/autoscaling-v2.ts';
import {
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  required,
} from '../../../api/validation/field-error.ts';
import { pathSegmentName } from '../../../api/validation/names.ts';
import { AGE, column, firstOf, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import type { ResourceStrategy } from '../strategy.ts';

const SOURCES = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const;

const RESOURCE = resourceOf('v2');

export const horizontalPodAutoscalerStrategy = defineStrategy<HorizontalPodAutoscaler>(RESOURCE, {
  initialStatus: () => ({ desiredReplicas: 0, currentMetrics: [] }),
  validate: validateAutoscaler,
  // what came as autoscaling/v1 has the defaults of v1 alone
  canonicalize: autoscaler =>
    withResourceDefaults(RESOURCE, { ...autoscaler, metadata: withoutRoundTripAnnotations(autoscaler.metadata) }),
  columns: {
    definitions: [NAME, ...['Reference', 'Targets', 'MinPods', 'MaxPods', 'Replicas'].map(name => column(name)), AGE],
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
export const autoscalerV1Strategy: ResourceStrategy<HorizontalPodAutoscaler> = {
  ...horizontalPodAutoscalerStrategy,
  resource: resourceOf('v1'),
};

function resourceOf(version: string): ApiResource {
  const resource = findResource('autoscaling', version, 'horizontalpodautoscalers');
  if (resource === undefined) throw new Error(`autoscaling/${version} is not in the registry`);
  return resource;
}

function validateAutoscaler({ spec }: HorizontalPodAutoscaler): FieldError[] {
  const { minReplicas, maxReplicas, scaleTargetRef: ref, metrics = [], behavior } = spec;
  const errors: FieldError[] = [];
  if (minReplicas !== undefined && minReplicas < 1)
    errors.push(invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'));
  if (maxReplicas === 0) errors.push(required('spec.maxReplicas', 'must be set and greater than 0'));
  else if (maxReplicas < 1) errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to 1'));
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
  for (const field of ['kind', 'name'] as const) {
    const at = `spec.scaleTargetRef.${field}`;
    errors.push(...(ref[field] === '' ? [required(at)] : invalidFor(at, ref[field], pathSegmentName(ref[field]))));
  }
  for (const [index, metric] of metrics.entries()) errors.push(...metricErrors(metric, `spec.metrics[${index}]`));
  for (const side of ['scaleUp', 'scaleDown'] as const) {
    const rules = behavior?.[side];
    if (rules !== undefined) errors.push(...scalingErrors(rules, `spec.behavior.${side}`));
  }
  return errors;
}

function metricErrors(metric: MetricSpec, path: string): FieldError[] {
  const { type } = metric;
  const known = Object.entries(SOURCES);
  if (type === '') return [required(`${path}.type`, 'must specify a metric source type')];
  const name = known.find(([kind]) => kind === type)?.[1];
  if (name === undefined)
    return [
      notSupported(
        `${path}.type`,
        type,
        known.map(([kind]) => kind),
      ),
    ];
  const errors = known
    .filter(([, other]) => other !== name && metric[other] !== undefined)
    .map(([, other]) => forbidden(`${path}.${other}`, 'must populate the given metric source only'));
  const source = metric[name];
  if (source === undefined)
    return [...errors, required(`${path}.${name}`, 'must populate information for the given metric source')];
  return [...errors, ...targetErrors(source.target, type, `${path}.${name}.target`)];
}

function targetErrors(target: MetricTarget, type: string, path: string): FieldError[] {
  const { value, averageValue, averageUtilization } = target;
  const errors: FieldError[] = [];
  if (target.type === '') errors.push(required(`${path}.type`, 'must specify a metric target type'));
  else if (!['Utilization', 'Value', 'AverageValue'].includes(target.type))
    errors.push(invalid(`${path}.type`, target.type, 'must be either Utilization, Value, or AverageValue'));
  for (const [name, amount] of [
    ['value', value],
    ['averageValue', averageValue],
  ] as const)
    if (amount !== undefined && parseQuantity(amount).nano <= 0n)
      errors.push(invalid(`${path}.${name}`, amount, 'must be positive'));
  if (averageUtilization !== undefined && averageUtilization < 1)
    errors.push(invalid(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0'));
  if (type === 'Resource' || type === 'ContainerResource') {
    if (averageUtilization === undefined && averageValue === undefined)
      errors.push(required(`${path}.averageUtilization`, 'must set either a target raw value or a target utilization'));
    if (averageUtilization !== undefined && averageValue !== undefined)
      errors.push(forbidden(`${path}.averageValue`, 'may not set both a target raw value and a target utilization'));
  } else if (type === 'Pods') {
    if (averageValue === undefined)
      errors.push(required(`${path}.averageValue`, 'must specify a positive target averageValue'));
  } else if (value === undefined && averageValue === undefined) {
    const detail =
      type === 'Object'
        ? 'must set either a target value or averageValue'
        : 'must set either a target value for metric or a per-pod target';
    errors.push(required(`${path}.averageValue`, detail));
  }
  return errors;
}

function scalingErrors(rules: HPAScalingRules, path: string): FieldError[] {
  const window = rules.stabilizationWindowSeconds;
  const errors: FieldError[] = [];
  if (window !== undefined && window < 0)
    errors.push(invalid(`${path}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero'));
  if (window !== undefined && window > 3600)
    errors.push(invalid(`${path}.stabilizationWindowSeconds`, window, 'must be less than or equal to 3600'));
  const selects = ['Disabled', 'Max', 'Min'];
  if (rules.selectPolicy !== undefined && !selects.includes(rules.selectPolicy))
    errors.push(notSupported(`${path}.selectPolicy`, rules.selectPolicy, selects));
  const policies = rules.policies ?? [];
  if (policies.length === 0) errors.push(required(`${path}.policies`, 'must specify at least one Policy'));
  for (const [index, policy] of policies.entries()) {
    const at = `${path}.policies[${index}]`;
    if (policy.type !== 'Pods' && policy.type !== 'Percent')
      errors.push(notSupported(`${at}.type`, policy.type, ['Percent', 'Pods']));
    if (policy.value <= 0) errors.push(invalid(`${at}.value`, policy.value, 'must be greater than zero'));
    if (policy.periodSeconds <= 0)
      errors.push(invalid(`${at}.periodSeconds`, policy.periodSeconds, 'must be greater than zero'));
    if (policy.periodSeconds > 1800)
      errors.push(invalid(`${at}.periodSeconds`, policy.periodSeconds, 'must be less than or equal to 1800'));
  }
  return errors;
}

function targetCell(metric: MetricSpec, status: MetricStatus | undefined): string {
  const name = Object.entries(SOURCES).find(([kind]) => kind === metric.type)?.[1];
  const target = name === undefined ? undefined : metric[name]?.target;
  if (name === undefined || target === undefined) return '<unknown type>';
  const current = status?.[name]?.current;
  if (name === 'resource' || name === 'containerResource') {
    const label = metric[name]?.name ?? '';
    if (target.averageValue !== undefined)
      return `${label}: ${current?.averageValue ?? '<unknown>'}/${target.averageValue}`;
    const used = current?.averageUtilization === undefined ? '<unknown>' : `${current.averageUtilization}%`;
    const wanted = target.averageUtilization === undefined ? '<auto>' : `${target.averageUtilization}%`;
    return `${label}: ${used}/${wanted}`;
  }
  if (target.averageValue === undefined) return `${current?.value ?? '<unknown>'}/${target.value ?? ''}`;
  const text = `${current?.averageValue ?? '<unknown>'}/${target.averageValue}`;
  return name === 'pods' ? text : `${text} (avg)`;
}

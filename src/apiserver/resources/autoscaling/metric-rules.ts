import { parseQuantity } from '../../../api/quantity.ts';
import type {
  CrossVersionObjectReference,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from '../../../api/types/gen/autoscaling-v2.ts';
import {
  addErrors,
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  required,
} from '../../../api/validation/field-error.ts';
import { dns1123Label, pathSegmentName } from '../../../api/validation/names.ts';
import { limitResourceName } from '../../../api/validation/resource-names.ts';

/** The types of a metric with the field that holds each. */
export const METRIC_SOURCES = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const;
const TYPES = Object.keys(METRIC_SOURCES);
/** Of several sources that are given by mistake the first is looked at. */
const ORDER = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;

/** What an apiVersion must be. */
export type ApiVersionRule = 'any' | 'group' | 'group or core';

/** Something that is named by kind, name and apiVersion. */
export function validateObjectReference(
  { kind, name, apiVersion = '' }: CrossVersionObjectReference,
  rule: ApiVersionRule,
  path: string,
): FieldError[] {
  const segment = (value: string, at: string): FieldError[] =>
    value === '' ? [required(at)] : invalidFor(at, value, pathSegmentName(value));
  const problem = apiVersionProblem(apiVersion, rule);
  return [
    ...segment(kind, `${path}.kind`),
    ...segment(name, `${path}.name`),
    ...(problem === undefined ? [] : [invalid(`${path}.apiVersion`, apiVersion, problem)]),
  ];
}

/** What is wrong with an apiVersion; undefined where nothing is. */
export function apiVersionProblem(apiVersion: string, rule: ApiVersionRule): string | undefined {
  if (rule === 'any') return undefined;
  if (apiVersion.split('/').length > 2) return `unexpected GroupVersion string: ${apiVersion}`;
  const named = apiVersion.includes('/') && !apiVersion.startsWith('/');
  return rule === 'group' && !named ? 'apiVersion must specify API group' : undefined;
}

/** One metric. `rule` is what the apiVersion of an object that is measured must be. */
export function validateMetric(metric: MetricSpec, rule: ApiVersionRule, path: string): FieldError[] {
  const { type } = metric;
  const errors: FieldError[] = [];
  if (type === '') errors.push(required(`${path}.type`, 'must specify a metric source type'));
  const known = Object.entries(METRIC_SOURCES).find(([name]) => name === type)?.[1];
  if (known === undefined) errors.push(notSupported(`${path}.type`, type, TYPES));
  const given = ORDER.filter(name => metric[name] !== undefined);
  const [first] = given;
  if (first !== undefined) addErrors(errors, sourceErrors(metric, first, rule, `${path}.${first}`));
  // Upstream asks twice.
  if (known === undefined) errors.push(notSupported(`${path}.type`, type, TYPES));
  else if (metric[known] === undefined)
    errors.push(required(`${path}.${known}`, 'must populate information for the given metric source'));
  if (given.length !== 1)
    for (const name of given)
      if (name !== known) errors.push(forbidden(`${path}.${name}`, 'must populate the given metric source only'));
  return errors;
}

function sourceErrors(
  metric: MetricSpec,
  name: (typeof ORDER)[number],
  rule: ApiVersionRule,
  path: string,
): FieldError[] {
  const { object, external, pods, resource, containerResource } = metric;
  switch (name) {
    case 'object':
      if (object === undefined) return [];
      return [
        ...validateObjectReference(object.describedObject, rule, `${path}.describedObject`),
        ...identifierErrors(object.metric, `${path}.metric`),
        ...targetErrors(object.target, `${path}.target`),
        ...someValue(object.target, 'must set either a target value or averageValue', path),
      ];
    case 'external':
      if (external === undefined) return [];
      return [
        ...identifierErrors(external.metric, `${path}.metric`),
        ...targetErrors(external.target, `${path}.target`),
        ...someValue(external.target, 'must set either a target value for metric or a per-pod target', path),
        ...(external.target.value !== undefined && external.target.averageValue !== undefined
          ? [forbidden(`${path}.target.value`, 'may not set both a target value for metric and a per-pod target')]
          : []),
      ];
    case 'pods':
      if (pods === undefined) return [];
      return [
        ...identifierErrors(pods.metric, `${path}.metric`),
        ...targetErrors(pods.target, `${path}.target`),
        ...(pods.target.averageValue === undefined
          ? [required(`${path}.target.averageValue`, 'must specify a positive target averageValue')]
          : []),
      ];
    case 'resource':
      if (resource === undefined) return [];
      return [
        ...(resource.name === '' ? [required(`${path}.name`, 'must specify a resource name')] : []),
        ...targetErrors(resource.target, `${path}.target`),
        ...oneUtilization(resource.target, `${path}.target`),
      ];
    case 'containerResource': {
      if (containerResource === undefined) return [];
      const { name: of, container, target } = containerResource;
      return [
        ...(of === ''
          ? [required(`${path}.name`, 'must specify a resource name')]
          : limitResourceName('Container', of, `${path}.name`)),
        ...(container === ''
          ? [required(`${path}.container`, 'must specify a container')]
          : invalidFor(`${path}.container`, container, dns1123Label(container))),
        ...targetErrors(target, `${path}.target`),
        ...oneUtilization(target, `${path}.target`),
      ];
    }
  }
}

function someValue({ value, averageValue }: MetricTarget, detail: string, path: string): FieldError[] {
  return value === undefined && averageValue === undefined ? [required(`${path}.target.averageValue`, detail)] : [];
}

function oneUtilization({ averageUtilization, averageValue }: MetricTarget, path: string): FieldError[] {
  if (averageUtilization === undefined && averageValue === undefined)
    return [required(`${path}.averageUtilization`, 'must set either a target raw value or a target utilization')];
  return averageUtilization !== undefined && averageValue !== undefined
    ? [forbidden(`${path}.averageValue`, 'may not set both a target raw value and a target utilization')]
    : [];
}

function identifierErrors({ name }: MetricIdentifier, path: string): FieldError[] {
  return name === ''
    ? [required(`${path}.name`, 'must specify a metric name')]
    : invalidFor(`${path}.name`, name, pathSegmentName(name));
}

function targetErrors(target: MetricTarget, path: string): FieldError[] {
  const { averageUtilization } = target;
  const errors: FieldError[] = [];
  if (target.type === '') errors.push(required(`${path}.type`, 'must specify a metric target type'));
  if (!['Utilization', 'Value', 'AverageValue'].includes(target.type))
    errors.push(invalid(`${path}.type`, target.type, 'must be either Utilization, Value, or AverageValue'));
  for (const name of ['value', 'averageValue'] as const) {
    const amount = target[name];
    if (amount !== undefined && parseQuantity(amount).nano <= 0n)
      errors.push(invalid(`${path}.${name}`, amount, 'must be positive'));
  }
  if (averageUtilization !== undefined && averageUtilization < 1)
    errors.push(invalid(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0'));
  return errors;
}

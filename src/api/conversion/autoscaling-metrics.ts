import { parseQuantity } from '../quantity.ts';
import type { MetricSpec as MetricSpecV1, MetricStatus as MetricStatusV1 } from '../types/gen/autoscaling-v1.ts';
import type { MetricIdentifier, MetricSpec, MetricStatus, MetricTarget } from '../types/gen/autoscaling-v2.ts';
import type { LabelSelector } from '../types/gen/meta-v1.ts';
import type { Quantity } from '../types/scalars.ts';

/** Metrics between autoscaling/v2 and the older form that autoscaling/v1 keeps in its annotations. What a form does not know is lost, as with upstream. */

const ZERO = '0';

export function metricToV1({ type, object, pods, resource, containerResource, external }: MetricSpec): MetricSpecV1 {
  return {
    type: type as MetricSpecV1['type'],
    object: object && {
      target: object.describedObject,
      metricName: object.metric.name,
      targetValue: object.target.value ?? ZERO,
      selector: object.metric.selector,
      averageValue: object.target.averageValue,
    },
    pods: pods && {
      metricName: pods.metric.name,
      targetAverageValue: pods.target.averageValue ?? ZERO,
      selector: pods.metric.selector,
    },
    resource: resource && {
      name: resource.name,
      targetAverageUtilization: resource.target.averageUtilization,
      targetAverageValue: resource.target.averageValue,
    },
    containerResource: containerResource && {
      name: containerResource.name,
      container: containerResource.container,
      targetAverageUtilization: containerResource.target.averageUtilization,
      targetAverageValue: containerResource.target.averageValue,
    },
    external: external && {
      metricName: external.metric.name,
      metricSelector: external.metric.selector,
      targetValue: external.target.value,
      targetAverageValue: external.target.averageValue,
    },
  };
}

export function metricFromV1({ type, object, pods, resource, containerResource, external }: MetricSpecV1): MetricSpec {
  return {
    type,
    object: object && {
      describedObject: object.target,
      metric: identifier(object.metricName, object.selector),
      target: objectTarget(object.targetValue, object.averageValue),
    },
    pods: pods && {
      metric: identifier(pods.metricName, pods.selector),
      target: { type: 'AverageValue', averageValue: pods.targetAverageValue },
    },
    resource: resource && {
      name: resource.name,
      target: utilization(resource.targetAverageUtilization, resource.targetAverageValue),
    },
    containerResource: containerResource && {
      name: containerResource.name,
      container: containerResource.container,
      target: utilization(containerResource.targetAverageUtilization, containerResource.targetAverageValue),
    },
    external: external && {
      metric: identifier(external.metricName, external.metricSelector),
      target: {
        type: external.targetValue === undefined ? 'AverageValue' : 'Value',
        value: external.targetValue,
        averageValue: external.targetAverageValue,
      },
    },
  };
}

export function metricStatusToV1(status: MetricStatus): MetricStatusV1 {
  const { type, object, pods, resource, containerResource, external } = status;
  return {
    type: type as MetricStatusV1['type'],
    object: object && {
      target: object.describedObject,
      metricName: object.metric.name,
      currentValue: object.current.value ?? ZERO,
      selector: object.metric.selector,
      averageValue: object.current.averageValue,
    },
    pods: pods && {
      metricName: pods.metric.name,
      currentAverageValue: pods.current.averageValue ?? ZERO,
      selector: pods.metric.selector,
    },
    resource: resource && {
      name: resource.name,
      currentAverageUtilization: resource.current.averageUtilization,
      currentAverageValue: resource.current.averageValue ?? ZERO,
    },
    containerResource: containerResource && {
      name: containerResource.name,
      container: containerResource.container,
      currentAverageUtilization: containerResource.current.averageUtilization,
      currentAverageValue: containerResource.current.averageValue ?? ZERO,
    },
    external: external && {
      metricName: external.metric.name,
      metricSelector: external.metric.selector,
      currentValue: external.current.value ?? ZERO,
      currentAverageValue: external.current.averageValue,
    },
  };
}

export function metricStatusFromV1(status: MetricStatusV1): MetricStatus {
  const { type, object, pods, resource, containerResource, external } = status;
  return {
    type,
    object: object && {
      describedObject: object.target,
      metric: identifier(object.metricName, object.selector),
      current: { value: object.currentValue, averageValue: object.averageValue },
    },
    pods: pods && {
      metric: identifier(pods.metricName, pods.selector),
      current: { averageValue: pods.currentAverageValue },
    },
    resource: resource && {
      name: resource.name,
      current: {
        averageValue: resource.currentAverageValue,
        averageUtilization: resource.currentAverageUtilization,
      },
    },
    containerResource: containerResource && {
      name: containerResource.name,
      container: containerResource.container,
      current: {
        averageValue: containerResource.currentAverageValue,
        averageUtilization: containerResource.currentAverageUtilization,
      },
    },
    external: external && {
      metric: identifier(external.metricName, external.metricSelector),
      current: { value: external.currentValue, averageValue: external.currentAverageValue },
    },
  };
}

function identifier(name: string, selector: LabelSelector | undefined): MetricIdentifier {
  return { name, selector };
}

function utilization(percent: number | undefined, averageValue: Quantity | undefined): MetricTarget {
  return { type: percent === undefined ? 'AverageValue' : 'Utilization', averageValue, averageUtilization: percent };
}

/** v1 cannot leave the value out: beside an average a zero stands for none. */
function objectTarget(value: Quantity, averageValue: Quantity | undefined): MetricTarget {
  if (averageValue === undefined) return { type: 'Value', value };
  return { type: 'AverageValue', value: parseQuantity(value).nano === 0n ? undefined : value, averageValue };
}

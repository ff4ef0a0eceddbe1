import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const scaleTargetRef = { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' };
const autoscalers = new Judge(
  'autoscaling',
  'horizontalpodautoscalers',
  { spec: { scaleTargetRef, maxReplicas: 5 }, status: { desiredReplicas: 0, currentMetrics: [] } },
  'v2',
);
const metric = (fields: object): Changes => ({ 'spec.metrics': [fields] });
const AT = 'spec.metrics[0]';
const utilization = { type: 'Utilization', averageUtilization: 50 };
const TYPES = 'supported values: "ContainerResource", "External", "Object", "Pods", "Resource"';

describe('what may be created', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[]][] = [
    ['an autoscaler', {}, []],
    [
      'none that scales to nothing',
      { 'spec.minReplicas': 0 },
      [
        'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
        'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
      ],
    ],
    [
      'none without an end',
      { 'spec.maxReplicas': 0 },
      [
        'spec.maxReplicas: Required value: must be set and greater than 0',
        'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
      ],
    ],
    [
      'none of something that has no name, kind or group',
      { 'spec.scaleTargetRef': { kind: '', name: 'a/b', apiVersion: 'v1' } },
      [
        'spec.scaleTargetRef.kind: Required value',
        'spec.scaleTargetRef.name: Invalid value: "a/b": may not contain \'/\'',
        'spec.scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group',
      ],
    ],
    [
      'one of a replication controller, which has no group',
      { 'spec.scaleTargetRef': { kind: 'ReplicationController', name: 'web', apiVersion: 'v1' } },
      [],
    ],
    [
      'none whose version is no version',
      { 'spec.scaleTargetRef.apiVersion': 'a/b/c' },
      ['spec.scaleTargetRef.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c'],
    ],
    [
      'no metric without type',
      metric({ type: '' }),
      [
        `${AT}.type: Required value: must specify a metric source type`,
        `${AT}.type: Unsupported value: "": ${TYPES}`,
        `${AT}.type: Unsupported value: "": ${TYPES}`,
      ],
    ],
    [
      'no metric of one type with the source of another',
      metric({ type: 'Pods', resource: { name: 'cpu', target: utilization } }),
      [`${AT}.pods: Required value: must populate information for the given metric source`],
    ],
    [
      'no metric with two sources',
      metric({
        type: 'Resource',
        resource: { name: 'cpu', target: utilization },
        pods: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '1' } },
      }),
      [`${AT}.pods: Forbidden: must populate the given metric source only`],
    ],
    [
      'no resource without name or aim',
      metric({ type: 'Resource', resource: { name: '', target: { type: '' } } }),
      [
        `${AT}.resource.name: Required value: must specify a resource name`,
        `${AT}.resource.target.type: Required value: must specify a metric target type`,
        `${AT}.resource.target.type: Invalid value: "": must be either Utilization, Value, or AverageValue`,
        `${AT}.resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization`,
      ],
    ],
    [
      'no resource with both aims',
      metric({ type: 'Resource', resource: { name: 'cpu', target: { ...utilization, averageValue: '0' } } }),
      [
        `${AT}.resource.target.averageValue: Invalid value: "0": must be positive`,
        `${AT}.resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization`,
      ],
    ],
    [
      'no resource of a container without a container',
      metric({
        type: 'ContainerResource',
        containerResource: { name: 'cpu', container: '', target: { type: 'Utilization', averageUtilization: 0 } },
      }),
      [
        `${AT}.containerResource.container: Required value: must specify a container`,
        `${AT}.containerResource.target.averageUtilization: Invalid value: 0: must be greater than 0`,
      ],
    ],
    [
      'no metric of an object without name, or whose object has none',
      metric({
        type: 'Object',
        object: { describedObject: { kind: 'Service', name: '' }, metric: { name: 'a%' }, target: { type: 'Value' } },
      }),
      [
        `${AT}.object.describedObject.name: Required value`,
        `${AT}.object.metric.name: Invalid value: "a%": may not contain '%'`,
        `${AT}.object.target.averageValue: Required value: must set either a target value or averageValue`,
      ],
    ],
    [
      'no external metric with two aims',
      metric({
        type: 'External',
        external: { metric: { name: '' }, target: { type: 'Value', value: '1', averageValue: '1' } },
      }),
      [
        `${AT}.external.metric.name: Required value: must specify a metric name`,
        `${AT}.external.target.value: Forbidden: may not set both a target value for metric and a per-pod target`,
      ],
    ],
    [
      'no metric of pods without their mean',
      metric({ type: 'Pods', pods: { metric: { name: 'm' }, target: { type: 'Value', value: '1' } } }),
      [`${AT}.pods.target.averageValue: Required value: must specify a positive target averageValue`],
    ],
    ['a tolerance', { 'spec.behavior.scaleUp': { tolerance: '50m' } }, []],
    [
      'no rules that are out of range',
      {
        'spec.behavior.scaleDown': {
          stabilizationWindowSeconds: 3601,
          selectPolicy: 'Mean',
          tolerance: '-1',
          policies: [{ type: 'Any', value: 0, periodSeconds: 1801 }],
        },
      },
      [
        'spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600',
        'spec.behavior.scaleDown.selectPolicy: Unsupported value: "Mean": supported values: "Disabled", "Max", "Min"',
        'spec.behavior.scaleDown.policies[0].type: Unsupported value: "Any": supported values: "Percent", "Pods"',
        'spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero',
        'spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800',
        'spec.behavior.scaleDown.tolerance: Invalid value: "-1": must be greater than or equal to 0',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(autoscalers.created(changes)).toEqual(errors);
  });
});

describe('what may be changed', () => {
  it('lets a target stay that would not be let in, and refuses another like it', () => {
    const before = { 'spec.scaleTargetRef.apiVersion': '' };
    expect(autoscalers.changed({ 'spec.maxReplicas': 6 }, before)).toEqual([]);
    expect(autoscalers.changed({ 'spec.scaleTargetRef.kind': 'Other' }, before)).toEqual([
      'spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group',
    ]);
  });

  it('lets what scales to nothing already do so on', () => {
    const before = { 'spec.minReplicas': 0 };
    expect(autoscalers.changed({ 'spec.maxReplicas': 6 }, before)).toEqual([
      'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
    ]);
  });

  it('counts no replicas below zero in the status', () => {
    expect(autoscalers.changed({ 'status.currentReplicas': -1, 'status.desiredReplicas': -1 }, {}, 'status')).toEqual([
      'status.currentReplicas: Invalid value: -1: must be greater than or equal to 0',
      'status.desiredReplicas: Invalid value: -1: must be greater than or equal to 0',
    ]);
  });
});

describe('the column of targets', () => {
  const pods = { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '5' } };
  const object = {
    describedObject: { kind: 'Service', name: 's' },
    metric: { name: 'm' },
    target: { type: 'Value', value: '7' },
  };
  const external = { metric: { name: 'e' }, target: { type: 'AverageValue', averageValue: '3' } };
  const cases: readonly [string, metrics: readonly object[], measured: readonly object[], text: string][] = [
    [
      'says what is not measured yet',
      [{ type: 'Resource', resource: { name: 'cpu', target: utilization } }],
      [],
      'cpu: <unknown>/50%',
    ],
    [
      'says what is',
      [{ type: 'Resource', resource: { name: 'cpu', target: utilization } }],
      [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 40 } } }],
      'cpu: 40%/50%',
    ],
    [
      'says a mean of pods, and that there are more',
      [
        { type: 'Pods', pods },
        { type: 'Object', object },
        { type: 'External', external },
      ],
      [
        { type: 'Pods', pods: { metric: { name: 'm' }, current: { averageValue: '4' } } },
        { type: 'Object', object: { ...object, current: { value: '6' } } },
      ],
      '4/5, 6/7 + 1 more...',
    ],
    ['says which is a mean', [{ type: 'External', external }], [], '<unknown>/3 (avg)'],
    [
      'says where a measure lacks what is asked for',
      [{ type: 'Pods', pods }],
      [{ type: 'Pods', pods: { metric: { name: 'm' }, current: {} } }],
      '<nil>/5',
    ],
  ];
  it.each(cases)('%s', (_, metrics, measured, text) => {
    expect(autoscalers.row({ 'spec.metrics': metrics, 'status.currentMetrics': measured })['Targets']).toBe(text);
  });
});

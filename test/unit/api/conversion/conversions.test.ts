import { beforeAll, describe, expect, it } from 'vitest';
import { conversionOf } from '../../../../src/api/conversion/conversions.ts';
import { decodeValue } from '../../../../src/api/decode/json/decode-json.ts';
import { encodeObject } from '../../../../src/api/encode/encode-object.ts';
import { loadPackages } from '../../../../src/api/schema/packages.ts';
import { allResources, findResource, resourceType } from '../../../../src/api/schema/resources/registry.ts';
import { oracle, skipReason } from '../oracles.ts';

beforeAll(() => loadPackages());

/** JSON of a version -> JSON of the stored one, and back. */
function converted(group: string, version: string, plural: string, json: object, way: 'toStored' | 'fromStored') {
  const row = findResource(group, version, plural);
  const stored = findResource(row?.storage?.group ?? '', row?.storage?.version ?? '', plural);
  if (row === undefined || stored === undefined) throw new Error('no such row');
  const [from, to] = way === 'toStored' ? [row, stored] : [stored, row];
  const object = decodeValue(resourceType(from), json).object;
  return encodeObject(resourceType(to), conversionOf(row)?.[way](object) ?? {});
}

it('exists for every version that is not stored, and for no other', () => {
  const rows = allResources().map(row => [
    `${row.group}/${row.version}/${row.plural}`,
    conversionOf(row) !== undefined,
  ]);
  expect(rows.filter(([, has]) => has).map(([id]) => id)).toEqual([
    'autoscaling/v1/horizontalpodautoscalers',
    'events.k8s.io/v1/events',
  ]);
});

const EVENT_ORACLE = 'fixtures/events.k8s.io.v1.Event.json';
const fixture = oracle(EVENT_ORACLE);
describe.skipIf(fixture === undefined)(`an event with every field${skipReason(EVENT_ORACLE, fixture)}`, () => {
  it('comes back as it was', () => {
    const json = JSON.parse(fixture ?? '{}');
    const stored = converted('events.k8s.io', 'v1', 'events', json, 'toStored');
    expect(stored).toMatchObject({
      apiVersion: 'v1',
      kind: 'Event',
      message: json.note,
      involvedObject: json.regarding,
    });
    expect(converted('events.k8s.io', 'v1', 'events', stored, 'fromStored')).toEqual(
      encodeObject(
        resourceType(findResource('events.k8s.io', 'v1', 'events') ?? never()),
        decoded('events.k8s.io', json),
      ),
    );
  });
});

function never(): never {
  throw new Error('no such row');
}

function decoded(group: string, json: object): object {
  return decodeValue(resourceType(findResource(group, 'v1', 'events') ?? never()), json).object;
}

const REF = { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' };
const cpu = (percent: number) => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } },
});
const autoscaler = (spec: object, more: object = {}) => ({
  kind: 'HorizontalPodAutoscaler',
  apiVersion: 'autoscaling/v2',
  metadata: { name: 'h' },
  spec: { scaleTargetRef: REF, minReplicas: 1, maxReplicas: 3, ...spec },
  status: { desiredReplicas: 0, currentMetrics: [] },
  ...more,
});
const v1 = (json: object) => converted('autoscaling', 'v1', 'horizontalpodautoscalers', json, 'fromStored');
const v2 = (json: object) => converted('autoscaling', 'v1', 'horizontalpodautoscalers', json, 'toStored');

const METRICS: [what: string, v2: object, annotation: object][] = [
  [
    'pods',
    {
      type: 'Pods',
      pods: {
        metric: { name: 'qps', selector: { matchLabels: { a: 'b' } } },
        target: { type: 'AverageValue', averageValue: '1k' },
      },
    },
    { type: 'Pods', pods: { metricName: 'qps', targetAverageValue: '1k', selector: { matchLabels: { a: 'b' } } } },
  ],
  [
    'an object by its value',
    { type: 'Object', object: { describedObject: REF, target: { type: 'Value', value: '5' }, metric: { name: 'm' } } },
    { type: 'Object', object: { target: REF, metricName: 'm', targetValue: '5' } },
  ],
  [
    'an object by an average, whose value v1 cannot leave out',
    {
      type: 'Object',
      object: { describedObject: REF, target: { type: 'AverageValue', averageValue: '5' }, metric: { name: 'm' } },
    },
    { type: 'Object', object: { target: REF, metricName: 'm', targetValue: '0', averageValue: '5' } },
  ],
  [
    'memory by an amount',
    { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } } },
    { type: 'Resource', resource: { name: 'memory', targetAverageValue: '1Gi' } },
  ],
  [
    'a container',
    {
      type: 'ContainerResource',
      containerResource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 7 }, container: 'c' },
    },
    { type: 'ContainerResource', containerResource: { name: 'cpu', targetAverageUtilization: 7, container: 'c' } },
  ],
  [
    'something outside',
    {
      type: 'External',
      external: { metric: { name: 'q', selector: { matchLabels: { a: '<' } } }, target: { type: 'Value', value: '3' } },
    },
    { type: 'External', external: { metricName: 'q', metricSelector: { matchLabels: { a: '<' } }, targetValue: '3' } },
  ],
];

describe('an autoscaler of autoscaling/v1', () => {
  it.each(METRICS)('carries a metric of %s through an annotation', (_, metric, annotation) => {
    const stored = autoscaler({ metrics: [metric, cpu(70)] });
    const seen = v1(stored) as { metadata: { annotations: Record<string, string> }; spec: object };
    expect(seen.spec).toEqual({
      scaleTargetRef: REF,
      minReplicas: 1,
      maxReplicas: 3,
      targetCPUUtilizationPercentage: 70,
    });
    expect(JSON.parse(seen.metadata.annotations['autoscaling.alpha.kubernetes.io/metrics'] ?? '')).toEqual([
      annotation,
    ]);
    expect(v2(seen)).toEqual(stored);
  });

  it('escapes in annotations what could be taken for markup, as Go does', () => {
    const seen = v1(autoscaler({ metrics: [METRICS[5]?.[1]] })) as {
      metadata: { annotations: Record<string, string> };
    };
    expect(seen.metadata.annotations['autoscaling.alpha.kubernetes.io/metrics']).toContain('"a":"\\u003c"');
  });

  it('carries the behavior in the names of the internal type', () => {
    const behavior = {
      scaleUp: {
        stabilizationWindowSeconds: 0,
        selectPolicy: 'Max',
        policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }],
      },
    };
    const stored = autoscaler({ metrics: [cpu(80)], behavior });
    const seen = v1(stored) as { metadata: { annotations: Record<string, string> } };
    expect(seen.metadata.annotations).toEqual({
      'autoscaling.alpha.kubernetes.io/behavior':
        '{"ScaleUp":{"StabilizationWindowSeconds":0,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":4,"PeriodSeconds":15}],"Tolerance":null},"ScaleDown":null}',
    });
    expect(v2(seen)).toEqual(stored);
  });

  it('carries current metrics and conditions', () => {
    const status = {
      observedGeneration: 3,
      currentReplicas: 2,
      desiredReplicas: 2,
      currentMetrics: [
        { type: 'Resource', resource: { name: 'cpu', current: { averageValue: '10m', averageUtilization: 5 } } },
      ],
      conditions: [{ type: 'AbleToScale', status: 'True', lastTransitionTime: '2030-01-01T00:00:00Z', reason: 'R' }],
    };
    const stored = autoscaler({ metrics: [cpu(80)] }, { status });
    const seen = v1(stored);
    expect(seen['status']).toEqual({
      observedGeneration: 3,
      currentReplicas: 2,
      desiredReplicas: 2,
      currentCPUUtilizationPercentage: 5,
    });
    expect(v2(seen)).toEqual(stored);
  });

  it.each([
    ['nothing', {}, [cpu(80)]],
    ['a percentage of CPU', { targetCPUUtilizationPercentage: 50 }, [cpu(50)]],
  ])('with %s aims at the use of CPU', (_, spec, metrics) => {
    const sent = { metadata: { name: 'h' }, spec: { scaleTargetRef: REF, maxReplicas: 3, ...spec } };
    expect((v2(sent)['spec'] as { metrics: unknown }).metrics).toEqual(metrics);
  });

  it.each([
    ['metrics', 'no json'],
    ['metrics', '{}'],
    ['metrics', '[5]'],
    ['current-metrics', 'true'],
    ['conditions', '"x"'],
    ['behavior', '{"ScaleUp":5}'],
    ['behavior', '{"ScaleUp":{"Policies":{}}}'],
    ['behavior', '{}'],
  ])('passes over an annotation %s that cannot be read: %s', (name, text) => {
    const annotations = { [`autoscaling.alpha.kubernetes.io/${name}`]: text, mine: 'stays' };
    const sent = {
      metadata: { name: 'h', annotations },
      spec: { scaleTargetRef: REF, minReplicas: 1, maxReplicas: 3 },
    };
    expect(v2(sent)).toEqual(
      autoscaler({ metrics: [cpu(80)] }, { metadata: { name: 'h', annotations: { mine: 'stays' } } }),
    );
  });
});

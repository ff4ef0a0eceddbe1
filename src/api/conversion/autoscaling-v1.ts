import { decodeValue } from '../decode/json/decode-json.ts';
import { encodeObject } from '../encode/encode-object.ts';
import { builtinTable } from '../schema/builtin.ts';
import type {
  HorizontalPodAutoscaler as AutoscalerV1,
  MetricSpec as MetricSpecV1,
  MetricStatus as MetricStatusV1,
} from '../types/gen/autoscaling-v1.ts';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  MetricSpec,
  MetricStatus,
} from '../types/gen/autoscaling-v2.ts';
import type { ObjectMeta } from '../types/gen/meta-v1.ts';
import { behaviorJson, readBehavior } from './autoscaling-behavior.ts';
import { metricFromV1, metricStatusFromV1, metricStatusToV1, metricToV1 } from './autoscaling-metrics.ts';
import type { VersionConversion } from './version-conversion.ts';

const METRICS = 'autoscaling.alpha.kubernetes.io/metrics';
const CURRENT_METRICS = 'autoscaling.alpha.kubernetes.io/current-metrics';
const CONDITIONS = 'autoscaling.alpha.kubernetes.io/conditions';
const BEHAVIOR = 'autoscaling.alpha.kubernetes.io/behavior';
const ROUND_TRIP: ReadonlySet<string> = new Set([
  METRICS,
  CURRENT_METRICS,
  CONDITIONS,
  BEHAVIOR,
  'autoscaling.alpha.kubernetes.io/scale-down-tolerance',
  'autoscaling.alpha.kubernetes.io/scale-up-tolerance',
]);

/** Percent of the requested CPU that an autoscaler aims at that names no metric. */
const DEFAULT_CPU_PERCENT = 80;

/**
 * autoscaling/v1 knows one metric, the use of CPU. What v2 has beyond that stands in annotations, so that a client of v1 can write back what it read; in
 * the stored object these annotations are not.
 */
export const autoscalingV1Conversion: VersionConversion = {
  toStored: object => toV2(object as AutoscalerV1),
  fromStored: object => toV1(object as HorizontalPodAutoscaler),
};

/** Metadata without the annotations that carry fields of v2 through v1. The same object where there are none. */
export function withoutRoundTripAnnotations(metadata: ObjectMeta): ObjectMeta {
  const annotations = Object.entries(metadata.annotations ?? {});
  const kept = annotations.filter(([name]) => !ROUND_TRIP.has(name));
  return kept.length === annotations.length ? metadata : { ...metadata, annotations: Object.fromEntries(kept) };
}

function toV1({ metadata, spec, status }: HorizontalPodAutoscaler): AutoscalerV1 {
  const metrics = spec.metrics ?? [];
  const cpu = metrics.find(isCpuUtilization)?.resource?.target.averageUtilization;
  const currentCpu = status.currentMetrics?.findLast(
    ({ type, resource }) =>
      type === 'Resource' && resource?.name === 'cpu' && resource.current.averageUtilization !== undefined,
  );
  const others = metrics.filter(metric => !isCpuUtilization(metric)).map(metricToV1);
  const current = (status.currentMetrics ?? []).map(metricStatusToV1);
  const conditions = status.conditions ?? [];
  const extra = {
    ...(others.length === 0 ? {} : { [METRICS]: listText('MetricSpec', others) }),
    ...(current.length === 0 ? {} : { [CURRENT_METRICS]: listText('MetricStatus', current) }),
    ...(spec.behavior === undefined ? {} : { [BEHAVIOR]: goJson(behaviorJson(spec.behavior)) }),
    ...(conditions.length === 0 ? {} : { [CONDITIONS]: listText('HorizontalPodAutoscalerCondition', conditions) }),
  };
  const clean = withoutRoundTripAnnotations(metadata);
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: Object.keys(extra).length === 0 ? clean : { ...clean, annotations: { ...clean.annotations, ...extra } },
    spec: {
      scaleTargetRef: spec.scaleTargetRef,
      minReplicas: spec.minReplicas,
      maxReplicas: spec.maxReplicas,
      targetCPUUtilizationPercentage: cpu,
    },
    status: {
      observedGeneration: status.observedGeneration,
      lastScaleTime: status.lastScaleTime,
      currentReplicas: status.currentReplicas ?? 0,
      desiredReplicas: status.desiredReplicas,
      currentCPUUtilizationPercentage: currentCpu?.resource?.current.averageUtilization,
    },
  };
}

function toV2({ metadata, spec, status }: AutoscalerV1): HorizontalPodAutoscaler {
  const annotations = metadata.annotations ?? {};
  const cpu = spec.targetCPUUtilizationPercentage;
  const others = readList<MetricSpecV1>('MetricSpec', annotations[METRICS])?.map(metricFromV1) ?? [];
  const metrics = [...others, ...(cpu === undefined ? [] : [cpuMetric(cpu)])];
  const behavior = readBehavior(annotations[BEHAVIOR]);
  const current = readList<MetricStatusV1>('MetricStatus', annotations[CURRENT_METRICS])?.map(metricStatusFromV1);
  const conditions = readList<HorizontalPodAutoscalerCondition>(
    'HorizontalPodAutoscalerCondition',
    annotations[CONDITIONS],
  );
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: withoutRoundTripAnnotations(metadata),
    spec: {
      scaleTargetRef: spec.scaleTargetRef,
      minReplicas: spec.minReplicas,
      maxReplicas: spec.maxReplicas,
      metrics: metrics.length === 0 ? [cpuMetric(DEFAULT_CPU_PERCENT)] : metrics,
      ...(behavior === undefined ? {} : { behavior }),
    },
    status: {
      observedGeneration: status.observedGeneration,
      lastScaleTime: status.lastScaleTime,
      ...(status.currentReplicas === 0 ? {} : { currentReplicas: status.currentReplicas }),
      desiredReplicas: status.desiredReplicas,
      currentMetrics: current ?? currentCpu(status.currentCPUUtilizationPercentage),
      ...(conditions === undefined ? {} : { conditions }),
    },
  };
}

function isCpuUtilization({ type, resource }: MetricSpec): boolean {
  return type === 'Resource' && resource?.name === 'cpu' && resource.target.averageUtilization !== undefined;
}

function cpuMetric(averageUtilization: number): MetricSpec {
  return { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } };
}

function currentCpu(averageUtilization: number | undefined): readonly MetricStatus[] {
  if (averageUtilization === undefined) return [];
  return [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization } } }];
}

function listText(type: string, items: readonly object[]): string {
  const struct = builtinTable.struct(`autoscaling/v1.${type}`);
  return goJson(items.map(item => encodeObject(struct, item)));
}

/** The objects of an annotation; undefined where it is missing or no list of them: upstream passes over what it cannot read. */
function readList<T>(type: string, text: string | undefined): readonly T[] | undefined {
  if (text === undefined) return undefined;
  try {
    const json: unknown = JSON.parse(text);
    if (json === null) return [];
    if (!Array.isArray(json)) return undefined;
    const struct = builtinTable.struct(`autoscaling/v1.${type}`);
    return json.map(item => decodeValue(struct, item ?? {}).object as T);
  } catch {
    return undefined;
  }
}

/** As Go writes JSON: what could be taken for markup is escaped. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

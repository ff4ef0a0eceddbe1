import type {
  HorizontalPodAutoscalerBehavior,
  HPAScalingPolicy,
  HPAScalingRules,
} from '../types/gen/autoscaling-v2.ts';

/** The JSON of a behavior in the annotation of autoscaling/v1: upstream writes its internal type there, whose names are capitalized. */
export function behaviorJson({ scaleUp, scaleDown }: HorizontalPodAutoscalerBehavior): object {
  return { ScaleUp: rulesJson(scaleUp), ScaleDown: rulesJson(scaleDown) };
}

function rulesJson(rules: HPAScalingRules | undefined): object | null {
  if (rules === undefined) return null;
  const { stabilizationWindowSeconds, selectPolicy, policies, tolerance } = rules;
  return {
    StabilizationWindowSeconds: stabilizationWindowSeconds ?? null,
    SelectPolicy: selectPolicy ?? null,
    Policies:
      policies?.map(({ type, value, periodSeconds }) => ({ Type: type, Value: value, PeriodSeconds: periodSeconds })) ??
      null,
    Tolerance: tolerance ?? null,
  };
}

/** The behavior of an annotation; undefined where it is missing, empty or cannot be read. Names in any case: Go's decoder does not mind. */
export function readBehavior(text: string | undefined): HorizontalPodAutoscalerBehavior | undefined {
  if (text === undefined) return undefined;
  try {
    const behavior = membersOf(JSON.parse(text));
    const scaleUp = readRules(behavior.get('scaleup'));
    const scaleDown = readRules(behavior.get('scaledown'));
    if (scaleUp === undefined && scaleDown === undefined) return undefined;
    return { ...(scaleUp === undefined ? {} : { scaleUp }), ...(scaleDown === undefined ? {} : { scaleDown }) };
  } catch {
    return undefined;
  }
}

function readRules(json: unknown): HPAScalingRules | undefined {
  if (json === undefined || json === null) return undefined;
  const rules = membersOf(json);
  const window = integerOf(rules.get('stabilizationwindowseconds'));
  const selectPolicy = textOf(rules.get('selectpolicy'));
  const policies = listOf(rules.get('policies'))?.map(readPolicy);
  const tolerance = textOf(rules.get('tolerance'));
  return {
    ...(window === undefined ? {} : { stabilizationWindowSeconds: window }),
    ...(selectPolicy === undefined ? {} : { selectPolicy }),
    ...(policies === undefined ? {} : { policies }),
    ...(tolerance === undefined ? {} : { tolerance }),
  };
}

function readPolicy(json: unknown): HPAScalingPolicy {
  const policy = membersOf(json ?? {});
  return {
    type: textOf(policy.get('type')) ?? '',
    value: integerOf(policy.get('value')) ?? 0,
    periodSeconds: integerOf(policy.get('periodseconds')) ?? 0,
  };
}

function membersOf(json: unknown): ReadonlyMap<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new TypeError('it is no object');
  return new Map(Object.entries(json).map(([name, value]) => [name.toLowerCase(), value]));
}

function integerOf(json: unknown): number | undefined {
  if (json === undefined || json === null) return undefined;
  if (typeof json !== 'number' || !Number.isInteger(json)) throw new TypeError('it is no integer');
  return json;
}

function textOf(json: unknown): string | undefined {
  if (json === undefined || json === null) return undefined;
  if (typeof json !== 'string') throw new TypeError('it is no string');
  return json;
}

function listOf(json: unknown): readonly unknown[] | undefined {
  if (json === undefined || json === null) return undefined;
  if (!Array.isArray(json)) throw new TypeError('it is no list');
  return json;
}

import type { HorizontalPodAutoscaler as AutoscalerV1 } from '../types/gen/autoscaling-v1.ts';
import type { HorizontalPodAutoscaler, HPAScalingRules } from '../types/gen/autoscaling-v2.ts';
import { defaultsOf, type TypeDefaults } from './apply.ts';

/** Percent of the requested CPU that an autoscaler without metrics aims at. */
const CPU_PERCENT = 80;
const PERIOD_SECONDS = 15;

const SCALE_UP: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: PERIOD_SECONDS },
    { type: 'Percent', value: 100, periodSeconds: PERIOD_SECONDS },
  ],
};
/** The window for scaling down is the controller's own, so it is not set here. */
const SCALE_DOWN: HPAScalingRules = {
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: PERIOD_SECONDS }],
};

/** Upstream's defaults of autoscaling v1 and v2, by type. */
export const autoscalingDefaults: TypeDefaults = new Map([
  defaultsOf<AutoscalerV1>('autoscaling/v1.HorizontalPodAutoscaler', ({ spec }) => ({
    spec: { ...spec, minReplicas: spec.minReplicas ?? 1 },
  })),
  defaultsOf<HorizontalPodAutoscaler>('autoscaling/v2.HorizontalPodAutoscaler', ({ spec }) => ({
    spec: {
      ...spec,
      minReplicas: spec.minReplicas ?? 1,
      metrics:
        spec.metrics !== undefined && spec.metrics.length > 0
          ? spec.metrics
          : [
              {
                type: 'Resource',
                resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: CPU_PERCENT } },
              },
            ],
      ...(spec.behavior === undefined
        ? {}
        : {
            behavior: {
              ...spec.behavior,
              scaleUp: { ...SCALE_UP, ...set(spec.behavior.scaleUp) },
              scaleDown: { ...SCALE_DOWN, ...set(spec.behavior.scaleDown) },
            },
          }),
    },
  })),
]);

/** Only what is set, so that it can stand over a default. */
function set(rules: HPAScalingRules | undefined): Partial<HPAScalingRules> {
  return Object.fromEntries(Object.entries(rules ?? {}).filter(([, value]) => value !== undefined));
}

import type { ListMetricDescriptorsResponse } from '../../rpc/cri-api.ts';
import { metricDescriptors } from './metric-descriptors.ts';

/** Every metric that ListPodSandboxMetrics may answer, asked for by a kubelet once. */
export function listMetricDescriptors(): ListMetricDescriptorsResponse {
  return { descriptors: metricDescriptors() };
}

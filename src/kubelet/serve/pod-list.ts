import type { Pod } from '../../api/types/gen/core-v1.ts';

/** The body of GET /pods: a v1 PodList as JSON. */
export function podListJson(pods: readonly Pod[]): string {
  const items = pods.map(pod => ({ ...pod, apiVersion: 'v1', kind: 'Pod' }));
  return JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items });
}

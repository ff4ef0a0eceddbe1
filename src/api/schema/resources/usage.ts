import { type ApiResource, rowsOf } from './resource.ts';

const usage = rowsOf('metrics.k8s.io', 'v1beta1', 'metrics/v1beta1');

/** What nodes and pods use: asked of kubelets, never stored. Upstream serves them by metrics-server, which has no singular names. */
export const USAGE_RESOURCES: readonly ApiResource[] = [
  usage.resource('cluster', 'NodeMetrics', 'nodes', { singular: '', verbs: ['get', 'list'], storage: undefined }),
  usage.resource('namespaced', 'PodMetrics', 'pods', { singular: '', verbs: ['get', 'list'], storage: undefined }),
];

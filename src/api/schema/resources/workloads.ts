import { type ApiResource, rowsOf, SCALE } from './resource.ts';

const apps = rowsOf('apps', 'v1', 'apps/v1');
const batch = rowsOf('batch', 'v1', 'batch/v1');
const policy = rowsOf('policy', 'v1', 'policy/v1');
const autoscalingV1 = rowsOf('autoscaling', 'v1', 'autoscaling/v1');
const autoscalingV2 = rowsOf('autoscaling', 'v2', 'autoscaling/v2');
const scheduling = rowsOf('scheduling.k8s.io', 'v1', 'scheduling/v1');
const node = rowsOf('node.k8s.io', 'v1', 'node/v1');

/** Workloads, what scales them, and what orders and limits their pods. */
export const WORKLOAD_RESOURCES: readonly ApiResource[] = [
  apps.resource('namespaced', 'ControllerRevision', 'controllerrevisions'),
  apps.resource('namespaced', 'DaemonSet', 'daemonsets', {
    shortNames: ['ds'],
    categories: ['all'],
    subresources: [apps.sub('status', 'DaemonSet')],
  }),
  apps.resource('namespaced', 'Deployment', 'deployments', {
    shortNames: ['deploy'],
    categories: ['all'],
    subresources: [SCALE, apps.sub('status', 'Deployment')],
  }),
  apps.resource('namespaced', 'ReplicaSet', 'replicasets', {
    shortNames: ['rs'],
    categories: ['all'],
    subresources: [SCALE, apps.sub('status', 'ReplicaSet')],
  }),
  apps.resource('namespaced', 'StatefulSet', 'statefulsets', {
    shortNames: ['sts'],
    categories: ['all'],
    subresources: [SCALE, apps.sub('status', 'StatefulSet')],
  }),
  autoscalingV2.resource('namespaced', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers', {
    shortNames: ['hpa'],
    categories: ['all'],
    subresources: [autoscalingV2.sub('status', 'HorizontalPodAutoscaler')],
  }),
  autoscalingV1.resource('namespaced', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers', {
    shortNames: ['hpa'],
    categories: ['all'],
    storage: { version: 'v2' },
    subresources: [autoscalingV1.sub('status', 'HorizontalPodAutoscaler')],
  }),
  batch.resource('namespaced', 'CronJob', 'cronjobs', {
    shortNames: ['cj'],
    categories: ['all'],
    subresources: [batch.sub('status', 'CronJob')],
  }),
  batch.resource('namespaced', 'Job', 'jobs', {
    categories: ['all'],
    subresources: [batch.sub('status', 'Job')],
    selectableFields: ['status.successful'],
  }),
  policy.resource('namespaced', 'PodDisruptionBudget', 'poddisruptionbudgets', {
    shortNames: ['pdb'],
    subresources: [policy.sub('status', 'PodDisruptionBudget')],
  }),
  scheduling.resource('cluster', 'PriorityClass', 'priorityclasses', { shortNames: ['pc'] }),
  node.resource('cluster', 'RuntimeClass', 'runtimeclasses'),
];

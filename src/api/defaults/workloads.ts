import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '../types/gen/apps-v1.ts';
import type { CronJob, Job, PodFailurePolicyOnPodConditionsPattern } from '../types/gen/batch-v1.ts';
import { defaultsOf, type TypeDefaults } from './apply.ts';

const MAX_INT32 = 2 ** 31 - 1;

/** Upstream's defaults of apps/v1 and batch/v1 (pkg/apis/{apps,batch}/v1/defaults.go at 1.36), by type. */
export const workloadDefaults: TypeDefaults = new Map([
  defaultsOf<Deployment>('apps/v1.Deployment', ({ spec }) => {
    const type = spec.strategy.type || 'RollingUpdate';
    const { rollingUpdate } = spec.strategy;
    const rolling = {
      ...rollingUpdate,
      maxUnavailable: rollingUpdate?.maxUnavailable ?? '25%',
      maxSurge: rollingUpdate?.maxSurge ?? '25%',
    };
    return {
      spec: {
        ...spec,
        replicas: spec.replicas ?? 1,
        strategy: { ...spec.strategy, type, ...(type === 'RollingUpdate' ? { rollingUpdate: rolling } : {}) },
        revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
        progressDeadlineSeconds: spec.progressDeadlineSeconds ?? 600,
      },
    };
  }),
  defaultsOf<DaemonSet>('apps/v1.DaemonSet', ({ spec }) => {
    const type = spec.updateStrategy.type || 'RollingUpdate';
    const { rollingUpdate } = spec.updateStrategy;
    const isRolling = type === 'RollingUpdate';
    const rolling = {
      ...rollingUpdate,
      maxUnavailable: rollingUpdate?.maxUnavailable ?? (isRolling ? 1 : 0),
      maxSurge: rollingUpdate?.maxSurge ?? 0,
    };
    return {
      spec: {
        ...spec,
        updateStrategy: {
          ...spec.updateStrategy,
          type,
          ...(isRolling || rollingUpdate !== undefined ? { rollingUpdate: rolling } : {}),
        },
        revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
      },
    };
  }),
  defaultsOf<ReplicaSet>('apps/v1.ReplicaSet', ({ spec }) => ({ spec: { ...spec, replicas: spec.replicas ?? 1 } })),
  defaultsOf<StatefulSet>('apps/v1.StatefulSet', statefulSet),
  defaultsOf<CronJob>('batch/v1.CronJob', ({ spec }) => ({
    spec: {
      ...spec,
      concurrencyPolicy: spec.concurrencyPolicy || 'Allow',
      suspend: spec.suspend ?? false,
      successfulJobsHistoryLimit: spec.successfulJobsHistoryLimit ?? 3,
      failedJobsHistoryLimit: spec.failedJobsHistoryLimit ?? 1,
    },
  })),
  defaultsOf<Job>('batch/v1.Job', job),
  defaultsOf<PodFailurePolicyOnPodConditionsPattern>('batch/v1.PodFailurePolicyOnPodConditionsPattern', pattern => ({
    status: pattern.status || 'True',
  })),
]);

function statefulSet({ spec }: StatefulSet): Partial<StatefulSet> {
  const { updateStrategy, persistentVolumeClaimRetentionPolicy: retention } = spec;
  const type = updateStrategy.type || 'RollingUpdate';
  // A strategy that names its type and has no numbers keeps none.
  const given = updateStrategy.rollingUpdate ?? (updateStrategy.type ? undefined : {});
  const rolling =
    type === 'RollingUpdate' && given !== undefined
      ? { rollingUpdate: { ...given, partition: given.partition ?? 0 } }
      : {};
  return {
    spec: {
      ...spec,
      podManagementPolicy: spec.podManagementPolicy || 'OrderedReady',
      updateStrategy: { ...updateStrategy, type, ...rolling },
      persistentVolumeClaimRetentionPolicy: {
        ...retention,
        whenDeleted: retention?.whenDeleted || 'Retain',
        whenScaled: retention?.whenScaled || 'Retain',
      },
      replicas: spec.replicas ?? 1,
      revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
      // Claims are objects of their own, and upstream writes their kind whatever was sent.
      ...(spec.volumeClaimTemplates === undefined
        ? {}
        : {
            volumeClaimTemplates: spec.volumeClaimTemplates.map(claim => ({
              ...claim,
              apiVersion: 'v1',
              kind: 'PersistentVolumeClaim',
            })),
          }),
    },
  };
}

function job({ metadata, spec }: Job): Partial<Job> {
  const single = spec.completions === undefined && spec.parallelism === undefined;
  const templateLabels = spec.template.metadata.labels;
  const unlabelled = Object.keys(metadata.labels ?? {}).length === 0;
  return {
    ...(templateLabels !== undefined && unlabelled ? { metadata: { ...metadata, labels: templateLabels } } : {}),
    spec: {
      ...spec,
      ...(single ? { completions: 1 } : {}),
      parallelism: spec.parallelism ?? 1,
      backoffLimit: spec.backoffLimit ?? (spec.backoffLimitPerIndex === undefined ? 6 : MAX_INT32),
      completionMode: spec.completionMode ?? 'NonIndexed',
      suspend: spec.suspend ?? false,
      podReplacementPolicy:
        spec.podReplacementPolicy ?? (spec.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed'),
      manualSelector: spec.manualSelector ?? false,
    },
  };
}

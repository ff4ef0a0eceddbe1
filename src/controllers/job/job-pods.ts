import { isSidecar } from '../../api/pod-resources.ts';
import type { Job } from '../../api/types/gen/batch-v1.ts';
import type { Container, Pod, PodTemplateSpec } from '../../api/types/gen/core-v1.ts';
import { conditionOf } from '../pods/pod-state.ts';
import { judgeFailure } from './failure-policy.ts';

/** What a job asks of its pods, and how those look that it makes. Pure. */

export const TRACKING = 'batch.kubernetes.io/job-tracking';
const INDEX = 'batch.kubernetes.io/job-completion-index';
const FAILURES = 'batch.kubernetes.io/job-index-failure-count';
const IGNORED_FAILURES = 'batch.kubernetes.io/job-index-ignored-failure-count';
const INDEX_VARIABLE = 'JOB_COMPLETION_INDEX';
/** A generated name has five letters behind what is given, and 63 in all. */
const MAX_PREFIX = 58;
const FIRST_BACKOFF_MS = 10_000;
const MAX_BACKOFF_MS = 10 * 60_000;

export function isIndexed({ spec }: Job): boolean {
  return spec.completionMode === 'Indexed';
}

/** Pods on their way out are replaced only when they have failed. */
export function waitsForFailed({ spec }: Job): boolean {
  return spec.podReplacementPolicy === 'Failed' || spec.podFailurePolicy !== undefined;
}

export function isTracked({ metadata }: Pod): boolean {
  return metadata.finalizers?.includes(TRACKING) === true;
}

/** Failed, or as good as that: deleted before it succeeded, where the job does not wait for what becomes of it. */
export function isFailed(job: Job, { status, metadata }: Pod): boolean {
  if (status.phase === 'Failed') return true;
  return !waitsForFailed(job) && metadata.deletionTimestamp !== undefined && status.phase !== 'Succeeded';
}

/** The completion index of a pod below the number of completions; undefined where it has none that counts. */
export function indexOf(job: Job, { metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[INDEX];
  if (text === undefined || !/^\d{1,9}$/.test(text)) return undefined;
  return Number(text) < (job.spec.completions ?? 0) ? Number(text) : undefined;
}

/** How often an index has failed before this pod: what counted, and what the policy let pass. */
export function earlierFailures({ metadata }: Pod): { readonly counted: number; readonly ignored: number } {
  const read = (name: string): number => {
    const text = metadata.annotations?.[name] ?? '';
    return /^\d{1,9}$/.test(text) ? Number(text) : 0;
  };
  return { counted: read(FAILURES), ignored: read(IGNORED_FAILURES) };
}

/** When a pod ended: by its containers, else since when it is not ready, else when it was deleted, else when it was made. In ms. */
export function finishedAt(pod: Pod): number {
  const { metadata, spec, status } = pod;
  const sidecars = new Set((spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const statuses = [
    ...(status.containerStatuses ?? []),
    ...(status.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name)),
  ];
  const ends = statuses.map(({ state }) => state.terminated?.finishedAt);
  if (ends.length > 0 && ends.every(end => end !== undefined)) return Math.max(...ends.map(end => Date.parse(end)));
  const ready = conditionOf(pod, 'Ready');
  if (ready?.status === 'False' && ready.lastTransitionTime !== undefined) return Date.parse(ready.lastTransitionTime);
  if (metadata.deletionTimestamp !== undefined)
    return Date.parse(metadata.deletionTimestamp) - (metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  return Date.parse(metadata.creationTimestamp ?? '');
}

/** Ms until a pod may be made again after so many failures in a row, the last at `lastMs`: 10 s, doubled each time, ten minutes at most. */
export function backoffLeftMs(failures: number, lastMs: number | undefined, now: number): number {
  if (failures === 0 || lastMs === undefined) return 0;
  const pause = Math.min(FIRST_BACKOFF_MS * 2 ** Math.min(failures - 1, 10), MAX_BACKOFF_MS);
  return Math.max(0, lastMs + pause - now);
}

/** A pod that is to be made. */
export interface NewPod {
  readonly template: PodTemplateSpec;
  /** The generated name begins with it. */
  readonly prefix: string;
}

/** `replaced`: the pod of the same index that failed before, where the job counts failures of each index. */
export function newPod(job: Job, index: number | undefined, replaced: Pod | undefined): NewPod {
  const { template } = job.spec;
  const finalizers = [...new Set([...(template.metadata?.finalizers ?? []), TRACKING])];
  const name = job.metadata.name ?? '';
  if (index === undefined)
    return { template: { ...template, metadata: { ...template.metadata, finalizers } }, prefix: `${name}-` };
  const mark = { [INDEX]: String(index) };
  const annotations = { ...template.metadata?.annotations, ...mark, ...failureMarks(job, replaced) };
  const labels = { ...template.metadata?.labels, ...mark };
  const { containers, initContainers } = template.spec;
  const tail = `-${index}-`;
  return {
    prefix: `${name.slice(0, MAX_PREFIX - tail.length)}${tail}`,
    template: {
      metadata: { ...template.metadata, finalizers, annotations, labels },
      spec: {
        ...template.spec,
        hostname: `${name}-${index}`,
        containers: containers.map(withIndex),
        ...(initContainers === undefined ? {} : { initContainers: initContainers.map(withIndex) }),
      },
    },
  };
}

function withIndex(container: Container): Container {
  const { env = [] } = container;
  if (env.some(({ name }) => name === INDEX_VARIABLE)) return container;
  const fieldRef = { apiVersion: 'v1', fieldPath: `metadata.labels['${INDEX}']` };
  return { ...container, env: [...env, { name: INDEX_VARIABLE, valueFrom: { fieldRef } }] };
}

function failureMarks(job: Job, replaced: Pod | undefined): Record<string, string> {
  if (job.spec.backoffLimitPerIndex === undefined) return {};
  const before = replaced === undefined ? { counted: 0, ignored: 0 } : earlierFailures(replaced);
  const counts = replaced !== undefined && judgeFailure(job, replaced).counts;
  const counted = before.counted + (counts ? 1 : 0);
  const ignored = before.ignored + (replaced !== undefined && !counts ? 1 : 0);
  return { [FAILURES]: String(counted), ...(ignored === 0 ? {} : { [IGNORED_FAILURES]: String(ignored) }) };
}

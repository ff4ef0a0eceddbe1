import { equalAs } from '../../../api/semantic-equal.ts';
import type { Job } from '../../../api/types/gen/batch-v1.ts';
import type { Affinity, Container, PodSpec, PodTemplateSpec } from '../../../api/types/gen/core-v1.ts';
import { type FieldError, invalid } from '../../../api/validation/field-error.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { hasCondition } from './job-status.ts';

/** What of a job's spec may not change. */
export function jobChangeErrors(job: Job, old: Job): FieldError[] {
  return [
    ...completionsErrors(job, old),
    ...immutable('spec.selector', job.spec.selector, old.spec.selector),
    ...templateErrors(job, old),
    ...(['completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'] as const).flatMap(
      name => immutable(`spec.${name}`, job.spec[name], old.spec[name]),
    ),
  ];
}

function completionsErrors({ spec }: Job, old: Job): FieldError[] {
  const at = 'spec.completions';
  if (spec.completionMode !== 'Indexed') return immutable(at, spec.completions, old.spec.completions);
  const same = spec.completions === old.spec.completions || spec.completions === undefined;
  return same || spec.completions === spec.parallelism
    ? []
    : [invalid(at, spec.completions, 'can only be modified in tandem with spec.parallelism')];
}

/**
 * The template is fixed, but while a job is suspended and none of its pods runs, where they will run and what they ask
 * for may be set: queueing systems do that.
 */
function templateErrors(job: Job, old: Job): FieldError[] {
  const { template } = job.spec;
  const { status } = old;
  const idle = status.startTime === undefined || hasCondition(old, 'Suspended');
  if (old.spec.suspend !== true || !idle || (status.active ?? 0) !== 0) {
    const same = equalAs('core/v1.PodTemplateSpec', template, old.spec.template);
    return same ? [] : [invalid('spec.template', template, 'field is immutable')];
  }
  const allowed = withResources(withScheduling(old.spec.template, template).spec, template.spec);
  return equalAs('core/v1.PodSpec', template.spec, allowed)
    ? []
    : [invalid('spec.template.spec', template.spec, 'field is immutable')];
}

/** `template` with the scheduling of another. */
function withScheduling(template: PodTemplateSpec, other: PodTemplateSpec): PodTemplateSpec {
  const { nodeSelector, tolerations, schedulingGates, affinity } = other.spec;
  return {
    ...template,
    spec: {
      ...template.spec,
      nodeSelector,
      tolerations,
      schedulingGates,
      affinity: withNodeAffinity(template.spec.affinity, affinity),
    },
  };
}

/** Only the affinity to nodes is free. An affinity that had nothing else may go away as a whole. */
function withNodeAffinity(affinity: Affinity | undefined, other: Affinity | undefined): Affinity | undefined {
  if (affinity === undefined && other === undefined) return undefined;
  const { nodeAffinity, ...kept } = affinity ?? {};
  if (other !== undefined) return { ...kept, nodeAffinity: other.nodeAffinity };
  return kept.podAffinity === undefined && kept.podAntiAffinity === undefined ? undefined : kept;
}

/** A pod whose containers ask for what those of another do, as long as they are the same containers. */
function withResources(pod: PodSpec, other: PodSpec): PodSpec {
  const given = (list: readonly Container[], from: readonly Container[]): Container[] =>
    list.map((container, index) => {
      const source = list.length === from.length ? from[index] : undefined;
      return source?.name === container.name ? { ...container, resources: source.resources } : container;
    });
  const { initContainers } = pod;
  return {
    ...pod,
    containers: given(pod.containers, other.containers),
    initContainers: initContainers === undefined ? undefined : given(initContainers, other.initContainers ?? []),
  };
}

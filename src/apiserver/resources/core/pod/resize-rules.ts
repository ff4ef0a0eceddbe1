import { qosClass } from '../../../../api/pod-resources.ts';
import { equalAs } from '../../../../api/semantic-equal.ts';
import type { Container, Pod, PodSpec, ResourceList, ResourceRequirements } from '../../../../api/types/gen/core-v1.ts';
import { addErrors, type FieldError, forbidden, invalid } from '../../../../api/validation/field-error.ts';
import { MIRROR } from '../../../../api/validation/pod-annotations.ts';
import { currentRules } from './update-rules.ts';

/** Through pods/resize: cpu and memory of containers and of the pod, within its QoS class. */
export function validatePodResize(pod: Pod, old: Pod): FieldError[] {
  if (old.metadata.annotations?.[MIRROR] !== undefined) return [forbidden('[]', 'static pods cannot be resized')];
  if (old.spec.os?.name === 'windows') return [forbidden('[]', 'windows pods cannot be resized')];
  const errors = currentRules(pod, old);
  if ((old.status.qosClass ?? qosClass(old)) !== qosClass(pod))
    errors.push(invalid('spec', pod.status.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing'));
  const running = (old.status.containerStatuses ?? []).find(({ state }) => state.running !== undefined);
  // Kubelets that can resize say what each container has.
  if (running !== undefined && running.resources === undefined)
    errors.push(forbidden('spec', 'Pod running on node without support for resize'));
  addErrors(errors, podLevelErrors(pod.spec.resources, old.spec.resources));
  if ((old.status.nodeAllocatableResourceClaimStatuses ?? []).length > 0)
    errors.push(forbidden('spec', 'pods with node allocatable resource claims cannot be resized'));
  const order = orderErrors(pod, old);
  errors.push(...order);
  if (order.length > 0) return errors;
  for (const list of ['initContainers', 'containers'] as const)
    for (const [index, container] of (pod.spec[list] ?? []).entries())
      addErrors(
        errors,
        removedErrors(
          container.resources,
          old.spec[list]?.[index]?.resources,
          'resource',
          `spec.${list}[${index}].resources`,
        ),
      );
  addErrors(errors, otherChanges(pod.spec, old.spec));
  if (errors.length > 0) return errors;
  return equalAs('core/v1.PodSpec', withComputeOf(pod.spec, old.spec), old.spec)
    ? []
    : [forbidden('spec', 'only cpu and memory resources are mutable')];
}

function orderErrors(pod: Pod, old: Pod): FieldError[] {
  return (['containers', 'initContainers'] as const).flatMap(list => {
    const [after, before] = [pod.spec[list] ?? [], old.spec[list] ?? []];
    if (after.length !== before.length)
      return [forbidden(`spec.${list}`, `${list} may not be added or removed on resize`)];
    return before.flatMap((container, index) =>
      after[index]?.name === container.name
        ? []
        : [forbidden(`spec.${list}[${index}].name`, `${list} may not be renamed or reordered on resize`)],
    );
  });
}

function hasRemoved(after: ResourceList | undefined, before: ResourceList | undefined): boolean {
  return Object.keys(before ?? {}).some(name => !Object.hasOwn(after ?? {}, name));
}

function removedErrors(
  after: ResourceRequirements | undefined,
  before: ResourceRequirements | undefined,
  what: string,
  path: string,
): FieldError[] {
  return (['requests', 'limits'] as const).flatMap(side =>
    hasRemoved(after?.[side], before?.[side])
      ? [forbidden(`${path}.${side}`, `${what} ${side} cannot be removed`)]
      : [],
  );
}

function isSet(resources: ResourceRequirements | undefined): boolean {
  return Object.keys({ ...resources?.requests, ...resources?.limits }).length > 0;
}

function podLevelErrors(
  after: ResourceRequirements | undefined,
  before: ResourceRequirements | undefined,
): FieldError[] {
  if (!isSet(after) && !isSet(before)) return [];
  if (before !== undefined && after === undefined)
    return [forbidden('spec.resources', 'pod-level resources cannot be removed')];
  const errors = before === undefined ? [] : removedErrors(after, before, 'pod-level resource', 'spec.resources');
  return equalAs('core/v1.ResourceRequirements', podLevelOf(after, before) ?? {}, before ?? {})
    ? errors
    : [...errors, forbidden('spec', 'only cpu and memory resources are mutable at pod-level')];
}

/** Pod-level resources with cpu and memory of the old ones; none where there were none and nothing else is there. */
function podLevelOf(
  after: ResourceRequirements | undefined,
  before: ResourceRequirements | undefined,
): ResourceRequirements | undefined {
  if (after === undefined) return undefined;
  const masked = {
    ...after,
    requests: withCompute(after.requests, before?.requests),
    limits: withCompute(after.limits, before?.limits),
  };
  const empty =
    Object.keys({ ...masked.requests, ...masked.limits }).length === 0 && (masked.claims ?? []).length === 0;
  return before === undefined && empty ? undefined : masked;
}

/** Changes of containers beside cpu and memory. */
function otherChanges(spec: PodSpec, old: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, container] of spec.containers.entries())
    if (!sameBeside(container, old.containers[index]))
      errors.push(forbidden('spec', 'only cpu and memory resources are mutable'));
  for (const [index, container] of (spec.initContainers ?? []).entries()) {
    const before = old.initContainers?.[index];
    const at = `spec.initContainers[${index}]`;
    if (!sameBeside(container, before))
      errors.push(forbidden(at, 'only cpu and memory resources for init or sidecar containers are mutable'));
    if (container.restartPolicy !== 'Always' && !equalAs('core/v1.Container', container, before))
      for (const policy of container.resizePolicy ?? [])
        if (policy.restartPolicy === 'RestartContainer')
          errors.push(
            forbidden(at, 'non-sidecar init containers with a resize policy of RestartContainer cannot be resized'),
          );
  }
  return errors;
}

function sameBeside(container: Container, before: Container | undefined): boolean {
  return before !== undefined && equalAs('core/v1.Container', maskedContainer(container, before), before);
}

/** Claims do not survive upstream's comparison, so a container that has some counts as changed. */
function maskedContainer(container: Container, before: Container): Container {
  const { limits, requests } = container.resources;
  return {
    ...container,
    resources: {
      limits: withCompute(limits, before.resources.limits),
      requests: withCompute(requests, before.resources.requests),
    },
  };
}

function withComputeOf(spec: PodSpec, old: PodSpec): PodSpec {
  const ofContainers = (after: readonly Container[] | undefined, before: readonly Container[] | undefined) =>
    after?.map((container, index) => {
      const was = before?.[index];
      return was === undefined ? container : maskedContainer(container, was);
    });
  const masked = isSet(spec.resources) || isSet(old.resources);
  const resources = masked ? podLevelOf(spec.resources, old.resources) : spec.resources;
  return {
    ...spec,
    resources,
    containers: ofContainers(spec.containers, old.containers) ?? [],
    initContainers: ofContainers(spec.initContainers, old.initContainers),
  };
}

/** The amounts with cpu and memory as they were. */
function withCompute(amounts: ResourceList | undefined, old: ResourceList | undefined): ResourceList {
  const { cpu: _cpu, memory: _memory, ...rest } = amounts ?? {};
  const kept: Record<string, string> = { ...rest };
  for (const name of ['cpu', 'memory']) {
    const value = old?.[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

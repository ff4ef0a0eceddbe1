import { goQuote } from '../../../../api/go-quote.ts';
import { qosClass } from '../../../../api/pod-resources.ts';
import { equalAs, equalValues } from '../../../../api/semantic-equal.ts';
import type { Container, EphemeralContainer, Pod, PodSpec } from '../../../../api/types/gen/core-v1.ts';
import { type FieldError, forbidden, invalid, required } from '../../../../api/validation/field-error.ts';
import { dns1123Subdomain } from '../../../../api/validation/names.ts';
import { immutable } from '../../../../api/validation/object-meta-update.ts';
import { validatePodSpec } from '../../../../api/validation/pod.ts';
import { changedPaths } from '../../changed-paths.ts';

const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

/** What upstream names as changeable, in its order. */
const UPDATABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

/** A pod's spec stays as it is but for images, a nearer deadline, more tolerations and fewer scheduling gates. */
export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors = [...mirrorErrors(pod, old), ...validatePodSpec(pod.spec, 'spec')];
  for (const list of ['containers', 'initContainers'] as const) {
    const after = pod.spec[list] ?? [];
    const before = old.spec[list] ?? [];
    if (after.length !== before.length)
      return [...errors, forbidden(`spec.${list}`, 'pod updates may not add or remove containers')];
    for (const [index, container] of after.entries())
      errors.push(...imageErrors(container, `spec.${list}[${index}].image`));
  }
  const deadline = deadlineError(pod, old);
  if (deadline !== undefined) errors.push(deadline);
  if (!tolerationsKept(pod, old))
    errors.push(forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds'));
  const hadGates = new Set((old.spec.schedulingGates ?? []).map(gate => gate.name));
  for (const [index, gate] of (pod.spec.schedulingGates ?? []).entries())
    if (!hadGates.has(gate.name))
      errors.push(
        forbidden(
          `spec.schedulingGates[${index}].name`,
          `only deletion is allowed, but found new scheduling gate '${gate.name}'`,
        ),
      );
  const rest = withAllowedOf(pod.spec, old.spec);
  if (!equalAs('core/v1.PodSpec', rest, old.spec))
    errors.push(
      forbidden(
        'spec',
        `pod updates may not change fields other than ${UPDATABLE}\n${changedPaths(old.spec, rest, 'spec').join('\n')}`,
      ),
    );
  return errors;
}

/** A node may make mirror pods; none of them becomes a pod for which the node may read what the API holds, nor the other way round. */
function mirrorErrors(pod: Pod, old: Pod): FieldError[] {
  const after = pod.metadata.annotations?.[MIRROR_ANNOTATION];
  const before = old.metadata.annotations?.[MIRROR_ANNOTATION];
  if (after === before) return [];
  const because =
    before === undefined ? 'may not add mirror pod annotation' : 'may not remove or update mirror pod annotation';
  return [forbidden(`metadata.annotations[${MIRROR_ANNOTATION}]`, because)];
}

function imageErrors(container: Container, path: string): FieldError[] {
  const image = container.image ?? '';
  if (image === '') return [required(path)];
  return image.trim() === image ? [] : [invalid(path, image, 'must not have leading or trailing whitespace')];
}

function deadlineError(pod: Pod, old: Pod): FieldError | undefined {
  const after = pod.spec.activeDeadlineSeconds;
  const before = old.spec.activeDeadlineSeconds;
  const at = 'spec.activeDeadlineSeconds';
  if (after === undefined)
    return before === undefined ? undefined : invalid(at, null, 'must not update from a positive integer to nil value');
  return before !== undefined && before < after
    ? invalid(at, after, 'must be less than or equal to previous value')
    : undefined;
}

function tolerationsKept(pod: Pod, old: Pod): boolean {
  const after = pod.spec.tolerations ?? [];
  return (old.spec.tolerations ?? []).every(before =>
    after.some(candidate => equalValues({ ...candidate, tolerationSeconds: before.tolerationSeconds }, before)),
  );
}

/** The new spec with everything that may change set back to the old one. */
function withAllowedOf(spec: PodSpec, old: PodSpec): PodSpec {
  const images = (after: readonly Container[] | undefined, before: readonly Container[] | undefined) =>
    after?.map((container, index) => ({ ...container, image: before?.[index]?.image }));
  const grace =
    (old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1
      ? old.terminationGracePeriodSeconds
      : spec.terminationGracePeriodSeconds;
  // A pod that waits at its gates may still be steered to other nodes; that it is narrowed only is not looked at here.
  const gated = (old.schedulingGates ?? []).length > 0;
  return {
    ...spec,
    containers: images(spec.containers, old.containers) ?? [],
    initContainers: images(spec.initContainers, old.initContainers),
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    schedulingGates: old.schedulingGates,
    tolerations: old.tolerations,
    terminationGracePeriodSeconds: grace,
    ...(gated ? { nodeSelector: old.nodeSelector, affinity: gatedAffinity(spec, old) } : {}),
  };
}

function gatedAffinity(spec: PodSpec, old: PodSpec): PodSpec['affinity'] {
  if (spec.affinity === undefined && old.affinity?.nodeAffinity === undefined) return undefined;
  const affinity = { ...spec.affinity, nodeAffinity: old.affinity?.nodeAffinity };
  return equalValues(affinity, {}) && old.affinity === undefined ? undefined : affinity;
}

/** Through pods/status: what a kubelet may not say. */
export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors = mirrorErrors(pod, old);
  const { nominatedNodeName = '', observedGeneration = 0 } = pod.status;
  if (nominatedNodeName !== '' && nominatedNodeName !== (old.status.nominatedNodeName ?? '')) {
    for (const reason of dns1123Subdomain(nominatedNodeName))
      errors.push(invalid('status.nominatedNodeName', nominatedNodeName, reason));
    if ((old.spec.nodeName ?? '') !== '')
      errors.push(forbidden('status.nominatedNodeName', 'may not be set on pods that are already bound to a node'));
  }
  if (observedGeneration < 0)
    errors.push(invalid('status.observedGeneration', observedGeneration, 'must be a non-negative integer'));
  errors.push(...immutable('status.qosClass', pod.status.qosClass, old.status.qosClass));
  errors.push(...resurrected(pod, old));
  return errors;
}

/** A container that has ended for good does not run again. */
function resurrected(pod: Pod, old: Pod): FieldError[] {
  const { restartPolicy } = old.spec;
  return (old.status.containerStatuses ?? []).flatMap((before, index) => {
    const after = pod.status.containerStatuses?.find(status => status.name === before.name);
    const code = before.state.terminated?.exitCode;
    if (code === undefined || after === undefined || after.state.terminated !== undefined) return [];
    const container = old.spec.containers.find(c => c.name === before.name);
    const policy = container?.restartPolicy ?? restartPolicy;
    const rules = (container?.restartPolicyRules ?? []).length > 0;
    if (rules || policy === 'Always' || (policy === 'OnFailure' && code !== 0)) return [];
    return [forbidden(`status.containerStatuses[${index}].state`, 'may not be transitioned to non-terminated state')];
  });
}

/** Through pods/ephemeralcontainers: containers are added, never changed or taken away. */
export function validateEphemeralContainersUpdate(pod: Pod, old: Pod): FieldError[] {
  if (old.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined)
    return [forbidden('[]', 'static pods do not support ephemeral containers')];
  const errors = validatePodSpec(pod.spec, 'spec');
  const at = 'spec.ephemeralContainers';
  for (const before of old.spec.ephemeralContainers ?? []) {
    const after = pod.spec.ephemeralContainers?.find((c: EphemeralContainer) => c.name === before.name);
    const name = goQuote(before.name);
    if (after === undefined) errors.push(forbidden(at, `existing ephemeral containers ${name} may not be removed\n`));
    else if (!equalAs('core/v1.EphemeralContainer', after, before))
      errors.push(
        forbidden(
          at,
          `existing ephemeral containers ${name} may not be changed\n${changedPaths(before, after, before.name).join('\n')}`,
        ),
      );
  }
  return errors;
}

/** Through pods/resize: cpu and memory of containers, within the pod's QoS class. */
export function validatePodResize(pod: Pod, old: Pod): FieldError[] {
  if (old.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined)
    return [forbidden('[]', 'static pods cannot be resized')];
  if (old.spec.os?.name === 'windows') return [forbidden('[]', 'windows pods cannot be resized')];
  const errors = validatePodSpec(pod.spec, 'spec');
  if ((old.status.qosClass ?? qosClass(old)) !== qosClass(pod))
    errors.push(invalid('spec', pod.status.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing'));
  for (const list of ['initContainers', 'containers'] as const) {
    const after = pod.spec[list] ?? [];
    const before = old.spec[list] ?? [];
    if (after.length !== before.length || after.some((container, i) => container.name !== before[i]?.name))
      return [...errors, forbidden('spec', 'containers may not be renamed or reordered on resize')];
    for (const [index, container] of after.entries()) {
      const was = before[index];
      if (was === undefined) continue;
      errors.push(...removedResources(container, was, `spec.${list}[${index}].resources`));
    }
  }
  if (errors.length > 0) return errors;
  return equalAs('core/v1.PodSpec', withResourcesOf(pod.spec, old.spec), old.spec)
    ? []
    : [forbidden('spec', 'only cpu and memory resources are mutable')];
}

function removedResources(container: Container, old: Container, path: string): FieldError[] {
  return (['requests', 'limits'] as const).flatMap(side =>
    ['cpu', 'memory'].some(
      name => old.resources[side]?.[name] !== undefined && container.resources[side]?.[name] === undefined,
    )
      ? [forbidden(`${path}.${side}`, `resource ${side} cannot be removed`)]
      : [],
  );
}

function withResourcesOf(spec: PodSpec, old: PodSpec): PodSpec {
  const restore = (containers: readonly Container[] | undefined, before: readonly Container[] | undefined) =>
    containers?.map((container, index) => ({
      ...container,
      resources: {
        ...container.resources,
        requests: withCompute(container.resources.requests, before?.[index]?.resources.requests),
        limits: withCompute(container.resources.limits, before?.[index]?.resources.limits),
      },
    }));
  return {
    ...spec,
    containers: restore(spec.containers, old.containers) ?? [],
    initContainers: restore(spec.initContainers, old.initContainers),
  };
}

type Amounts = Readonly<Record<string, string>> | undefined;

function withCompute(amounts: Amounts, old: Amounts): Amounts {
  const { cpu: _cpu, memory: _memory, ...rest } = amounts ?? {};
  const kept: Record<string, string> = { ...rest };
  for (const name of ['cpu', 'memory']) {
    const value = old?.[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

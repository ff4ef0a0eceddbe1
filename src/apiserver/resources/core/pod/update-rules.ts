import { goQuote } from '../../../../api/go-quote.ts';
import { equalAs, equalValues } from '../../../../api/semantic-equal.ts';
import type {
  Container,
  NodeAffinity,
  NodeSelectorTerm,
  Pod,
  PodSpec,
  Toleration,
} from '../../../../api/types/gen/core-v1.ts';
import { addErrors, type FieldError, forbidden, invalid, required } from '../../../../api/validation/field-error.ts';
import { internalForm, mapForm } from '../../../../api/validation/internal-form.ts';
import { keptOf, validatePodParts } from '../../../../api/validation/pod.ts';
import { MIRROR, validatePodAnnotationUpdate } from '../../../../api/validation/pod-annotations.ts';
import { validateTolerations } from '../../../../api/validation/tolerations.ts';
import { changedPaths } from '../../changed-paths.ts';

const MAX_INT32 = 2147483647;

/** What upstream names as changeable, in its order. */
const UPDATABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

/** The rules of a pod as it is, in which the stored one may keep what it has. */
export function currentRules(pod: Pod, old: Pod): FieldError[] {
  return validatePodParts(pod, { pod: pod.metadata, kept: keptOf(old.spec, old.metadata) });
}

/** What an update of any kind may not do to the annotations of a pod. */
export function annotationChanges(pod: Pod, old: Pod): FieldError[] {
  const [after, before] = [pod.metadata.annotations ?? {}, old.metadata.annotations ?? {}];
  return validatePodAnnotationUpdate(after, before, 'metadata.annotations');
}

/** A pod's spec stays as it is but for images, a nearer deadline, more tolerations and fewer scheduling gates. */
export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors = [...currentRules(pod, old), ...annotationChanges(pod, old)];
  for (const list of ['containers', 'initContainers'] as const) {
    const after = pod.spec[list] ?? [];
    if (after.length !== (old.spec[list] ?? []).length)
      return [...errors, forbidden(`spec.${list}`, 'pod updates may not add or remove containers')];
    for (const [index, container] of after.entries())
      errors.push(...imageErrors(container, `spec.${list}[${index}].image`));
  }
  const deadline = deadlineErrors(pod, old);
  errors.push(...deadline.errors);
  if (deadline.stop) return errors;
  if (tolerationsKept(pod, old)) addErrors(errors, validateTolerations(pod.spec.tolerations, 'spec.tolerations'));
  else
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
  if (hadGates.size > 0) addErrors(errors, steeringErrors(pod.spec, old.spec));
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

function imageErrors(container: Container, path: string): FieldError[] {
  const image = container.image ?? '';
  if (image === '') return [required(path)];
  return image.trim() === image ? [] : [invalid(path, image, 'must not have leading or trailing whitespace')];
}

/** A deadline comes nearer and never goes. `stop`: upstream looks no further. */
function deadlineErrors(pod: Pod, old: Pod): { readonly errors: FieldError[]; readonly stop: boolean } {
  const after = pod.spec.activeDeadlineSeconds;
  const before = old.spec.activeDeadlineSeconds;
  const at = 'spec.activeDeadlineSeconds';
  if (after === undefined)
    return {
      errors: before === undefined ? [] : [invalid(at, null, 'must not update from a positive integer to nil value')],
      stop: false,
    };
  if (after < 0 || after > MAX_INT32)
    return { errors: [invalid(at, after, `must be between 0 and ${MAX_INT32}, inclusive`)], stop: true };
  return before !== undefined && before < after
    ? { errors: [invalid(at, after, 'must be less than or equal to previous value')], stop: true }
    : { errors: [], stop: false };
}

/** Each that was there is there still, but for how long it holds. */
function tolerationsKept(pod: Pod, old: Pod): boolean {
  const textOf = ({ key, operator, value, effect }: Toleration): string =>
    JSON.stringify([key ?? '', operator ?? '', value ?? '', effect ?? '']);
  const after = new Set((pod.spec.tolerations ?? []).map(textOf));
  return (old.spec.tolerations ?? []).every(before => after.has(textOf(before)));
}

/** A pod that waits at its gates may be steered to fewer nodes, never to others. */
function steeringErrors(spec: PodSpec, old: PodSpec): FieldError[] {
  const { nodeSelector: before = {} } = old;
  const after = spec.nodeSelector ?? {};
  const kept = Object.entries(before).every(([key, value]) => Object.hasOwn(after, key) && after[key] === value);
  const errors = kept
    ? []
    : [
        invalid(
          'spec.nodeSelector',
          mapForm(spec.nodeSelector),
          'only additions to spec.nodeSelector are allowed (no mutations or deletions)',
        ),
      ];
  const [now, was] = [spec.affinity?.nodeAffinity, old.affinity?.nodeAffinity];
  return equalAs('core/v1.NodeAffinity', now, was) ? errors : [...errors, ...narrowingErrors(now, was)];
}

function narrowingErrors(now: NodeAffinity | undefined, was: NodeAffinity | undefined): FieldError[] {
  const field = 'requiredDuringSchedulingIgnoredDuringExecution';
  const before = was?.[field]?.nodeSelectorTerms ?? [];
  const after = now?.[field]?.nodeSelectorTerms;
  const at = `spec.affinity.nodeAffinity.${field}.nodeSelectorTerms`;
  const shown = (term: NodeSelectorTerm): unknown => internalForm('core/v1.NodeSelectorTerm', term);
  if (before.length === 0) return [];
  if (before.length !== (after ?? []).length)
    return [
      invalid(at, after?.map(shown) ?? null, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed'),
    ];
  return (after ?? []).flatMap((term, index) => {
    const old = before[index];
    return old === undefined || onlyAdds(term, old)
      ? []
      : [invalid(`${at}[${index}]`, shown(term), 'only additions are allowed (no mutations or deletions)')];
  });
}

/** A term without requirements selects nothing, so adding some would widen it. */
function onlyAdds(term: NodeSelectorTerm, old: NodeSelectorTerm): boolean {
  const sides = ['matchExpressions', 'matchFields'] as const;
  if (sides.every(side => (old[side] ?? []).length === 0)) return sides.every(side => (term[side] ?? []).length === 0);
  return sides.every(side => {
    const before = old[side] ?? [];
    return equalValues((term[side] ?? []).slice(0, before.length), before);
  });
}

/** The new spec with everything that may change set back to the old one. */
function withAllowedOf(spec: PodSpec, old: PodSpec): PodSpec {
  const images = (after: readonly Container[] | undefined, before: readonly Container[] | undefined) =>
    after?.map((container, index) => ({ ...container, image: before?.[index]?.image }));
  const grace =
    (old.terminationGracePeriodSeconds ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1
      ? old.terminationGracePeriodSeconds
      : spec.terminationGracePeriodSeconds;
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
  const { nodeAffinity: _, ...others } = spec.affinity ?? {};
  if (old.affinity === undefined && equalValues(others, {})) return undefined;
  return { ...others, nodeAffinity: old.affinity?.nodeAffinity };
}

/** Through pods/ephemeralcontainers: containers are added, never changed or taken away. */
export function validateEphemeralContainersUpdate(pod: Pod, old: Pod): FieldError[] {
  if (old.metadata.annotations?.[MIRROR] !== undefined)
    return [forbidden('[]', 'static pods do not support ephemeral containers')];
  const errors = [...currentRules(pod, old), ...annotationChanges(pod, old)];
  const at = 'spec.ephemeralContainers';
  // of several with one name the last counts
  const named = new Map((pod.spec.ephemeralContainers ?? []).map(container => [container.name, container]));
  for (const before of old.spec.ephemeralContainers ?? []) {
    const after = named.get(before.name);
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

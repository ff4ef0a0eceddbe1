import type { LabelSelector } from '../selectors/label-selector.ts';
import type { PodTemplateSpec } from '../types/gen/core-v1.ts';
import { type FieldError, forbidden, invalid, notSupported } from './field-error.ts';
import { mapForm } from './internal-form.ts';
import { validateAnnotations, validateLabels } from './object-meta.ts';
import { keptOf, validatePodSpec } from './pod.ts';
import { validatePodAnnotations } from './pod-annotations.ts';
import { NEW_TEMPLATE } from './pod-options.ts';
import { validateProfileAgreement } from './security-profiles.ts';

/**
 * The pod of a workload. It has no name, and nobody debugs a template. With `old`, the template that is stored, faults that
 * it has already may stay.
 */
export function validatePodTemplate(template: PodTemplateSpec, path: string, old?: PodTemplateSpec): FieldError[] {
  const { metadata, spec } = template;
  const options = old === undefined ? NEW_TEMPLATE : { pod: undefined, kept: keptOf(old.spec, old.metadata) };
  return [
    ...validateLabels(metadata.labels, `${path}.labels`),
    ...validateAnnotations(metadata.annotations, `${path}.annotations`),
    ...validatePodAnnotations(metadata.annotations ?? {}, spec, options.kept, `${path}.annotations`),
    ...validatePodSpec(spec, `${path}.spec`, options),
    ...validateProfileAgreement(metadata, spec, `${path}.spec`),
    ...((spec.ephemeralContainers ?? []).length > 0
      ? [forbidden(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template')]
      : []),
  ];
}

/** The error of a template whose pods its own selector would not find. */
export function validateTemplateLabels(
  template: PodTemplateSpec,
  selector: LabelSelector | undefined,
  path: string,
): FieldError[] {
  if (selector === undefined || selector.isEmpty() || selector.matches(template.metadata.labels)) return [];
  return [
    invalid(
      `${path}.metadata.labels`,
      mapForm(template.metadata.labels),
      '`selector` does not match template `labels`',
    ),
  ];
}

/** What pods that are to run forever may not say. `kind` as it stands in upstream's text. */
export function validateAlwaysRunning(template: PodTemplateSpec, kind: string, path: string): FieldError[] {
  const { restartPolicy, activeDeadlineSeconds } = template.spec;
  return [
    ...(restartPolicy === 'Always'
      ? []
      : [notSupported(`${path}.spec.restartPolicy`, restartPolicy ?? '', ['Always'])]),
    ...(activeDeadlineSeconds === undefined
      ? []
      : [forbidden(`${path}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`)]),
  ];
}

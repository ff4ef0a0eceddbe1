import type { LabelSelector } from '../selectors/label-selector.ts';
import type { PodTemplateSpec } from '../types/gen/core-v1.ts';
import { type FieldError, forbidden, invalid, notSupported } from './field-error.ts';
import { validateAnnotations, validateLabels } from './object-meta.ts';
import { validatePodSpec } from './pod.ts';

/** The pod of a workload. It has no name, and nobody debugs a template. */
export function validatePodTemplate(template: PodTemplateSpec, path: string): FieldError[] {
  return [
    ...validateLabels(template.metadata.labels, `${path}.labels`),
    ...validateAnnotations(template.metadata.annotations, `${path}.annotations`),
    ...validatePodSpec(template.spec, `${path}.spec`),
    ...((template.spec.ephemeralContainers ?? []).length > 0
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
    invalid(`${path}.metadata.labels`, template.metadata.labels ?? null, '`selector` does not match template `labels`'),
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

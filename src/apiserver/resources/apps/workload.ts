import { type LabelSelector, labelSelectorOf } from '../../../api/selectors/label-selector.ts';
import type { PodTemplateSpec } from '../../../api/types/gen/core-v1.ts';
import type { LabelSelector as LabelSelectorObject } from '../../../api/types/gen/meta-v1.ts';
import { hasInvalidAffinitySelector } from '../../../api/validation/affinity.ts';
import { type FieldError, invalid, required } from '../../../api/validation/field-error.ts';
import {
  hasInvalidSelectorValue,
  isEmptySelector,
  validateLabelSelector,
} from '../../../api/validation/label-selector.ts';
import { dns1123Label } from '../../../api/validation/names.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import {
  validateAlwaysRunning,
  validatePodTemplate,
  validateTemplateLabels,
} from '../../../api/validation/pod-template.ts';
import { podSpecWarnings } from '../../../api/validation/pod-warnings.ts';
import { withoutDisabledTemplateFields } from '../core/pod/disabled-fields.ts';
import type { ApiObject } from '../strategy.ts';

/** The selector of a workload: there, not empty. `kind` as upstream's text names it. */
export function validateWorkloadSelector(selector: LabelSelectorObject | undefined, kind: string): FieldError[] {
  if (selector === undefined) return [required('spec.selector')];
  const errors = validateLabelSelector(selector, 'spec.selector');
  if (isEmptySelector(selector))
    errors.push(invalid('spec.selector', selector, `empty selector is invalid for ${kind}`));
  return errors;
}

/** True where a stored workload selects by values that no label has: it may go on so. */
export function mayKeepSelectorValues(
  old: (WithTemplate & { readonly spec: { readonly selector?: LabelSelectorObject | undefined } }) | undefined,
): boolean {
  return (
    old !== undefined &&
    (hasInvalidSelectorValue(old.spec.selector) || hasInvalidAffinitySelector(old.spec.template.spec))
  );
}

/** What a selector finds: nothing where there is none, `unreadable` where it is malformed. */
export function readSelector(selector: LabelSelectorObject | undefined): LabelSelector | 'nothing' | 'unreadable' {
  try {
    return labelSelectorOf(selector) ?? 'nothing';
  } catch {
    return 'unreadable';
  }
}

/** The error of a template whose pods its own selector would not find; an absent selector finds none. */
export function selectedErrors(template: PodTemplateSpec, selector: LabelSelector | 'nothing'): FieldError[] {
  const at = 'spec.template';
  if (selector !== 'nothing') return validateTemplateLabels(template, selector, at);
  const { labels = null } = template.metadata;
  return [invalid(`${at}.metadata.labels`, labels, '`selector` does not match template `labels`')];
}

/** The template of replica sets, and of deployments, which make them. It is looked at only where the selector can be read. */
export function validateReplicaTemplate(
  selector: LabelSelectorObject | undefined,
  template: PodTemplateSpec,
  old: PodTemplateSpec | undefined,
): FieldError[] {
  const parsed = readSelector(selector);
  if (parsed === 'unreadable') return [invalid('spec.selector', selector, 'invalid label selector')];
  return [
    ...selectedErrors(template, parsed),
    ...validatePodTemplate(template, 'spec.template', old),
    ...validateAlwaysRunning(template, 'ReplicaSet', 'spec.template'),
  ];
}

/** The workload without the fields of its template that are switched off; one that is stored keeps what it has. */
export function withoutDisabledFields<T extends WithTemplate>(workload: T, old?: T): T {
  const template = withoutDisabledTemplateFields(workload.spec.template, old?.spec.template);
  return { ...workload, spec: { ...workload.spec, template } };
}

interface WithTemplate {
  readonly spec: { readonly template: PodTemplateSpec };
}

/** What is said of a workload's pod. */
export function templateWarnings({ spec: { template } }: WithTemplate): string[] {
  return podSpecWarnings(template.spec, template.metadata, 'spec.template');
}

/** The same where the spec changed. */
export function changedTemplateWarnings<T extends WithTemplate & ApiObject>(workload: T, old: T): string[] {
  return workload.metadata.generation === old.metadata.generation ? [] : templateWarnings(workload);
}

/** Pods are named after their workload, and their names are host names. */
export function podNameWarnings(name: string | undefined): string[] {
  const reasons = dns1123Label(name ?? '');
  return reasons.length === 0
    ? []
    : [
        `metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [${reasons.join(' ')}]`,
      ];
}

/** Counters of a status: none negative, none above another. */
export function statusCounters(
  status: object,
  names: readonly string[],
  atMost: readonly (readonly [name: string, limit: string, detail: string])[],
): FieldError[] {
  const values = new Map(Object.entries(status));
  const read = (name: string): number => {
    const value: unknown = values.get(name);
    return typeof value === 'number' ? value : 0;
  };
  return [
    ...names.flatMap(name => nonNegative(`status.${name}`, read(name))),
    ...atMost.flatMap(([name, limit, detail]) =>
      read(name) > read(limit) ? [invalid(`status.${name}`, read(name), detail)] : [],
    ),
  ];
}

/** A collision count is part of names that are in use: once it is there it only grows. */
export function collisionCount(
  status: { readonly collisionCount?: number | undefined },
  old: { readonly collisionCount?: number | undefined },
): FieldError[] {
  if (old.collisionCount === undefined) return [];
  const { collisionCount: count } = status;
  return count === undefined || count < old.collisionCount
    ? [invalid('status.collisionCount', count ?? 0, 'cannot be decremented')]
    : [];
}

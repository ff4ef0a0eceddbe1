import { errorMessage } from '../../base/errors.ts';
import { decodeValue, parseJson } from '../decode/json/decode-json.ts';
import { builtinTable } from '../schema/builtin.ts';
import type { PodSpec, Toleration } from '../types/gen/core-v1.ts';
import { addErrors, type FieldError, forbidden, invalid } from './field-error.ts';
import type { Kept } from './pod-options.ts';
import { APPARMOR_CONTAINER, validateProfileAnnotations } from './security-profiles.ts';
import { validateTolerations } from './tolerations.ts';

/** Set by kubelets on the pods of their own files. */
export const MIRROR = 'kubernetes.io/config.mirror';
const TOLERATIONS = 'scheduler.alpha.kubernetes.io/tolerations';
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

type Annotations = Readonly<Record<string, string>>;

/** Annotations of a pod that mean something to the API. */
export function validatePodAnnotations(
  annotations: Annotations,
  spec: PodSpec,
  kept: Kept,
  path: string,
): FieldError[] {
  const mirror = annotations[MIRROR];
  const errors: FieldError[] = [];
  if (mirror !== undefined && (spec.nodeName ?? '') === '')
    errors.push(invalid(`${path}[${MIRROR}]`, mirror, 'must set spec.nodeName if mirror pod annotation is set'));
  addErrors(errors, tolerationErrors(annotations[TOLERATIONS] ?? '', path));
  if (!kept.deletionCost && hasInvalidDeletionCost(annotations))
    errors.push(invalid(`${path}[${DELETION_COST}]`, annotations[DELETION_COST], 'must be a 32bit integer'));
  return [...errors, ...validateProfileAnnotations(annotations, spec, path)];
}

function tolerationErrors(text: string, path: string): FieldError[] {
  if (text === '') return [];
  try {
    const list = parseJson(text);
    if (list !== null && !Array.isArray(list))
      throw new Error(`json: cannot unmarshal ${jsonKind(list)} into Go value of type []core.Toleration`);
    const type = builtinTable.struct('core/v1.Toleration');
    const tolerations = ((list ?? []) as unknown[]).map(
      item => decodeValue(type, item).object as unknown as Toleration,
    );
    return validateTolerations(tolerations, `${path}.${TOLERATIONS}`);
  } catch (error) {
    return [invalid(path, TOLERATIONS, errorMessage(error))];
  }
}

function jsonKind(value: unknown): string {
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** True for a deletion cost that is no 32-bit number in its shortest spelling. */
export function hasInvalidDeletionCost(annotations: Annotations): boolean {
  const text = annotations[DELETION_COST];
  if (text === undefined) return false;
  const value = Number(text);
  return !/^(0|-?[1-9]\d*|-0\d*)$/.test(text) || value < -2147483648 || value > 2147483647;
}

/** What may not happen to the annotations of a pod that is there. */
export function validatePodAnnotationUpdate(after: Annotations, before: Annotations, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(before)) {
    if (after[key] === value) continue;
    if (key.startsWith(APPARMOR_CONTAINER))
      errors.push(forbidden(`${path}[${key}]`, 'may not remove or update AppArmor annotations'));
    if (key === MIRROR) errors.push(forbidden(`${path}[${key}]`, 'may not remove or update mirror pod annotation'));
  }
  for (const key of Object.keys(after)) {
    if (Object.hasOwn(before, key)) continue;
    if (key.startsWith(APPARMOR_CONTAINER))
      errors.push(forbidden(`${path}[${key}]`, 'may not add AppArmor annotations'));
    if (key === MIRROR) errors.push(forbidden(`${path}[${key}]`, 'may not add mirror pod annotation'));
  }
  return errors;
}

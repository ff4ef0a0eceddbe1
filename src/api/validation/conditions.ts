import type { Condition } from '../types/gen/meta-v1.ts';
import { duplicate, type FieldError, invalid, invalidFor, notSupported, required, tooLong } from './field-error.ts';
import { qualifiedName } from './names.ts';

const STATUSES = ['False', 'True', 'Unknown'];
const REASON = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';
const REASON_MATCHER = new RegExp(`^${REASON}$`);
const REASON_TEXT = `a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '${REASON}')`;
const MAX_REASON_BYTES = 1024;
const MAX_MESSAGE_BYTES = 32 * 1024;

/** The conditions of a status that are of the API's common type: one of a type, each complete. */
export function validateConditions(conditions: readonly Condition[] | undefined, path: string): FieldError[] {
  const types = new Set<string>();
  return (conditions ?? []).flatMap((condition, index) => {
    const at = `${path}[${index}]`;
    const errors = types.has(condition.type) ? [duplicate(`${at}.type`, condition.type)] : [];
    types.add(condition.type);
    return [...errors, ...conditionErrors(condition, at)];
  });
}

function conditionErrors(condition: Condition, path: string): FieldError[] {
  const { type, status, observedGeneration = 0, lastTransitionTime, reason, message } = condition;
  const errors = invalidFor(`${path}.type`, type, qualifiedName(type));
  if (!STATUSES.includes(status)) errors.push(notSupported(`${path}.status`, status, STATUSES));
  if (observedGeneration < 0)
    errors.push(invalid(`${path}.observedGeneration`, observedGeneration, 'must be greater than or equal to zero'));
  if (lastTransitionTime === undefined) errors.push(required(`${path}.lastTransitionTime`));
  if (reason === '') errors.push(required(`${path}.reason`));
  else {
    if (!REASON_MATCHER.test(reason)) errors.push(invalid(`${path}.reason`, reason, REASON_TEXT));
    if (Buffer.byteLength(reason) > MAX_REASON_BYTES) errors.push(tooLong(`${path}.reason`, MAX_REASON_BYTES));
  }
  if (Buffer.byteLength(message) > MAX_MESSAGE_BYTES) errors.push(tooLong(`${path}.message`, MAX_MESSAGE_BYTES));
  return errors;
}

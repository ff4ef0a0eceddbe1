import type {
  DeviceClaim,
  DeviceConfiguration,
  DeviceConstraint,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  DeviceToleration,
  ExactDeviceRequest,
} from '../../../api/types/gen/resource-v1.ts';
import type { RawJson } from '../../../api/types/scalars.ts';
import {
  type FieldError,
  invalid,
  invalidFor,
  notSupported,
  required,
  tooLong,
} from '../../../api/validation/field-error.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import {
  validateDriverName,
  validateFullDeviceKey,
  validateLabelKey,
  validateLabelName,
  validateLabelValue,
} from './device-names.ts';
import { validateItems, validateSet } from './lists.ts';

const MAX_REQUESTS = 32;
const MAX_ALTERNATIVES = 8;
const MAX_CONSTRAINTS = 32;
export const MAX_CONFIGS = 32;
const MAX_SELECTORS = 32;
const MAX_EXPRESSION_BYTES = 10 * 1024;
const MAX_PARAMETER_BYTES = 10 * 1024;
const EFFECTS = ['NoExecute', 'NoSchedule', 'None'];
const BAD_REFERENCE =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
const ONE_KIND = 'exactly one of `exactly` or `firstAvailable` is required';

/** What a claim asks for. */
export function validateDeviceClaim(claim: DeviceClaim, path: string): FieldError[] {
  const names = requestNames(claim);
  return [
    ...validateSet(claim.requests, MAX_REQUESTS, `${path}.requests`, requestErrors, request => request.name),
    ...validateItems(claim.constraints, MAX_CONSTRAINTS, `${path}.constraints`, (constraint, at) =>
      constraintErrors(constraint, names, at),
    ),
    ...validateItems(claim.config, MAX_CONFIGS, `${path}.config`, (config, at) => [
      ...validateReferences(config.requests, names, `${at}.requests`),
      ...validateConfiguration(config, at),
    ]),
  ];
}

/** The names that the rest of a claim may refer to: `request`, and `request/alternative`. */
export function requestNames({ requests }: DeviceClaim): ReadonlySet<string> {
  return new Set(
    requests.flatMap(({ name, firstAvailable = [] }) => [name, ...firstAvailable.map(sub => `${name}/${sub.name}`)]),
  );
}

/** References to requests, each once. */
export function validateReferences(
  references: readonly string[] | undefined,
  names: ReadonlySet<string>,
  path: string,
): FieldError[] {
  return validateSet(
    references,
    MAX_REQUESTS,
    path,
    (name, at) => validateReference(name, names, at),
    name => name,
  );
}

export function validateReference(name: string, names: ReadonlySet<string>, path: string): FieldError[] {
  const parts = name.split('/');
  if (parts.length > 2) return [invalid(path, name, BAD_REFERENCE)];
  return [
    ...parts.flatMap(part => validateLabelName(part, path)),
    ...(names.has(name) ? [] : [invalid(path, name, BAD_REFERENCE)]),
  ];
}

function requestErrors(request: DeviceRequest, path: string): FieldError[] {
  const { name, exactly, firstAvailable = [] } = request;
  const errors = validateLabelName(name, `${path}.name`);
  if (firstAvailable.length > 0) {
    if (exactly !== undefined) return [...errors, invalid(path, null, `${ONE_KIND}, but multiple fields are set`)];
    const at = `${path}.firstAvailable`;
    return [...errors, ...validateSet(firstAvailable, MAX_ALTERNATIVES, at, alternativeErrors, sub => sub.name)];
  }
  return exactly === undefined
    ? [...errors, required(path, ONE_KIND)]
    : [...errors, ...exactErrors(exactly, `${path}.exactly`)];
}

function alternativeErrors(request: DeviceSubRequest, path: string): FieldError[] {
  return [...validateLabelName(request.name, `${path}.name`), ...exactErrors(request, path)];
}

function exactErrors(request: ExactDeviceRequest | DeviceSubRequest, path: string): FieldError[] {
  const { deviceClassName, selectors, allocationMode = '', count = 0, tolerations = [] } = request;
  return [
    ...(deviceClassName === ''
      ? [required(`${path}.deviceClassName`)]
      : invalidFor(`${path}.deviceClassName`, deviceClassName, dns1123Subdomain(deviceClassName))),
    ...validateSelectors(selectors, `${path}.selectors`),
    ...modeErrors(allocationMode, count, path),
    ...tolerations.flatMap((toleration, i) => validateDeviceToleration(toleration, `${path}.tolerations[${i}]`)),
  ];
}

function modeErrors(mode: string, count: number, path: string): FieldError[] {
  switch (mode) {
    case 'All':
      return count === 0 ? [] : [invalid(`${path}.count`, count, "must not be specified when allocationMode is 'All'")];
    case 'ExactCount':
      return count > 0 ? [] : [invalid(`${path}.count`, count, 'must be greater than zero')];
    default:
      return [notSupported(`${path}.allocationMode`, mode, ['All', 'ExactCount'])];
  }
}

/** Selectors by expression. That an expression is well formed is not looked at here: it is whoever evaluates it that fails. */
export function validateSelectors(selectors: readonly DeviceSelector[] | undefined, path: string): FieldError[] {
  return validateItems(selectors, MAX_SELECTORS, path, ({ cel }, at) => {
    if (cel === undefined) return [required(`${at}.cel`)];
    return Buffer.byteLength(cel.expression) > MAX_EXPRESSION_BYTES
      ? [tooLong(`${at}.cel.expression`, MAX_EXPRESSION_BYTES)]
      : [];
  });
}

function validateDeviceToleration(toleration: DeviceToleration, path: string): FieldError[] {
  const { key = '', operator = '', value = '', effect = '' } = toleration;
  const errors = key === '' ? [] : validateLabelKey(key, `${path}.key`);
  switch (operator) {
    case 'Exists':
      if (value !== '') errors.push(invalid(`${path}.value`, value, 'must be empty for operator `Exists`'));
      break;
    case 'Equal':
      errors.push(...validateLabelValue(value, `${path}.value`));
      break;
    case '':
      errors.push(required(`${path}.operator`));
      break;
    default:
      errors.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']));
  }
  return effect === '' || EFFECTS.includes(effect)
    ? errors
    : [...errors, notSupported(`${path}.effect`, effect, EFFECTS)];
}

function constraintErrors(constraint: DeviceConstraint, names: ReadonlySet<string>, path: string): FieldError[] {
  const { requests, matchAttribute, distinctAttribute } = constraint;
  const errors = validateReferences(requests, names, `${path}.requests`);
  if (matchAttribute !== undefined)
    return [...errors, ...validateFullDeviceKey(matchAttribute, `${path}.matchAttribute`)];
  if (distinctAttribute !== undefined)
    return [...errors, ...validateFullDeviceKey(distinctAttribute, `${path}.distinctAttribute`)];
  const detail = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';
  return [...errors, required(path, detail)];
}

/** What a driver is told about devices, in its own form. */
export function validateConfiguration({ opaque }: DeviceConfiguration, path: string): FieldError[] {
  if (opaque === undefined) return [required(`${path}.opaque`)];
  return [
    ...validateDriverName(opaque.driver, `${path}.opaque.driver`),
    ...validateJsonObject(opaque.parameters, MAX_PARAMETER_BYTES, `${path}.opaque.parameters`),
  ];
}

/** An object of any form, and not too much of it. */
export function validateJsonObject(value: RawJson | undefined, maxBytes: number, path: string): FieldError[] {
  if (value === undefined || value === null) return [required(path)];
  if (Buffer.byteLength(JSON.stringify(value)) > maxBytes) return [tooLong(path, maxBytes)];
  return typeof value === 'object' && !Array.isArray(value)
    ? []
    : [invalid(path, '<value omitted>', 'must be a valid JSON object')];
}

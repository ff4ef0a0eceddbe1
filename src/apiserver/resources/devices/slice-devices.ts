import { parseQuantity } from '../../../api/quantity.ts';
import { equalValues } from '../../../api/semantic-equal.ts';
import type { Counter, CounterSet, Device, DeviceAttribute, DeviceTaint } from '../../../api/types/gen/resource-v1.ts';
import {
  addErrors,
  type FieldError,
  invalid,
  invalidFor,
  notFound,
  oneOf,
  required,
  tooLong,
} from '../../../api/validation/field-error.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { validateNodeSelector } from '../../../api/validation/node-selector.ts';
import { validateCapacity } from './capacity-policy.ts';
import { bindingErrors } from './device-binding.ts';
import { validateDeviceKey, validateLabelKey, validateLabelName, validateLabelValue } from './device-names.ts';
import { validateEntries, validateItems, validateSet } from './lists.ts';

const MAX_KEYS = 32;
const MAX_VALUES = 48;
const MAX_VALUE_BYTES = 64;
const MAX_TAINTS = 16;
const MAX_COUNTER_SETS = 2;
const MAX_COUNTERS = 32;
const SHOWN_KEY = 96;
const SHOWN_COUNTER = 63;
const SEMVER =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/;
const ONE_PLACE =
  'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec';
const LISTS = ['bools', 'ints', 'strings', 'versions'] as const;

/** A device of a slice. `old` is the same device before; `placed` is true where each device says where it can be reached. */
export function validateDevice(device: Device, old: Device | undefined, placed: boolean, path: string): FieldError[] {
  const { attributes, capacity } = device;
  const shared = device.allowMultipleAllocations === true;
  return [
    ...validateLabelName(device.name, `${path}.name`),
    ...sizeErrors(device, path),
    ...validateEntries(
      attributes,
      { most: Number.POSITIVE_INFINITY, shownKey: SHOWN_KEY },
      `${path}.attributes`,
      validateDeviceKey,
      attributeErrors,
    ),
    ...validateEntries(
      capacity,
      { most: Number.POSITIVE_INFINITY, shownKey: SHOWN_KEY },
      `${path}.capacity`,
      validateDeviceKey,
      (each, at) => validateCapacity(each, shared, at),
    ),
    ...(old !== undefined && equalValues(old.taints, device.taints)
      ? []
      : validateItems(device.taints, MAX_TAINTS, `${path}.taints`, taintErrors)),
    ...validateSet(
      device.consumesCounters,
      MAX_COUNTER_SETS,
      `${path}.consumesCounters`,
      ({ counterSet, counters }, at) => [
        ...(counterSet === '' ? [required(`${at}.counterSet`)] : validateLabelName(counterSet, `${at}.counterSet`)),
        ...counterErrors(counters, `${at}.counters`),
      ],
      consumption => consumption.counterSet,
    ),
    ...placeErrors(device, placed, path),
    ...bindingErrors(device, path),
    ...mappingErrors(device, `${path}.nodeAllocatableResourceMappings`),
  ];
}

/** Counters that the devices of a pool share. */
export function validateCounterSet({ name, counters }: CounterSet, path: string): FieldError[] {
  return [
    ...(name === '' ? [required(`${path}.name`)] : validateLabelName(name, `${path}.name`)),
    ...counterErrors(counters, `${path}.counters`),
  ];
}

function counterErrors(counters: Readonly<Record<string, Counter>> | undefined, path: string): FieldError[] {
  if (Object.keys(counters ?? {}).length === 0) return [required(path)];
  return validateEntries(counters, { most: MAX_COUNTERS, shownKey: SHOWN_COUNTER }, path, validateLabelName, () => []);
}

function sizeErrors({ attributes = {}, capacity = {} }: Device, path: string): FieldError[] {
  const keys = Object.keys(attributes).length + Object.keys(capacity).length;
  const values = Object.values(attributes).reduce((sum, attribute) => {
    const listed = LISTS.reduce((count, name) => count + (attribute[name]?.length ?? 0), 0);
    return sum + (listed === 0 ? 1 : listed);
  }, 0);
  return [
    ...(keys > MAX_KEYS
      ? [invalid(path, keys, `the total number of attributes and capacities must not exceed ${MAX_KEYS}`)]
      : []),
    ...(values > MAX_VALUES
      ? [invalid(path, values, `the total number of attribute values must not exceed ${MAX_VALUES}`)]
      : []),
  ];
}

function attributeErrors(attribute: DeviceAttribute, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (attribute.string !== undefined) errors.push(...textErrors(attribute.string, `${path}.string`));
  if (attribute.version !== undefined) errors.push(...versionErrors(attribute.version, `${path}.version`));
  for (const name of LISTS)
    if (attribute[name]?.length === 0)
      errors.push(invalid(`${path}.${name}`, attribute[name], 'must not be empty if specified'));
  for (const [i, item] of (attribute.strings ?? []).entries())
    errors.push(...textErrors(item, `${path}.strings[${i}]`));
  for (const [i, item] of (attribute.versions ?? []).entries())
    errors.push(...versionErrors(item, `${path}.versions[${i}]`));
  const given = Object.values(attribute).filter(value => value !== undefined).length;
  if (given === 1) return errors;
  return [...errors, invalid(path, given === 0 ? '' : attribute, 'exactly one value must be specified')];
}

function textErrors(value: string, path: string): FieldError[] {
  return Buffer.byteLength(value) > MAX_VALUE_BYTES ? [tooLong(path, MAX_VALUE_BYTES)] : [];
}

function versionErrors(value: string, path: string): FieldError[] {
  return [
    ...(SEMVER.test(value) ? [] : [invalid(path, value, 'must be a string compatible with semver.org spec 2.0.0')]),
    ...textErrors(value, path),
  ];
}

function taintErrors({ key, value = '', effect }: DeviceTaint, path: string): FieldError[] {
  return [
    ...validateLabelKey(key, `${path}.key`),
    ...(value === '' ? [] : validateLabelValue(value, `${path}.value`)),
    ...oneOf(`${path}.effect`, effect, ['NoExecute', 'NoSchedule', 'None']),
  ];
}

function placeErrors({ nodeName, nodeSelector, allNodes }: Device, placed: boolean, path: string): FieldError[] {
  if (!placed)
    return nodeName === undefined && nodeSelector === undefined && allNodes === undefined
      ? []
      : [
          invalid(
            path,
            null,
            '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec',
          ),
        ];
  const places: string[] = [];
  const errors: FieldError[] = [];
  if (nodeName === '') errors.push(invalid(`${path}.nodeName`, nodeName, 'must not be empty'));
  else if (nodeName !== undefined) {
    places.push('`nodeName`');
    errors.push(...invalidFor(`${path}.nodeName`, nodeName, dns1123Subdomain(nodeName)));
  }
  if (nodeSelector !== undefined) {
    places.push('`nodeSelector`');
    addErrors(errors, validateNodeSelector(nodeSelector, false, `${path}.nodeSelector`));
  }
  if (allNodes === true) places.push('`allNodes`');
  if (allNodes === false) errors.push(invalid(`${path}.allNodes`, allNodes, 'must be either unset or set to true'));
  if (places.length === 0) errors.push(required(path, ONE_PLACE));
  if (places.length > 1) errors.push(invalid(path, `{${places.join(', ')}}`, ONE_PLACE));
  return errors;
}

function mappingErrors({ nodeAllocatableResourceMappings, capacity }: Device, path: string): FieldError[] {
  return Object.entries(nodeAllocatableResourceMappings ?? {}).flatMap(([name, mapping]) => {
    const at = `${path}[${name}]`;
    const { allocationMultiplier: factor, capacityKey: key } = mapping;
    const errors: FieldError[] = [];
    if (name.includes('/') && !name.includes('kubernetes.io/'))
      errors.push(invalid(at, name, 'must be a node allocatable resource name'));
    if (factor === undefined && key === undefined)
      return [...errors, invalid(at, '', 'at least one of allocationMultiplier or capacityKey must be set')];
    if (factor !== undefined && parseQuantity(factor).nano <= 0n)
      errors.push(invalid(`${at}.allocationMultiplier`, factor, 'must be positive'));
    if (key === '') errors.push(invalid(`${at}.capacityKey`, '', 'capacityKey must not be an empty string'));
    else if (key !== undefined && capacity?.[key] === undefined) errors.push(notFound(`${at}.capacityKey`, key));
    return errors;
  });
}

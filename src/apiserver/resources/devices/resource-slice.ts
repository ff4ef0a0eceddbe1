import type { Device, ResourcePool, ResourceSlice, ResourceSliceSpec } from '../../../api/types/gen/resource-v1.ts';
import { addErrors, type FieldError, invalid, invalidFor, required } from '../../../api/validation/field-error.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { validateNodeSelector } from '../../../api/validation/node-selector.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { AGE, columns, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { validateDriverName, validatePoolName } from './device-names.ts';
import { validateSet } from './lists.ts';
import { validateCounterSet, validateDevice } from './slice-devices.ts';

const MAX_DEVICES = 128;
/** Devices with taints, counters or lists are larger. */
const MAX_LARGE_DEVICES = 64;
const MAX_COUNTER_SETS = 8;
const ONE_PLACE = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';

export const resourceSliceStrategy = defineStrategy<ResourceSlice>(
  { group: 'resource.k8s.io', version: 'v1', plural: 'resourceslices' },
  {
    generation: ['spec'],
    prepareForCreate: (slice, { now }) => withTaintTimes(withoutGated(slice, undefined), now),
    prepareForUpdate: (slice, old, { now }) => withTaintTimes(withoutGated(slice, old), now),
    validate: slice => validateSlice(slice, undefined),
    validateUpdate: validateSlice,
    warnings: ({ spec }) =>
      spec.driver === spec.driver.toLowerCase()
        ? []
        : [
            `spec.driver: driver names should be lowercase; ${JSON.stringify(spec.driver)} contains uppercase characters`,
          ],
    columns: {
      definitions: [
        NAME,
        ...columns({
          Node: 'The node whose devices these are; empty where they are not of one node.',
          Driver: 'The driver that knows the devices.',
          Pool: 'The pool that the devices belong to.',
        }),
        AGE,
      ],
      cells: (slice, now) => [
        slice.metadata.name ?? '',
        slice.spec.nodeName ?? '',
        slice.spec.driver,
        slice.spec.pool.name,
        ageCell(slice, now),
      ],
    },
    fields: ({ spec }) => ({ 'spec.nodeName': spec.nodeName ?? '', 'spec.driver': spec.driver }),
  },
);

const LISTS = ['bools', 'ints', 'strings', 'versions'] as const;

/** Upstream has these fields behind gates that are off (DRAListTypeAttributes, DRANodeAllocatableResources); a slice that has them keeps them. */
function withoutGated(slice: ResourceSlice, old: ResourceSlice | undefined): ResourceSlice {
  const { devices } = slice.spec;
  if (devices === undefined) return slice;
  const before = old?.spec.devices ?? [];
  const keepLists = before.some(hasLists);
  const keepMappings = before.some(device => Object.keys(device.nodeAllocatableResourceMappings ?? {}).length > 0);
  const kept = devices.map(device => {
    const { nodeAllocatableResourceMappings, ...rest } = device;
    const mapped = keepMappings ? device : rest;
    return keepLists || !hasLists(device) ? mapped : { ...mapped, attributes: withoutLists(device) };
  });
  return { ...slice, spec: { ...slice.spec, devices: kept } };
}

/** A taint that does not say when it came, came now. */
function withTaintTimes(slice: ResourceSlice, now: string): ResourceSlice {
  const devices = slice.spec.devices?.map(device =>
    device.taints === undefined
      ? device
      : { ...device, taints: device.taints.map(taint => ({ ...taint, timeAdded: taint.timeAdded ?? now })) },
  );
  return { ...slice, spec: { ...slice.spec, devices } };
}

function hasLists({ attributes = {} }: Device): boolean {
  return Object.values(attributes).some(attribute => LISTS.some(name => attribute[name] !== undefined));
}

function withoutLists({ attributes = {} }: Device): Device['attributes'] {
  return Object.fromEntries(
    Object.entries(attributes).map(([key, { bools, ints, strings, versions, ...attribute }]) => [key, attribute]),
  );
}

function validateSlice({ spec }: ResourceSlice, old: ResourceSlice | undefined): FieldError[] {
  const errors = [...validateDriverName(spec.driver, 'spec.driver'), ...poolErrors(spec.pool, 'spec.pool')];
  if (old !== undefined)
    addErrors(
      errors,
      immutable('spec.pool.name', spec.pool.name, old.spec.pool.name),
      immutable('spec.driver', spec.driver, old.spec.driver),
      immutable('spec.nodeName', spec.nodeName, old.spec.nodeName),
    );
  addErrors(errors, placeErrors(spec));
  if (spec.sharedCounters !== undefined && spec.devices !== undefined)
    errors.push(invalid('spec', '', 'only one of `sharedCounters` or `devices` is allowed'));
  const devices = spec.devices ?? [];
  const large = devices.some(
    device => (device.taints ?? []).length > 0 || (device.consumesCounters ?? []).length > 0 || hasLists(device),
  );
  const placed = spec.perDeviceNodeSelection === true;
  // of several with one name the first counts
  const before = new Map((old?.spec.devices ?? []).toReversed().map(device => [device.name, device]));
  return [
    ...errors,
    ...validateSet(
      devices,
      large ? MAX_LARGE_DEVICES : MAX_DEVICES,
      'spec.devices',
      (device, at) => validateDevice(device, before.get(device.name), placed, at),
      device => device.name,
    ),
    ...validateSet(
      spec.sharedCounters,
      MAX_COUNTER_SETS,
      'spec.sharedCounters',
      validateCounterSet,
      counters => counters.name,
    ),
  ];
}

function poolErrors({ name, resourceSliceCount, generation }: ResourcePool, path: string): FieldError[] {
  return [
    ...validatePoolName(name, `${path}.name`),
    ...(resourceSliceCount <= 0
      ? [invalid(`${path}.resourceSliceCount`, resourceSliceCount, 'must be greater than zero')]
      : []),
    ...(generation < 0 ? [invalid(`${path}.generation`, generation, 'must be greater than or equal to zero')] : []),
  ];
}

/** Where the devices can be reached: said in one way. */
function placeErrors(spec: ResourceSliceSpec): FieldError[] {
  const { nodeName, nodeSelector } = spec;
  const places: string[] = [];
  const errors: FieldError[] = [];
  if (nodeName === '')
    errors.push(invalid('spec.nodeName', nodeName, 'must be either unset or set to a non-empty string'));
  else if (nodeName !== undefined) {
    places.push('`nodeName`');
    errors.push(...invalidFor('spec.nodeName', nodeName, dns1123Subdomain(nodeName)));
  }
  if (nodeSelector !== undefined) {
    places.push('`nodeSelector`');
    addErrors(errors, validateNodeSelector(nodeSelector, false, 'spec.nodeSelector'));
    const terms = nodeSelector.nodeSelectorTerms;
    if (terms.length !== 1)
      errors.push(invalid('spec.nodeSelector.nodeSelectorTerms', terms, 'must have exactly one node selector term'));
  }
  for (const name of ['allNodes', 'perDeviceNodeSelection'] as const) {
    if (spec[name] === true) places.push(`\`${name}\``);
    if (spec[name] === false) errors.push(invalid(`spec.${name}`, false, 'must be either unset or set to true'));
  }
  if (places.length === 0) errors.push(required('spec', ONE_PLACE));
  if (places.length > 1)
    errors.push(invalid('spec', `{${places.join(', ')}}`, `${ONE_PLACE}, but multiple fields are set`));
  return errors;
}

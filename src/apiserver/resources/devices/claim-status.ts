import { isIPv4, isIPv6 } from 'node:net';
import { equalAs } from '../../../api/semantic-equal.ts';
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceRequestAllocationResult,
  NetworkDeviceData,
  ResourceClaim,
  ResourceClaimConsumerReference,
} from '../../../api/types/gen/resource-v1.ts';
import { validateConditions } from '../../../api/validation/conditions.ts';
import {
  atMostItems,
  type FieldError,
  forbidden,
  invalid,
  oneOf,
  required,
  tooLong,
} from '../../../api/validation/field-error.ts';
import { validateNodeSelector } from '../../../api/validation/node-selector.ts';
import { canonicalIp } from '../../../base/cidr.ts';
import {
  MAX_CONFIGS,
  requestNames,
  validateConfiguration,
  validateJsonObject,
  validateReference,
  validateReferences,
} from './claim-rules.ts';
import { bindingErrors } from './device-binding.ts';
import { validateDriverName, validateLabelName, validatePoolName, validateShareId } from './device-names.ts';
import { validateItems, validateSet } from './lists.ts';

const MAX_RESERVED = 256;
const MAX_RESULTS = 32;
const MAX_CONDITIONS = 8;
const MAX_DATA_BYTES = 10 * 1024;
const MAX_IPS = 16;
const MAX_INTERFACE_BYTES = 256;
const MAX_HARDWARE_BYTES = 128;

type DeviceId = Pick<DeviceRequestAllocationResult, 'driver' | 'pool' | 'device' | 'shareID'>;

/** A device, or a share of one, as one text. */
function idOf({ driver, pool, device, shareID = '' }: DeviceId): string {
  return [driver, pool, device].join('/') + (shareID === '' ? '' : `/${shareID}`);
}

/** The same as upstream shows it. */
function shownId({ driver, pool, device, shareID = '' }: DeviceId): object {
  return { Driver: driver, Pool: pool, Device: device, ShareID: shareID };
}

function allocatedTo(claim: ResourceClaim): ReadonlySet<string> {
  return new Set((claim.status.allocation?.devices.results ?? []).map(idOf));
}

/** The claim without what is told of devices that it no longer has: those who take them away may not know of it. */
export function withoutStaleDevices(claim: ResourceClaim, old: ResourceClaim): ResourceClaim {
  const { devices } = claim.status;
  if (devices === undefined) return claim;
  const now = allocatedTo(claim);
  const gone = new Set([...allocatedTo(old)].filter(id => !now.has(id)));
  const kept = devices.filter(device => !gone.has(idOf(device)));
  return { ...claim, status: { ...claim.status, devices: kept.length === 0 ? undefined : kept } };
}

/** Who has devices of a claim, and which. */
export function validateClaimStatus(claim: ResourceClaim, old: ResourceClaim): FieldError[] {
  const { reservedFor, devices, allocation } = claim.status;
  const allocated = allocatedTo(claim);
  const errors = [
    ...validateSet(reservedFor, MAX_RESERVED, 'status.reservedFor', consumerErrors, consumer => consumer.uid),
    ...validateSet(
      devices,
      Number.POSITIVE_INFINITY,
      'status.devices',
      (device, at) => deviceErrors(device, allocated, at),
      idOf,
      shownId,
    ),
  ];
  if ((reservedFor ?? []).length > 0) {
    const at = 'status.reservedFor';
    if (allocation === undefined) errors.push(forbidden(at, 'may not be specified when `allocated` is not set'));
    else if (claim.metadata.deletionTimestamp !== undefined && hasNew(reservedFor ?? [], old.status.reservedFor ?? []))
      errors.push(
        forbidden(at, 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set'),
      );
  }
  if (allocation === undefined) return errors;
  const at = 'status.allocation';
  if (old.status.allocation === undefined) return [...errors, ...allocationErrors(allocation, claim, at)];
  return equalAs('resource/v1.AllocationResult', allocation, old.status.allocation)
    ? errors
    : [...errors, invalid(at, allocation, 'field is immutable')];
}

function hasNew(
  now: readonly ResourceClaimConsumerReference[],
  before: readonly ResourceClaimConsumerReference[],
): boolean {
  const textOf = ({ apiGroup = '', resource, name, uid }: ResourceClaimConsumerReference): string =>
    JSON.stringify([apiGroup, resource, name, uid]);
  const known = new Set(before.map(textOf));
  return now.some(consumer => !known.has(textOf(consumer)));
}

function consumerErrors(consumer: ResourceClaimConsumerReference, path: string): FieldError[] {
  return (['resource', 'name', 'uid'] as const).flatMap(name =>
    consumer[name] === '' ? [required(`${path}.${name}`)] : [],
  );
}

function allocationErrors(
  { devices, nodeSelector }: AllocationResult,
  claim: ResourceClaim,
  path: string,
): FieldError[] {
  const names = requestNames(claim.spec.devices);
  return [
    ...validateItems(devices.results, MAX_RESULTS, `${path}.devices.results`, (result, at) => [
      ...validateReference(result.request, names, `${at}.request`),
      ...placeErrors(result, at),
      ...bindingErrors(result, at),
      ...(result.shareID === undefined ? [] : validateShareId(result.shareID, `${at}.shareID`)),
    ]),
    // Those of the class and those of the claim.
    ...validateItems(devices.config, 2 * MAX_CONFIGS, `${path}.devices.config`, (config, at) => [
      ...oneOf(`${at}.source`, config.source, ['FromClaim', 'FromClass']),
      ...validateReferences(config.requests, names, `${at}.requests`),
      ...validateConfiguration(config, at),
    ]),
    ...(nodeSelector === undefined ? [] : validateNodeSelector(nodeSelector, false, `${path}.nodeSelector`)),
  ];
}

function placeErrors({ driver, pool, device }: DeviceId, path: string): FieldError[] {
  return [
    ...validateDriverName(driver, `${path}.driver`),
    ...validatePoolName(pool, `${path}.pool`),
    ...validateLabelName(device, `${path}.device`),
  ];
}

function deviceErrors(device: AllocatedDeviceStatus, allocated: ReadonlySet<string>, path: string): FieldError[] {
  const { shareID, conditions, data, networkData } = device;
  return [
    ...placeErrors(device, path),
    ...(shareID === undefined ? [] : validateShareId(shareID, `${path}.shareID`)),
    ...(allocated.has(idOf(device))
      ? []
      : [invalid(path, shownId(device), 'must be an allocated device in the claim')]),
    ...atMostItems(`${path}.conditions`, conditions.length, MAX_CONDITIONS),
    ...validateConditions(conditions, `${path}.conditions`),
    ...(data === undefined ? [] : validateJsonObject(data, MAX_DATA_BYTES, `${path}.data`)),
    ...(networkData === undefined ? [] : networkErrors(networkData, `${path}.networkData`)),
  ];
}

function networkErrors(
  { interfaceName = '', hardwareAddress = '', ips }: NetworkDeviceData,
  path: string,
): FieldError[] {
  return [
    ...(Buffer.byteLength(interfaceName) > MAX_INTERFACE_BYTES
      ? [tooLong(`${path}.interfaceName`, MAX_INTERFACE_BYTES)]
      : []),
    ...(Buffer.byteLength(hardwareAddress) > MAX_HARDWARE_BYTES
      ? [tooLong(`${path}.hardwareAddress`, MAX_HARDWARE_BYTES)]
      : []),
    ...validateSet(ips, MAX_IPS, `${path}.ips`, interfaceAddressErrors, ip => ip),
  ];
}

/** An address with the length of its network: `10.9.8.7/24`. */
function interfaceAddressErrors(text: string, path: string): FieldError[] {
  const [, ip = '', prefix = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const bits = isIPv4(ip) ? 32 : isIPv6(ip) ? 128 : -1;
  if (prefix === '' || Number(prefix) > bits)
    return [invalid(path, text, 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)')];
  const canonical = `${canonicalIp(ip)}/${Number(prefix)}`;
  return text === canonical ? [] : [invalid(path, text, `must be in canonical form (${JSON.stringify(canonical)})`)];
}

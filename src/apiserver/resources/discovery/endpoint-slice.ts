import { isIP } from 'node:net';
import type { Endpoint, EndpointPort, EndpointSlice } from '../../../api/types/gen/discovery-v1.ts';
import {
  duplicate,
  type FieldError,
  invalid,
  invalidFor,
  oneOf,
  required,
} from '../../../api/validation/field-error.ts';
import { validateEndpointIp } from '../../../api/validation/ip.ts';
import { dns1123Label, dns1123Subdomain, labelValue, portName, qualifiedName } from '../../../api/validation/names.ts';
import { inRange } from '../../../api/validation/numbers.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { AGE, column, firstOf, NAME } from '../cells.ts';
import { PROTOCOLS } from '../core/endpoints.ts';
import { ageCell, defineStrategy } from '../define.ts';

const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 20_000;
const MAX_HINTS = 8;

export const endpointSliceStrategy = defineStrategy<EndpointSlice>(
  { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices' },
  {
    generation: ['addressType', 'endpoints', 'ports'],
    validate: validateSlice,
    validateUpdate: (slice, old) => [
      ...validateSlice(slice),
      ...immutable('addressType', slice.addressType, old.addressType),
    ],
    columns: {
      definitions: [NAME, column('AddressType'), column('Ports'), column('Endpoints'), AGE],
      cells: (slice, now) => {
        const ports = slice.ports.map(({ port, name }) => (port === undefined ? (name ?? '*') : String(port)));
        const addresses = slice.endpoints.flatMap(endpoint => [...endpoint.addresses]);
        return [
          slice.metadata.name ?? '',
          slice.addressType,
          ports.length === 0 ? '<unset>' : firstOf(ports, 3),
          addresses.length === 0 ? '<unset>' : firstOf(addresses, 3),
          ageCell(slice, now),
        ];
      },
    },
  },
);

function validateSlice(slice: EndpointSlice): FieldError[] {
  return [
    ...oneOf('addressType', slice.addressType, ['FQDN', 'IPv4', 'IPv6']),
    ...tooMany('endpoints', slice.endpoints.length, MAX_ENDPOINTS),
    ...slice.endpoints.flatMap((endpoint, i) => endpointErrors(endpoint, slice.addressType, `endpoints[${i}]`)),
    ...tooMany('ports', slice.ports.length, MAX_PORTS),
    ...portErrors(slice.ports),
  ];
}

function tooMany(field: string, count: number, most: number): FieldError[] {
  if (count <= most) return [];
  return [{ type: 'FieldValueTooMany', field, badValue: count, detail: `must have at most ${most} items` }];
}

function endpointErrors(endpoint: Endpoint, type: string, path: string): FieldError[] {
  const { addresses, nodeName, hostname, hints } = endpoint;
  const at = `${path}.addresses`;
  const errors = tooMany(at, addresses.length, MAX_ADDRESSES);
  if (addresses.length === 0) errors.push(required(at, 'must contain at least 1 address'));
  for (const [index, address] of addresses.entries()) errors.push(...addressErrors(address, type, `${at}[${index}]`));
  if (nodeName !== undefined) errors.push(...invalidFor(`${path}.nodeName`, nodeName, dns1123Subdomain(nodeName)));
  if (hostname !== undefined) errors.push(...invalidFor(`${path}.hostname`, hostname, dns1123Label(hostname)));
  for (const [list, label] of [
    [hints?.forZones ?? [], 'forZones'],
    [hints?.forNodes ?? [], 'forNodes'],
  ] as const) {
    errors.push(...tooMany(`${path}.hints.${label}`, list.length, MAX_HINTS));
    for (const [index, { name }] of list.entries()) {
      const place = `${path}.hints.${label}[${index}].name`;
      if (list.findIndex(other => other.name === name) < index) errors.push(duplicate(place, name));
      else errors.push(...invalidFor(place, name, label === 'forZones' ? labelValue(name) : dns1123Subdomain(name)));
    }
  }
  return errors;
}

function addressErrors(address: string, type: string, path: string): FieldError[] {
  if (type === 'FQDN') return invalidFor(path, address, dns1123Subdomain(address));
  const family = isIP(address);
  if (family !== 0 && type === 'IPv4' && family !== 4) return [invalid(path, address, 'must be an IPv4 address')];
  if (family !== 0 && type === 'IPv6' && family !== 6) return [invalid(path, address, 'must be an IPv6 address')];
  return validateEndpointIp(address, path);
}

function portErrors(ports: readonly EndpointPort[]): FieldError[] {
  const names = new Set<string>();
  return ports.flatMap(({ name = '', protocol, port, appProtocol }, index) => {
    const at = `ports[${index}]`;
    const errors: FieldError[] = name === '' ? [] : invalidFor(`${at}.name`, name, portName(name));
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    errors.push(...oneOf(`${at}.protocol`, protocol, PROTOCOLS));
    if (port !== undefined) errors.push(...inRange(`${at}.port`, port, 1, 65535));
    if (appProtocol !== undefined)
      errors.push(...invalidFor(`${at}.appProtocol`, appProtocol, qualifiedName(appProtocol)));
    return errors;
  });
}

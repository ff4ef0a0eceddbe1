import type { Endpoint, EndpointHints, EndpointPort, EndpointSlice } from '../../../api/types/gen/discovery-v1.ts';
import {
  atMostItems,
  duplicate,
  type FieldError,
  invalid,
  invalidFor,
  notSupported,
  oneOf,
  required,
} from '../../../api/validation/field-error.ts';
import { familyOf, validateEndpointIp, validateIp, validateLegacyIp } from '../../../api/validation/ip.ts';
import { dns1123Label, dns1123Subdomain, labelValue, qualifiedName } from '../../../api/validation/names.ts';
import { validateLabels } from '../../../api/validation/object-meta.ts';
import { PROTOCOLS } from '../core/endpoints.ts';

const MAX_ENDPOINTS = 1000;
const MAX_ADDRESSES = 100;
const MAX_PORTS = 20_000;
const MAX_HINTS = 8;
const MAX_TOPOLOGY = 16;

/** The rules of a slice but for its endpoints. */
export function validateSlice(slice: EndpointSlice): FieldError[] {
  return [...oneOf('addressType', slice.addressType, ['FQDN', 'IPv4', 'IPv6']), ...portErrors(slice.ports)];
}

export function validateSliceEndpoints(slice: EndpointSlice): FieldError[] {
  const many = atMostItems('endpoints', slice.endpoints.length, MAX_ENDPOINTS);
  if (many.length > 0) return many;
  return slice.endpoints.flatMap((endpoint, i) => endpointErrors(endpoint, slice.addressType, `endpoints[${i}]`));
}

function endpointErrors(endpoint: Endpoint, type: string, path: string): FieldError[] {
  const { addresses, nodeName, deprecatedTopology, hostname, hints } = endpoint;
  const at = `${path}.addresses`;
  return [
    ...(addresses.length === 0
      ? [required(at, 'must contain at least 1 address')]
      : atMostItems(at, addresses.length, MAX_ADDRESSES)),
    ...addresses.flatMap((address, index) => addressErrors(address, type, at, index)),
    ...(nodeName === undefined ? [] : invalidFor(`${path}.nodeName`, nodeName, dns1123Subdomain(nodeName))),
    ...atMostItems(`${path}.deprecatedTopology`, Object.keys(deprecatedTopology ?? {}).length, MAX_TOPOLOGY),
    ...validateLabels(deprecatedTopology, `${path}.deprecatedTopology`),
    ...(hostname === undefined ? [] : invalidFor(`${path}.hostname`, hostname, dns1123Label(hostname))),
    ...(hints === undefined ? [] : hintErrors(hints, `${path}.hints`)),
  ];
}

function addressErrors(address: string, type: string, list: string, index: number): FieldError[] {
  const path = `${list}[${index}]`;
  if (type === 'FQDN') return domainErrors(address, path);
  if (type !== 'IPv4' && type !== 'IPv6') return [];
  const errors = type === 'IPv4' ? validateLegacyIp(path, address) : validateIp(path, address);
  if (errors.length > 0) return errors;
  return [
    // The list is named, not the place in it.
    ...(`IPv${familyOf(address)}` === type ? [] : [invalid(list, address, `must be an ${type} address`)]),
    ...validateEndpointIp(address, path),
  ];
}

/** A full domain name, with or without the dot at its end. */
function domainErrors(address: string, path: string): FieldError[] {
  if (address === '') return [required(path)];
  const name = address.replace(/\.$/, '');
  const reasons = dns1123Subdomain(name);
  if (reasons.length > 0) return [invalid(path, name, reasons.join(','))];
  const labels = name.split('.');
  if (labels.length < 2)
    return [invalid(path, name, 'should be a domain with at least two segments separated by dots')];
  const bad = labels.find(label => dns1123Label(label).length > 0);
  return bad === undefined ? [] : [invalid(path, bad, dns1123Label(bad).join(','))];
}

function hintErrors({ forZones = [], forNodes = [] }: EndpointHints, path: string): FieldError[] {
  const manyZones = atMostItems(`${path}.forZones`, forZones.length, MAX_HINTS);
  if (manyZones.length > 0) return manyZones;
  const zones = named(forZones, `${path}.forZones`, labelValue);
  const manyNodes = atMostItems(`${path}.forNodes`, forNodes.length, MAX_HINTS);
  return [...zones, ...(manyNodes.length > 0 ? manyNodes : named(forNodes, `${path}.forNodes`, dns1123Subdomain))];
}

function named(
  list: readonly { readonly name: string }[],
  path: string,
  rule: (name: string) => string[],
): FieldError[] {
  const seen = new Set<string>();
  return list.flatMap(({ name }, index) => {
    const at = `${path}[${index}].name`;
    const twice = seen.has(name) ? [duplicate(at, name)] : [];
    seen.add(name);
    return [...twice, ...invalidFor(at, name, rule(name))];
  });
}

function portErrors(ports: readonly EndpointPort[]): FieldError[] {
  const many = atMostItems('ports', ports.length, MAX_PORTS);
  if (many.length > 0) return many;
  const seen = new Set<string>();
  return ports.flatMap(({ name = '', protocol, appProtocol }, index) => {
    const at = `ports[${index}]`;
    const errors: FieldError[] = name === '' ? [] : invalidFor(`${at}.name`, name, dns1123Label(name));
    if (seen.has(name)) errors.push(duplicate(`${at}.name`, name));
    seen.add(name);
    if (protocol === undefined) errors.push(required(`${at}.protocol`));
    else if (!PROTOCOLS.includes(protocol)) errors.push(notSupported(`${at}.protocol`, protocol, PROTOCOLS));
    if (appProtocol !== undefined)
      errors.push(...invalidFor(`${at}.appProtocol`, appProtocol, qualifiedName(appProtocol)));
    return errors;
  });
}

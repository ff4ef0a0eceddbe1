import { equalAs } from '../../../api/semantic-equal.ts';
import type { EndpointAddress, EndpointPort, Endpoints } from '../../../api/types/gen/core-v1.ts';
import { type FieldError, invalidFor, oneOf, required } from '../../../api/validation/field-error.ts';
import { ipWarnings, validateEndpointIp, validateLegacyIp } from '../../../api/validation/ip.ts';
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from '../../../api/validation/names.ts';
import { AGE, column, firstOf, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';

export const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

export const endpointsStrategy = defineStrategy<Endpoints>(
  { group: '', version: 'v1', plural: 'endpoints' },
  {
    createOnUpdate: true,
    validate: validateSubsets,
    // What was stored by an older server may stay as it is.
    validateUpdate: (endpoints, old) =>
      equalAs('core/v1.Endpoints', { ...old, subsets: endpoints.subsets }, old) ? [] : validateSubsets(endpoints),
    warnings: addressWarnings,
    columns: {
      definitions: [NAME, column('Endpoints', { description: 'The addresses that are ready, with their ports.' }), AGE],
      cells: (endpoints, now) => [endpoints.metadata.name ?? '', addressesCell(endpoints), ageCell(endpoints, now)],
    },
  },
);

function validateSubsets(endpoints: Endpoints): FieldError[] {
  return (endpoints.subsets ?? []).flatMap((subset, index) => {
    const at = `subsets[${index}]`;
    const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
    return [
      ...(addresses.length + notReadyAddresses.length === 0
        ? [required(at, 'must specify `addresses` or `notReadyAddresses`')]
        : []),
      ...addresses.flatMap((address, i) => validateAddress(address, `${at}.addresses[${i}]`)),
      ...notReadyAddresses.flatMap((address, i) => validateAddress(address, `${at}.notReadyAddresses[${i}]`)),
      ...ports.flatMap((port, i) => validatePort(port, ports.length > 1, `${at}.ports[${i}]`)),
    ];
  });
}

function validateAddress(address: EndpointAddress, path: string): FieldError[] {
  const { hostname = '', nodeName } = address;
  return [
    ...validateLegacyIp(`${path}.ip`, address.ip),
    ...(hostname === '' ? [] : invalidFor(`${path}.hostname`, hostname, dns1123Label(hostname))),
    ...(nodeName === undefined ? [] : invalidFor(`${path}.nodeName`, nodeName, dns1123Subdomain(nodeName))),
    ...validateEndpointIp(address.ip, `${path}.ip`),
  ];
}

function validatePort(port: EndpointPort, requireName: boolean, path: string): FieldError[] {
  const { name = '', appProtocol } = port;
  return [
    ...(name === ''
      ? requireName
        ? [required(`${path}.name`)]
        : []
      : invalidFor(`${path}.name`, name, dns1123Label(name))),
    ...invalidFor(`${path}.port`, port.port, portNumber(port.port)),
    ...oneOf(`${path}.protocol`, port.protocol, PROTOCOLS),
    ...(appProtocol === undefined ? [] : invalidFor(`${path}.appProtocol`, appProtocol, qualifiedName(appProtocol))),
  ];
}

/** The controller writes its addresses in good spelling, so its own are not looked at. */
function addressWarnings(endpoints: Endpoints): string[] {
  if (endpoints.metadata.labels?.['endpoints.kubernetes.io/managed-by'] === 'endpoint-controller') return [];
  return (endpoints.subsets ?? []).flatMap((subset, index) =>
    (['addresses', 'notReadyAddresses'] as const).flatMap(list =>
      (subset[list] ?? []).flatMap(({ ip }, place) => ipWarnings(`subsets[${index}].${list}[${place}].ip`, ip)),
    ),
  );
}

function addressesCell(endpoints: Endpoints): string {
  const subsets = endpoints.subsets ?? [];
  if (subsets.length === 0) return '<none>';
  const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(address => address.ip)
      : ports.flatMap(port =>
          addresses.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port.port}` : `${ip}:${port.port}`)),
        ),
  );
  return firstOf(all, 3);
}

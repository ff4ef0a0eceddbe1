import { equalAs } from '../../../api/semantic-equal.ts';
import type { Endpoint, EndpointSlice } from '../../../api/types/gen/discovery-v1.ts';
import { ipWarnings } from '../../../api/validation/ip.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { immutable } from '../../../api/validation/object-meta-update.ts';
import { AGE, columns, firstOf, NAME } from '../cells.ts';
import { ageCell, defineStrategy } from '../define.ts';
import { validateSlice, validateSliceEndpoints } from './slice-rules.ts';

const HOSTNAME = 'kubernetes.io/hostname';
const CONTROLLERS = ['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io'];

export const endpointSliceStrategy = defineStrategy<EndpointSlice>(
  { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices' },
  {
    generation: ['addressType', 'endpoints', 'ports'],
    countsLabels: true,
    prepareForCreate: slice => withoutTopology(slice),
    prepareForUpdate: (slice, old) => {
      if (sameEndpoints(slice, old)) return slice;
      // What is dropped counts as a change too.
      const generation = (old.metadata.generation ?? 0) + 1;
      return { ...withoutTopology(slice, old), metadata: { ...slice.metadata, generation } };
    },
    validate: slice => [...validateSlice(slice), ...validateSliceEndpoints(slice)],
    validateUpdate: (slice, old) => [
      ...validateSlice(slice),
      // What was stored by an older server may stay as it is.
      ...(sameEndpoints(slice, old) ? [] : validateSliceEndpoints(slice)),
      ...immutable('addressType', slice.addressType, old.addressType),
    ],
    warnings: slice => [
      ...(slice.addressType === 'FQDN' ? ['spec.addressType: FQDN endpoints are deprecated'] : []),
      ...addressWarnings(slice),
    ],
    warningsOnUpdate: addressWarnings,
    columns: {
      definitions: [
        NAME,
        ...columns({
          AddressType: 'What the addresses are: IPv4, IPv6 or names.',
          Ports: 'The ports of the endpoints.',
          Endpoints: 'The first addresses of the slice, and how many more there are.',
        }),
        AGE,
      ],
      cells: (slice, now) => {
        const ports = slice.ports.map(({ port, name }) => (port === undefined ? (name ?? '*') : String(port)));
        const addresses = slice.endpoints.flatMap(endpoint => [...endpoint.addresses]);
        return [
          slice.metadata.name ?? '',
          slice.addressType,
          listCell(ports),
          listCell(addresses),
          ageCell(slice, now),
        ];
      },
    },
  },
);

function sameEndpoints(slice: EndpointSlice, old: EndpointSlice): boolean {
  return equalAs('discovery/v1.EndpointSlice', { ...old, endpoints: slice.endpoints }, old);
}

function listCell(list: readonly string[]): string {
  const text = firstOf(list, 3);
  return text === '' ? '<unset>' : text;
}

/** v1 writes no topology. A node that `old` named there moves into the field for it, so that a partial change keeps it. */
function withoutTopology(slice: EndpointSlice, old?: EndpointSlice): EndpointSlice {
  const known = new Set((old?.endpoints ?? []).map(nodeInTopology));
  const endpoints = slice.endpoints.map(endpoint => {
    const { deprecatedTopology, ...kept } = endpoint;
    const node = nodeInTopology(endpoint);
    if (kept.nodeName !== undefined || node === '' || !known.has(node) || dns1123Subdomain(node).length > 0)
      return kept;
    return { ...kept, nodeName: node };
  });
  return { ...slice, endpoints };
}

function nodeInTopology({ deprecatedTopology }: Endpoint): string {
  return deprecatedTopology?.[HOSTNAME] ?? '';
}

/** The controllers write their addresses in good spelling, so theirs are not looked at. */
function addressWarnings({ metadata, endpoints }: EndpointSlice): string[] {
  if (CONTROLLERS.includes(metadata.labels?.['endpointslice.kubernetes.io/managed-by'] ?? '')) return [];
  return endpoints.flatMap(({ addresses }, index) =>
    addresses.flatMap((address, place) => ipWarnings(`endpoints[${index}].addresses[${place}]`, address)),
  );
}

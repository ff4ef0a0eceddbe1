import { equalValues } from '../../api/semantic-equal.ts';
import type { Service } from '../../api/types/gen/core-v1.ts';
import type { Endpoint, EndpointHints, EndpointSlice } from '../../api/types/gen/discovery-v1.ts';
import { endpointsOf } from '../services/endpoint-slices.ts';

/** Who sets this asks for hints by the share of each zone, and not for those of `trafficDistribution`. The older name counts more. */
const TOPOLOGY_MODES = ['service.kubernetes.io/topology-aware-hints', 'service.kubernetes.io/topology-mode'];

/** `zone`: to endpoints of the own zone where there are some. `node`: of the own node before that. */
export type Preference = 'none' | 'zone' | 'node';

/** What a service asks for in `trafficDistribution`. */
export function preferenceOf({ spec, metadata }: Service): Preference {
  const mode = TOPOLOGY_MODES.map(name => metadata.annotations?.[name]).find(value => value !== undefined);
  if (mode === 'Auto' || mode === 'auto') return 'none';
  switch (spec.trafficDistribution) {
    case 'PreferClose':
    case 'PreferSameZone':
      return 'zone';
    case 'PreferSameNode':
      return 'node';
    default:
      return 'none';
  }
}

/** A slice with the hints that are preferred; the very same one where nothing changes. Endpoints that are not ready keep what they have. */
export function withHints(slice: EndpointSlice, preference: Preference): EndpointSlice {
  const endpoints = endpointsOf(slice).map(endpoint => hinted(endpoint, preference));
  return endpoints.every((endpoint, i) => endpoint === slice.endpoints[i]) ? slice : { ...slice, endpoints };
}

function hinted(endpoint: Endpoint, preference: Preference): Endpoint {
  if (preference === 'none' ? endpoint.hints === undefined : endpoint.conditions.ready !== true) return endpoint;
  const hints = hintsOf(endpoint, preference);
  if (equalValues(hints, endpoint.hints)) return endpoint;
  const { hints: _, ...plain } = endpoint;
  return hints === undefined ? plain : { ...plain, hints };
}

function hintsOf({ zone, nodeName }: Endpoint, preference: Preference): EndpointHints | undefined {
  const forZones = preference === 'none' || zone === undefined ? [] : [{ name: zone }];
  const forNodes = preference !== 'node' || nodeName === undefined ? [] : [{ name: nodeName }];
  if (forZones.length === 0 && forNodes.length === 0) return undefined;
  return { ...(forZones.length === 0 ? {} : { forZones }), ...(forNodes.length === 0 ? {} : { forNodes }) };
}

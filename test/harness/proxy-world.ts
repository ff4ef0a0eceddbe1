import type { Service } from '../../src/api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../src/api/types/gen/discovery-v1.ts';

/** A service as an API server would store it. */
export function sampleService(name: string, spec: object, ingress: readonly object[] = []): Service {
  return {
    metadata: { namespace: 'default', name },
    spec: { type: 'ClusterIP', internalTrafficPolicy: 'Cluster', sessionAffinity: 'None', ...spec },
    status: { loadBalancer: { ingress } },
  } as unknown as Service;
}

export interface SampleEndpoint {
  readonly ip: string;
  readonly node?: string;
  /** `ready` unless told. */
  readonly state?: 'ready' | 'not-ready' | 'ending' | 'ended';
  readonly zones?: readonly string[];
  readonly nodes?: readonly string[];
}

const CONDITIONS = {
  ready: { ready: true, serving: true, terminating: false },
  'not-ready': { ready: false, serving: false, terminating: false },
  ending: { ready: false, serving: true, terminating: true },
  ended: { ready: false, serving: false, terminating: true },
};

export function sampleSlice(
  service: string,
  endpoints: readonly SampleEndpoint[],
  ports: readonly object[] = [{ name: '', port: 8080, protocol: 'TCP' }],
  suffix = 'a',
): EndpointSlice {
  return {
    metadata: {
      namespace: 'default',
      name: `${service}-${suffix}`,
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType: endpoints[0]?.ip.includes(':') ? 'IPv6' : 'IPv4',
    ports,
    endpoints: endpoints.map(({ ip, node, state = 'ready', zones = [], nodes = [] }) => ({
      addresses: [ip],
      conditions: CONDITIONS[state],
      ...(node === undefined ? {} : { nodeName: node }),
      ...(zones.length + nodes.length === 0
        ? {}
        : { hints: { forZones: zones.map(zone => ({ name: zone })), forNodes: nodes.map(each => ({ name: each })) } }),
    })),
  } as unknown as EndpointSlice;
}

import { equalValues } from '../../api/semantic-equal.ts';
import type { Endpoints } from '../../api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../api/types/gen/discovery-v1.ts';
import { bigIntToIp, ipFamily, parseCidr } from '../../base/cidr.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { ServerLeases } from './server-leases.ts';
import type { ServerObjects } from './server-objects.ts';

const TARGET = { name: 'kubernetes', namespace: 'default' };
const SERVICES = '/v1/services';
const ENDPOINTS = '/v1/endpoints';
const SLICES = 'discovery.k8s.io/v1/endpointslices';
const SKIP_MIRROR = 'endpointslice.kubernetes.io/skip-mirror';
const SERVICE_NAME = 'kubernetes.io/service-name';

export interface KubernetesServiceOptions {
  /** Of the cluster's own family; its first address is that of the service. */
  readonly serviceCidr: string;
  /** Where clients reach this server. */
  readonly advertiseAddress: string;
  readonly port: number;
}

/** The service `default/kubernetes`, by which pods reach the API, with the addresses of all servers that are there. */
export class KubernetesService {
  readonly #objects: ServerObjects;
  readonly #leases: ServerLeases;
  readonly #options: KubernetesServiceOptions;

  constructor(objects: ServerObjects, leases: ServerLeases, options: KubernetesServiceOptions) {
    this.#objects = objects;
    this.#leases = leases;
    this.#options = options;
  }

  /** Makes the service where it is not there. Idempotent. */
  async ensure(): Promise<void> {
    const { serviceCidr, port } = this.#options;
    await this.#objects.ensure(SERVICES, {
      metadata: { ...TARGET, labels: { component: 'apiserver', provider: 'kubernetes' } },
      spec: {
        type: 'ClusterIP',
        clusterIP: firstAddress(serviceCidr),
        ipFamilyPolicy: 'SingleStack',
        ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }],
        sessionAffinity: 'None',
      },
    } as ApiObject);
  }

  /** Adds this server to the endpoints, and takes away the servers that are no more. Idempotent. */
  async publish(signal: AbortSignal): Promise<void> {
    const { advertiseAddress } = this.#options;
    if (!isPublished(advertiseAddress)) return;
    await this.#leases.renew(advertiseAddress, signal);
    await this.#write(await this.#leases.list(signal));
  }

  /** Takes this server out of the endpoints. Idempotent. */
  async withdraw(signal: AbortSignal): Promise<void> {
    const { advertiseAddress } = this.#options;
    if (!isPublished(advertiseAddress) || !(await this.#leases.remove(advertiseAddress, signal))) return;
    const found = await this.#objects.find(ENDPOINTS, TARGET.namespace, TARGET.name);
    if (found !== undefined) await this.#write(await this.#leases.list(signal));
  }

  async #write(addresses: readonly string[]): Promise<void> {
    const found = (await this.#objects.find(ENDPOINTS, TARGET.namespace, TARGET.name)) as unknown as
      | Endpoints
      | undefined;
    const endpoints = endpointsOf(addresses, this.#options.port, found);
    if (found === undefined) await this.#objects.create(ENDPOINTS, endpoints as unknown as ApiObject);
    else if (!equalValues(endpoints, found)) await this.#objects.replace(ENDPOINTS, endpoints as unknown as ApiObject);
    await this.#writeSlice(addresses);
  }

  async #writeSlice(addresses: readonly string[]): Promise<void> {
    const found = (await this.#objects.find(SLICES, TARGET.namespace, TARGET.name)) as unknown as
      | EndpointSlice
      | undefined;
    const slice = sliceOf(addresses, this.#options.port);
    if (found === undefined) await this.#objects.create(SLICES, slice as unknown as ApiObject);
    else if (found.addressType !== slice.addressType) {
      // the type of a slice stays; it is another one then
      await this.#objects.remove(SLICES, TARGET.namespace, TARGET.name);
      await this.#objects.create(SLICES, slice as unknown as ApiObject);
    } else if (!isSameSlice(found, slice)) {
      const { endpoints, ports } = slice;
      const metadata = { ...found.metadata, labels: slice.metadata.labels };
      await this.#objects.replace(SLICES, { ...found, metadata, endpoints, ports } as unknown as ApiObject);
    }
  }
}

/** The endpoints with these addresses; labels and annotations that others set stay. The mirror of endpoints is told to leave them alone. */
export function endpointsOf(addresses: readonly string[], port: number, found: Endpoints | undefined): Endpoints {
  const labels = { ...found?.metadata.labels, [SKIP_MIRROR]: 'true' };
  const ports = [{ name: 'https', port, protocol: 'TCP' as const }];
  const subsets = addresses.length === 0 ? [] : [{ addresses: addresses.map(ip => ({ ip })), ports }];
  return { ...found, metadata: { ...TARGET, ...found?.metadata, labels }, subsets };
}

/** The same as a slice. Of two families the first address' counts, as upstream has it: IPv6 only where all are. */
export function sliceOf(addresses: readonly string[], port: number): EndpointSlice {
  const allIpv6 = addresses.length > 0 && addresses.every(address => ipFamily(address) === 6);
  const ofType = addresses.filter(address => (ipFamily(address) === 6) === allIpv6);
  return {
    metadata: { ...TARGET, labels: { [SERVICE_NAME]: TARGET.name } },
    addressType: allIpv6 ? 'IPv6' : 'IPv4',
    endpoints: ofType.map(address => ({ addresses: [address], conditions: { ready: true } })),
    ports: addresses.length === 0 ? [] : [{ name: 'https', port, protocol: 'TCP' }],
  };
}

function isSameSlice(found: EndpointSlice, wanted: EndpointSlice): boolean {
  return (
    equalValues(found.endpoints, wanted.endpoints) &&
    equalValues(found.ports, wanted.ports) &&
    equalValues(found.metadata.labels, wanted.metadata.labels)
  );
}

/** An address that means another machine to everyone else is no endpoint. */
function isPublished(address: string): boolean {
  return !/^(127\.|0\.0\.0\.0$|::1?$)/.test(address);
}

/** The first address behind the address of the network. */
export function firstAddress(cidr: string): string {
  const { base, family } = parseCidr(cidr);
  return bigIntToIp(base + 1n, family);
}

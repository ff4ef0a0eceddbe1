import { bigIntToIp, formatCidr, ipToBigInt, parseCidr } from '../../base/cidr.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { ServerObjects } from './server-objects.ts';

export interface SystemObjectsOptions {
  /** Of the cluster's own family; its first address is that of the `kubernetes` service. */
  readonly serviceCidr: string;
  /** Where clients reach this server. */
  readonly advertiseAddress: string;
  readonly port: number;
}

interface SystemObject {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const PRIORITY_CLASSES = [
  {
    name: 'system-node-critical',
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    name: 'system-cluster-critical',
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
];

/** The namespaces, priority classes and the `kubernetes` service that every cluster has. Idempotent; what is there is left alone. */
export async function ensureSystemObjects(objects: ServerObjects, options: SystemObjectsOptions): Promise<void> {
  for (const name of NAMESPACES) await ensure(objects, '/v1/namespaces', { metadata: { name } });
  for (const { name, ...fields } of PRIORITY_CLASSES)
    await ensure(objects, 'scheduling.k8s.io/v1/priorityclasses', { metadata: { name }, ...fields });
  const labels = { component: 'apiserver', provider: 'kubernetes' };
  const target = { metadata: { name: 'kubernetes', namespace: 'default', labels } };
  const clusterIP = firstAddress(options.serviceCidr);
  await ensure(objects, '/v1/services', {
    ...target,
    spec: {
      type: 'ClusterIP',
      clusterIP,
      clusterIPs: [clusterIP],
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: options.port }],
      sessionAffinity: 'None',
    },
  });
  // an address that means another machine to everyone else is no endpoint
  if (!/^(127\.|0\.0\.0\.0$|::1?$)/.test(options.advertiseAddress)) await publishEndpoint(objects, options);
}

/** Adds this server to the endpoints of the `kubernetes` service. */
async function publishEndpoint(
  objects: ServerObjects,
  { advertiseAddress, port }: SystemObjectsOptions,
): Promise<void> {
  const id = '/v1/endpoints';
  const found = await objects.find(id, 'default', 'kubernetes');
  const ports = [{ name: 'https', port, protocol: 'TCP' }];
  const metadata = {
    name: 'kubernetes',
    namespace: 'default',
    labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' },
  };
  if (found === undefined) {
    const subsets = [{ addresses: [{ ip: advertiseAddress }], ports }];
    return objects.create(id, { metadata, subsets } as ApiObject);
  }
  const { subsets = [] } = found as ApiObject & {
    readonly subsets?: readonly { readonly addresses?: readonly { readonly ip: string }[] }[];
  };
  const addresses = subsets.flatMap(subset => subset.addresses ?? []);
  if (addresses.some(address => address.ip === advertiseAddress)) return;
  const all = [...addresses, { ip: advertiseAddress }].toSorted((a, b) => (a.ip < b.ip ? -1 : 1));
  await objects.replace(id, { ...found, subsets: [{ addresses: all, ports }] } as ApiObject);
}

async function ensure(objects: ServerObjects, id: string, object: SystemObject): Promise<void> {
  const { name = '', namespace = '' } = object.metadata;
  if ((await objects.find(id, namespace, name)) === undefined) await objects.create(id, object as unknown as ApiObject);
}

/** The first address behind the address of the network. */
export function firstAddress(cidr: string): string {
  const network = formatCidr(parseCidr(cidr)).split('/')[0] ?? '';
  return bigIntToIp(ipToBigInt(network) + 1n, network.includes(':') ? 6 : 4);
}

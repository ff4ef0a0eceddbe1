import type { Node, Service } from '../../api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../api/types/gen/discovery-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import { SETTLED } from '../../base/outcome.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerRow } from '../controller.ts';
import { ENDPOINT_SLICES, NODES, SERVICES } from '../resources.ts';
import { MANAGER, planNodeDns, type SliceAction } from './plan.ts';

const NAMESPACE = 'kube-system';
/** The name that kubeadm gives the cluster's DNS service, and that people look for. */
const SERVICE = 'kube-dns';

/**
 * The cluster's DNS service leads to the DNS servers that run on the nodes: its endpoints are the nodes that are ready, at the ports that it names as
 * targets. Upstream has none such, for its DNS servers are pods.
 */
export const nodeDnsController: ControllerRow = {
  name: 'node-dns-controller',
  inputs: [SERVICES, NODES, ENDPOINT_SLICES],
  outputs: [ENDPOINT_SLICES],
  workers: 1,
  make({ informed, client, enqueue }) {
    const services = informed<Service>(SERVICES);
    const nodes = informed<Node>(NODES);
    const slices = informed<EndpointSlice>(ENDPOINT_SLICES);
    const writer = client<EndpointSlice>(ENDPOINT_SLICES);
    const key = `${NAMESPACE}/${SERVICE}`;
    services.onChange(change => {
      if (change.key === key) enqueue(key);
    });
    nodes.onChange(() => enqueue(key));
    slices.onChange(({ before, after }) => {
      if ([before, after].some(isOurs)) enqueue(key);
    });
    return {
      name: this.name,
      async reconcile(_, signal) {
        const found = slices.store.list(NAMESPACE).filter(isOurs);
        const service = services.store.getByKey(key);
        for (const action of planNodeDns(service, nodes.store.list(), found)) await carryOut(writer, action, signal);
        return SETTLED;
      },
    };
  },
};

function isOurs(slice: EndpointSlice | undefined): boolean {
  const { namespace, labels } = slice?.metadata ?? {};
  return namespace === NAMESPACE && labels?.['endpointslice.kubernetes.io/managed-by'] === MANAGER;
}

async function carryOut(
  writer: ResourceClient<EndpointSlice>,
  action: SliceAction,
  signal: AbortSignal,
): Promise<void> {
  if (action.kind !== 'delete') {
    await (action.kind === 'create' ? writer.create(action.slice, signal) : writer.update(action.slice, signal));
    return;
  }
  await writer.delete(NAMESPACE, action.name, {}, signal).catch(error => {
    if (!isNotFound(error)) throw error;
  });
}

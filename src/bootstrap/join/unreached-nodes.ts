import type { Node } from '../../api/types/gen/core-v1.ts';
import { errorMessage } from '../../base/errors.ts';
import { withDeadline } from '../../base/signals.ts';
import { ApiConnection } from '../../client/connection.ts';
import { readKubeconfig } from '../../client/kubeconfig.ts';
import { ResourceClient } from '../../client/resource-client.ts';
import { routeTo } from '../../linux/netlink/routes.ts';
import { NetlinkSocket } from '../../linux/netlink/socket.ts';
import type { Say } from '../phases.ts';

const NODES = { group: '', version: 'v1', plural: 'nodes' } as const;
const PATIENCE_MS = 5_000;
/** More nodes than that are a number. */
const NAMED = 3;

/** How the machine reaches an address; undefined where it does not. */
export type WayTo = (address: string) => { readonly gateway: string | undefined } | undefined;

/** Says which nodes are on no link of this machine: the pod network has no tunnel, so pods here and there do not reach each other. Asks as the new node itself; never fails. */
export async function warnOfUnreachedNodes(
  { kubeconfig, nodeName }: { readonly kubeconfig: string; readonly nodeName: string },
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  let connection: ApiConnection | undefined;
  let socket: NetlinkSocket | undefined;
  try {
    connection = new ApiConnection(readKubeconfig(kubeconfig), { userAgent: 'gantry-join' });
    socket = NetlinkSocket.open();
    const client = new ResourceClient<Node>(connection, NODES);
    const nodes = await withDeadline(PATIENCE_MS, 'the API server', signal, limit => client.list('', {}, limit));
    const kernel = socket;
    const warning = unreachedNodes(nodes.items, nodeName, address => routeTo(kernel, address));
    if (warning !== undefined) say(warning);
  } catch (error) {
    signal.throwIfAborted();
    say(`Whether the other nodes are on a link of this machine was not seen: ${errorMessage(error)}`);
  } finally {
    socket?.close();
    connection?.close();
  }
}

/** The warning, by the nodes of the cluster and the routes here; undefined where all are neighbours. Pure. */
export function unreachedNodes(nodes: readonly Node[], ownName: string, wayTo: WayTo): string | undefined {
  const far = nodes.flatMap(({ metadata, status }) => {
    const address = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
    if (metadata.name === ownName || address === undefined) return [];
    const way = wayTo(address);
    if (way !== undefined && way.gateway === undefined) return [];
    const why = way === undefined ? 'no route leads to it' : `behind the router ${way.gateway}`;
    return [`${metadata.name} (${address}, ${why})`];
  });
  if (far.length === 0) return undefined;
  const named = far.slice(0, NAMED).join(', ');
  const others = far.length > NAMED ? ` and ${far.length - NAMED} more` : '';
  return `\t[WARNING PodNetwork]: pods here and on ${named}${others} will not reach each other: the pod network leads to nodes on the same link alone. Put the nodes on one link, or give the routers between them routes to the pods of each node ("kubectl get nodes -o yaml" has their podCIDR)`;
}

import type { Node, Pod } from '../api/types/gen/core-v1.ts';
import type { Clock } from '../base/clock.ts';
import type { ResourceId } from '../client/api-object.ts';
import type { ApiConnection } from '../client/connection.ts';
import { type Informed, Informers } from '../client/informers.ts';
import type { Logger } from '../daemon/logger.ts';

export const PODS: ResourceId = { group: '', version: 'v1', plural: 'pods' };
export const NODES: ResourceId = { group: '', version: 'v1', plural: 'nodes' };

/** What the kubelet has of its API server. Whoever needs another kind asks `informers` for it while the kubelet is put together. */
export interface KubeletApi {
  readonly connection: ApiConnection;
  readonly informers: Informers;
  /** This node alone. */
  readonly node: Informed<Node>;
  /** The pods that are bound to this node. */
  readonly pods: Informed<Pod>;
}

/** Connects nothing yet: the informers run with the kubelet. */
export function kubeletApi(
  connection: ApiConnection,
  nodeName: string,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): KubeletApi {
  const informers = new Informers(connection, { clock, onTrouble: message => log.warn(message) });
  return {
    connection,
    informers,
    node: informers.of(NODES, { fieldSelector: `metadata.name=${nodeName}` }),
    pods: informers.of(PODS, { fieldSelector: `spec.nodeName=${nodeName}` }),
  };
}

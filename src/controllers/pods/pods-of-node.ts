import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { Informed } from '../../client/informers.ts';

const BY_NODE = 'spec.nodeName';

/** The pods of a node, by an index that all who ask share. */
export function podsOfNodes(pods: Informed<Pod>): (node: string) => readonly Pod[] {
  const { store } = pods;
  if (!store.hasIndex(BY_NODE))
    store.addIndex(BY_NODE, ({ spec: { nodeName = '' } }) => (nodeName === '' ? [] : [nodeName]));
  return node => store.byIndex(BY_NODE, node);
}

import { existsSync } from 'node:fs';
import { reachedNetworks } from './network/network.ts';
import { type ClusterNetwork, chooseSubnet, clusterNetwork } from './network/plan.ts';
import { clusterDir, listClusterNames, readClusterRecord } from './record.ts';

/** The network of a new cluster: of the subnet that was asked for, or of one that nobody has. */
export function pickNetwork(
  name: string,
  clustersDir: string,
  asked: string | undefined,
  inside: { readonly podSubnet: string; readonly serviceSubnet: string },
): ClusterNetwork {
  const others = listClusterNames(clustersDir)
    .filter(other => other !== name && existsSync(`${clusterDir(other, clustersDir)}/cluster.json`))
    .map(other => ({ cidr: readClusterRecord(other, clustersDir).network.subnet, by: `of the cluster "${other}"` }));
  const subnet = chooseSubnet(asked, [
    ...others,
    { cidr: inside.podSubnet, by: 'for the pods of this cluster' },
    { cidr: inside.serviceSubnet, by: 'for the services of this cluster' },
    ...reachedNetworks(),
  ]);
  return clusterNetwork(name, subnet);
}

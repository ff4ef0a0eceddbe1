import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { errnoName } from '../base/errors.ts';
import { reachedNetworks } from './network/network.ts';
import { type ClusterNetwork, chooseSubnet, clusterNetwork } from './network/plan.ts';
import { clusterDir } from './record.ts';

/** A file whose name is the subnet and whose content is the cluster that has it: made by one process only, whoever tries at the same time. */
const CLAIM = /^subnet-([0-9.]+)-(\d+)$/;

/** The network of a new cluster, claimed for it: of the subnet that was asked for, or of one that nobody has. */
export function claimNetwork(
  name: string,
  clustersDir: string,
  asked: string | undefined,
  inside: { readonly podSubnet: string; readonly serviceSubnet: string },
): ClusterNetwork {
  for (;;) {
    const subnet = chooseSubnet(asked, [
      ...claims(clustersDir).map(({ cidr, cluster }) => ({ cidr, by: `of the cluster "${cluster}"` })),
      { cidr: inside.podSubnet, by: 'for the pods of this cluster' },
      { cidr: inside.serviceSubnet, by: 'for the services of this cluster' },
      ...reachedNetworks(),
    ]);
    try {
      writeFileSync(`${clustersDir}/subnet-${subnet.replace('/', '-')}`, name, { flag: 'wx' });
      return clusterNetwork(name, subnet);
    } catch (error) {
      // somebody was faster: it is among the claims now
      if (errnoName(error) !== 'EEXIST') throw error;
    }
  }
}

/** Gives the cluster's subnet back. Safe to repeat. */
export function releaseNetwork(name: string, clustersDir: string): void {
  for (const { file, cluster } of claimFiles(clustersDir)) if (cluster === name) rmSync(file, { force: true });
}

/** Those of clusters that are there. One whose cluster is gone was left by a kill between two steps, and goes. */
function claims(clustersDir: string): readonly { cidr: string; cluster: string }[] {
  const found = claimFiles(clustersDir);
  for (const { file, cluster } of found)
    if (cluster !== '' && !existsSync(clusterDir(cluster, clustersDir))) rmSync(file, { force: true });
  return found.filter(({ file }) => existsSync(file));
}

function claimFiles(clustersDir: string): { file: string; cidr: string; cluster: string }[] {
  if (!existsSync(clustersDir)) return [];
  return readdirSync(clustersDir).flatMap(entry => {
    const [, base, prefix] = CLAIM.exec(entry) ?? [];
    if (base === undefined) return [];
    const file = `${clustersDir}/${entry}`;
    return [{ file, cidr: `${base}/${prefix}`, cluster: readIfThere(file) }];
  });
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return '';
    throw error;
  }
}

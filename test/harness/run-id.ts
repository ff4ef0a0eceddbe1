import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { randomHex } from '../../src/base/hash.ts';
import { readIfThere } from '../../src/kubelet/credentials/certificate-store.ts';
import { writeFileAtomic } from '../../src/linux/atomic-file.ts';
import { readMountinfo, unmount } from '../../src/linux/mount.ts';
import { isAlive, type ProcessIdentity, processIdentity } from '../../src/linux/procfs.ts';
import { deleteCluster } from '../../src/local-cluster/delete.ts';
import { deleteHost } from '../../src/local-cluster/host/host.ts';
import { listClusterNames } from '../../src/local-cluster/record.ts';

/** Stands in every name that this test process gives away, so that files running side by side do not meet. */
export const RUN_ID = `t${randomHex(3)}`;

/** Data of this test process's hosts. On the disk, because image layers need a file system that is no overlay. */
const PARENT = '/var/tmp';
export const RUN_DIR = `${PARENT}/gantry-test-${RUN_ID}`;

let madeOnce = false;

/** Makes RUN_DIR and says in it whose it is. Safe to repeat. It goes with this process, unless hosts or clusters are left in it: the next run deletes those. */
export function makeRunDirectory(): void {
  mkdirSync(RUN_DIR, { recursive: true });
  if (!madeOnce) process.once('exit', removeRunDirectory);
  madeOnce = true;
  own(RUN_DIR);
}

/** Says in a run's directory that it is this process's. Whoever reads it meanwhile finds the whole of it. */
function own(directory: string): void {
  writeFileAtomic(`${directory}/owner.json`, JSON.stringify(processIdentity(process.pid)));
}

/** Whose a run's directory is; undefined where nobody has said so yet, or it has gone. */
function ownerOf(directory: string): ProcessIdentity | undefined {
  const text = readIfThere(`${directory}/owner.json`);
  return text === undefined ? undefined : (JSON.parse(text) as ProcessIdentity);
}

/** Deletes the hosts and directories of test processes that were killed before they could. Those of living ones are left alone. */
export async function removeDeadRuns(): Promise<void> {
  for (const name of readdirSync(PARENT).filter(n => n.startsWith('gantry-test-t'))) {
    const directory = `${PARENT}/${name}`;
    const owner = ownerOf(directory);
    if (owner === undefined || isAlive(owner)) continue;
    // others that begin meanwhile take it for a living one's
    own(directory);
    const hostsDir = `${directory}/hosts`;
    for (const host of existsSync(hostsDir) ? readdirSync(hostsDir) : [])
      await deleteHost(host, { hostsDir, missingOk: true });
    const clustersDir = `${directory}/clusters`;
    // claims of subnets lie there too
    for (const cluster of listClusterNames(clustersDir)) await deleteCluster(cluster, { clustersDir, write: () => {} });
    // network namespaces are held by mounts; those below others first
    const mounts = readMountinfo()
      .map(({ target }) => target)
      .filter(each => each.startsWith(`${directory}/`));
    for (const each of mounts.sort().reverse()) unmount(each, { lazy: true });
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Takes RUN_DIR away, unless hosts or clusters are left in it. Safe to repeat. */
export function removeRunDirectory(): void {
  const kept = ['hosts', 'clusters'].map(name => `${RUN_DIR}/${name}`);
  if (kept.every(folder => !existsSync(folder) || readdirSync(folder).length === 0))
    rmSync(RUN_DIR, { recursive: true, force: true });
}

/** A fresh directory below RUN_DIR. */
export function runDirectory(name: string): string {
  makeRunDirectory();
  const path = `${RUN_DIR}/${name}-${randomHex(3)}`;
  mkdirSync(path, { recursive: true });
  return path;
}

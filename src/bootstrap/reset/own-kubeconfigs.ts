import { readlinkSync } from 'node:fs';
import { posix } from 'node:path';
import { isBelow } from './is-below.ts';
import type { MountFact } from './mounts/plan.ts';

/** The kubeconfig of somebody who administers: it is there, or its file system was not asked, since that may wait for a server for ever. */
export interface OwnKubeconfig {
  readonly path: string;
  readonly unasked?: string;
}

type Mounts = readonly Pick<MountFact, 'target' | 'fstype'>[];

/** Served by other machines, or by processes of this one. */
const SERVED = /^(nfs\d?|cifs|smb3|smbfs|9p|ceph|afs|lustre|gfs2|glusterfs|autofs|virtiofs|fuse(blk|\..+)?)$/;
/** As many as the kernel follows. */
const MOST_LINKS = 40;

/** Of those whose homes these are. `exists` and `linkAt` (where a link says that it leads to) are asked of local file systems alone. Pure but for them. */
export function ownKubeconfigs(
  homes: readonly string[],
  mounts: Mounts,
  exists: (path: string) => boolean,
  linkAt: (path: string) => string | undefined = whereLinkLeads,
): readonly OwnKubeconfig[] {
  return homes.flatMap((home): OwnKubeconfig[] => {
    const path = `${home}/.kube/config`;
    const found = realPlace(path, mounts, linkAt);
    if ('servedBy' in found) return [{ path, unasked: found.servedBy }];
    return exists(found.real) ? [{ path }] : [];
  });
}

/** Where a path leads to, name by name and link by link; no more is asked for where it comes to a file system that others serve. */
function realPlace(
  path: string,
  mounts: Mounts,
  linkAt: (path: string) => string | undefined,
): { readonly real: string } | { readonly servedBy: string } {
  const names = path.split('/');
  let real = '/';
  let followed = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    // of `..`, too: no link is left in `real`
    const next = posix.join(real, name);
    const isServed = servedBy(next, mounts) !== undefined;
    // a disk of this machine may be mounted below
    const end = isServed ? servedBy(posix.join(next, ...names), mounts) : undefined;
    if (end !== undefined) return { servedBy: end };
    const target = !isServed && followed < MOST_LINKS && next !== real ? linkAt(next) : undefined;
    if (target === undefined) {
      real = next;
      continue;
    }
    followed += 1;
    names.unshift(...target.split('/'));
    if (posix.isAbsolute(target)) real = '/';
  }
  return { real };
}

/** The kind of a file system that others serve; undefined for one of this machine. The last one at a place is the one that is seen. */
function servedBy(path: string, mounts: Mounts): string | undefined {
  const [deepest] = mounts
    .filter(({ target }) => path === target || isBelow(path, target))
    .reverse()
    .sort((a, b) => b.target.length - a.target.length);
  return deepest !== undefined && SERVED.test(deepest.fstype) ? deepest.fstype : undefined;
}

function whereLinkLeads(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // no link, or nothing
    return undefined;
  }
}

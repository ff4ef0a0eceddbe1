import { isInTheWay, mountElsewhere, type OtherPlace } from '../elsewhere/plan.ts';
import { isBelow } from '../is-below.ts';

/** A row of mountinfo, as far as it matters here (src/linux/mount.ts). */
export interface MountFact {
  readonly target: string;
  /** `major:minor`, the same for all mounts of one file system. */
  readonly device: string;
  readonly fstype: string;
  readonly source: string;
  readonly id: number;
  /** The mount in which it is a directory. */
  readonly parentId: number;
  /** What of the file system is seen at `target`. */
  readonly root: string;
}

/** A file system that is taken off its place. What is in it is not touched. */
export interface Unmount {
  readonly target: string;
  readonly because: string;
  /** Its last unmount may wait for a server or a disk: it is left to a process that may be given up. */
  readonly mayHang: boolean;
  /** What waits for its server may be ended by force, for it is mounted nowhere else. */
  readonly isSole: boolean;
  /** Nothing of ours has made it: told by name. */
  readonly isForeign: boolean;
}

export interface MountPlan {
  readonly unmounts: readonly Unmount[];
  /** Mounts of others below our directories, which stay with what is in them. */
  readonly left: readonly { readonly target: string; readonly because: string }[];
}

export interface MountPlaces {
  readonly kubeletDir: string;
  /** All below it is the shim's. */
  readonly runDir: string;
  /** Where else parts of the node were told to have their things. */
  readonly elsewhere: readonly OtherPlace[];
  /** Directories of ours that may be file systems of their own: they are emptied and stay mounted. */
  readonly standing: readonly string[];
}

/** These are in memory, or views of what stays mounted elsewhere: their end waits for nobody. */
const LOCAL_TYPES: readonly string[] = [
  'tmpfs',
  'overlay',
  'nsfs',
  'proc',
  'sysfs',
  'mqueue',
  'devpts',
  'cgroup',
  'cgroup2',
  'ramfs',
  'hugetlbfs',
];

/**
 * What is unmounted, the latest first, and what is left. Below a pod's directory everything is a volume of that pod, whoever has mounted it, and so is what a driver
 * has mounted below `plugins`. Any other mount is somebody's own. Decided from the table of mounts alone: one that hangs is never touched. Pure.
 */
export function planMounts(rows: readonly MountFact[], where: MountPlaces): MountPlan {
  const { kubeletDir, runDir, standing, elsewhere } = where;
  const unmounts: Omit<Unmount, 'isSole' | 'mayHang'>[] = [];
  const left: MountPlan['left'][number][] = [];
  const chosen = new Set<MountFact>();
  const own = new Set([kubeletDir, ...elsewhere.map(({ directory }) => directory)].map(path => deviceOf(path, rows)));
  for (const row of rows.toReversed()) {
    const { target } = row;
    if (standing.includes(target)) continue;
    const because = reasonOf(target, kubeletDir, runDir) ?? mountElsewhere(target, elsewhere);
    if (because !== undefined) {
      chosen.add(row);
      unmounts.push({ target, because, isForeign: !LOCAL_TYPES.includes(row.fstype) && !own.has(row.device) });
    } else if (standing.some(directory => isBelow(target, directory)) || isInTheWay(target, elsewhere)) {
      left.push({ target, because: `${row.fstype} of ${row.source}, which nothing of Gantry has mounted` });
    }
  }
  // one that was spread to where our directory is bound, too, is on the same directory, and goes with the one here
  const byId = new Map(rows.map(row => [row.id, row]));
  const places = new Set([...chosen].map(row => placeOf(row, byId)));
  const isElsewhere = (row: MountFact): boolean => !chosen.has(row) && !places.has(placeOf(row, byId));
  const used = new Set(rows.filter(isElsewhere).map(({ device }) => device));
  const rowsInOrder = rows.toReversed().filter(row => chosen.has(row));
  return {
    unmounts: unmounts.map((unmount, i) => {
      const row = rowsInOrder[i];
      const isSole = row !== undefined && !used.has(row.device);
      return { ...unmount, isSole, mayHang: unmount.isForeign && isSole };
    }),
    left,
  };
}

/** The file system in which a directory lies: a part of it that is bound below a pod is the kubelet's own work. */
function deviceOf(directory: string, rows: readonly MountFact[]): string | undefined {
  let nearest: MountFact | undefined;
  for (const row of rows) {
    const holds = directory === row.target || isBelow(directory, row.target);
    if (holds && row.target.length >= (nearest?.target.length ?? 0)) nearest = row;
  }
  return nearest?.device;
}

/** What is mounted, and on which directory of which file system. */
function placeOf({ device, target, parentId }: MountFact, byId: ReadonlyMap<number, MountFact>): string {
  const parent = byId.get(parentId);
  if (parent === undefined) return `${device} at ${target}`;
  const below = target.slice(parent.target === '/' ? 0 : parent.target.length);
  return `${device} at ${parent.device}:${parent.root === '/' ? '' : parent.root}${below}`;
}

function reasonOf(target: string, kubeletDir: string, runDir: string): string | undefined {
  if (isBelow(target, runDir)) return 'of the container runtime';
  if (!isBelow(target, kubeletDir)) return undefined;
  const [first, uid, rest] = target.slice(kubeletDir.length + 1).split('/');
  if (first === 'pods' && rest !== undefined) return `a volume of pod ${uid}`;
  return first === 'plugins' ? 'of a volume plugin' : undefined;
}

/** File systems whose server may be away: only these take a forced end. */
export function hasServer(fstype: string): boolean {
  return /^(fuse(\..*|blk)?|nfs4?|cifs|smb3|ceph|9p|afs|glusterfs|lustre|gpfs|ocfs2|gfs2)$/.test(fstype);
}

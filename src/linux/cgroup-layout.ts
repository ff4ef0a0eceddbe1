import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** One mounted hierarchy. On v2 there is a single one, with the controllers that its root offers. */
export interface CgroupHierarchy {
  readonly mountPoint: string;
  /** `cpu`, `memory`, …; a v1 named hierarchy has `name=systemd`; the v2 side of a hybrid layout is kept apart and has none. */
  readonly controllers: readonly string[];
}

export interface CgroupLayout {
  readonly version: 1 | 2;
  /** Every hierarchy in which a group of ours exists: all v1 ones (separate or joined), or the v2 one. */
  readonly hierarchies: readonly CgroupHierarchy[];
  /** The v2 mount of a hybrid layout. No limit is set there, but OCI runtimes make their groups in it, so removal goes through it too. */
  readonly hybridUnified: string | undefined;
}

/** The controllers that limits of pods need; a v1 layout without one of them simply does not have that limit. */
const KNOWN_CONTROLLERS = new Set([
  'cpu',
  'cpuacct',
  'cpuset',
  'memory',
  'devices',
  'freezer',
  'blkio',
  'pids',
  'hugetlb',
  'net_cls',
  'net_prio',
  'perf_event',
  'rdma',
  'misc',
]);

/**
 * Finds the cgroup file systems in the text of /proc/<pid>/mountinfo. Pure but for `controllersOf`, which reads the controllers of a v2
 * root. A hierarchy that is mounted several times counts once, at its last mount (a later mount hides an earlier one at the same place).
 * Throws when no cgroup file system is mounted.
 */
export function parseCgroupLayout(mountinfo: string, controllersOf: (mountPoint: string) => string): CgroupLayout {
  const v1 = new Map<string, CgroupHierarchy>();
  let v2: string | undefined;
  for (const line of mountinfo.split('\n')) {
    const separator = line.indexOf(' - ');
    if (separator < 0) continue;
    const mountPoint = unescapeMountPath(line.slice(0, separator).split(' ')[4] ?? '');
    const [type, , superOptions = ''] = line.slice(separator + 3).split(' ');
    if (type === 'cgroup2') v2 = preferSysFs(v2, mountPoint);
    if (type !== 'cgroup') continue;
    const controllers = superOptions.split(',').filter(o => KNOWN_CONTROLLERS.has(o) || o.startsWith('name='));
    const key = controllers.join(',');
    if (key === '') continue;
    v1.set(key, { mountPoint: preferSysFs(v1.get(key)?.mountPoint, mountPoint), controllers });
  }
  const hierarchies = [...v1.values()];
  if (hierarchies.some(h => h.controllers.includes('memory') || h.controllers.includes('cpu')))
    return { version: 1, hierarchies, hybridUnified: v2 };
  if (v2 === undefined)
    throw new Error('no cgroup file system is mounted (looked for cgroup and cgroup2 in mountinfo)');
  const controllers = controllersOf(v2)
    .split(/\s+/)
    .filter(c => c !== '');
  return { version: 2, hierarchies: [{ mountPoint: v2, controllers }], hybridUnified: undefined };
}

function preferSysFs(known: string | undefined, found: string): string {
  return known?.startsWith('/sys/fs/cgroup') && !found.startsWith('/sys/fs/cgroup') ? known : found;
}

/** mountinfo writes blank, tab, newline and backslash as three octal digits. */
function unescapeMountPath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

let current: CgroupLayout | undefined;

/** The layout that this process sees. Read once: mounts of cgroup file systems do not change under a running daemon. */
export function detectCgroups(): CgroupLayout {
  current ??= parseCgroupLayout(readFileSync('/proc/self/mountinfo', 'utf8'), mountPoint =>
    readFileSync(`${mountPoint}/cgroup.controllers`, 'utf8'),
  );
  return current;
}

/** Whether the kernel counts and limits swap by group of cgroup v2. The root has no such file, so a group below it is asked; false for v1. */
export function countsSwap({ version, hierarchies }: CgroupLayout): boolean {
  const [root] = hierarchies;
  if (version === 1 || root === undefined) return false;
  return readdirSync(root.mountPoint, { withFileTypes: true }).some(
    entry => entry.isDirectory() && existsSync(`${root.mountPoint}/${entry.name}/memory.swap.max`),
  );
}

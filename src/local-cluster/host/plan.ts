import { invalidArgument } from '../../base/errors.ts';

/** One line of the table that mount(8) is given. */
export interface MountRow {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly options: string;
}

/** The cgroup file systems of the machine, as src/linux/cgroup-layout.ts finds them. */
export interface MachineCgroups {
  readonly version: 1 | 2;
  readonly hierarchies: readonly { readonly mountPoint: string; readonly controllers: readonly string[] }[];
}

export interface HostFacts {
  readonly name: string;
  /** Absolute; the host's own data lives below it. */
  readonly dataDir: string;
  readonly cgroups: MachineCgroups;
  /** True when `dataDir` is on overlayfs, which takes no upper layer on overlayfs: the data is then kept in memory. */
  readonly dataOnOverlay: boolean;
  readonly machineId: string;
  /** The text of /etc/resolv.conf inside. */
  readonly resolvConf: string;
}

export interface HostPlan {
  /** Path of the host's group, relative to the root of every hierarchy. */
  readonly cgroup: string;
  /** The group in which the host's processes live; below `cgroup` on v2, where a group with processes cannot hand out controllers. */
  readonly memberCgroup: string;
  /** cgroup.procs files that a process is written to before its cgroup namespace is made. */
  readonly namespaceProcs: readonly string[];
  /** cgroup.procs files that a process is written to when it joins the host. */
  readonly memberProcs: readonly string[];
  /** Directories made on the machine, below `dataDir`. */
  readonly dataDirectories: readonly string[];
  /** Mounted first: /sys with only the cgroup hierarchies that are used, and /run. */
  readonly baseMounts: readonly MountRow[];
  /** Made inside the host once /run is its own. */
  readonly runDirectories: readonly string[];
  /** Mounted second: overlays that give mount points, and the host's own directories over those. */
  readonly treeMounts: readonly MountRow[];
  /** Written inside the host after the overlays are there. */
  readonly files: readonly { readonly path: string; readonly content: string }[];
  /** Made inside the host: v1 controllers that are mounted together are also found under their own names. */
  readonly links: readonly { readonly path: string; readonly target: string }[];
}

/** Trees of the machine that a host sees with its own changes on top. */
const OVERLAID = ['/etc', '/opt', '/var/lib', '/var/log'];

/** Directories that belong to the host alone and survive its restart. */
export const OWN_DIRECTORIES = [
  '/etc/kubernetes',
  '/etc/cni',
  '/etc/gantry',
  '/etc/containerd',
  '/opt/cni',
  '/var/lib/kubelet',
  '/var/lib/gantry',
  '/var/lib/etcd',
  '/var/lib/cni',
  '/var/lib/containerd',
  '/var/log/pods',
  '/var/log/containers',
  '/var/log/gantry',
];

const WHOLE_PROC = '/run/host-proc';

/** Hierarchies that pods, OCI runtimes and containerd use. Others stay away: crun refuses a v1 layout with a v2 mount beside it. */
const USED_CONTROLLERS = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'name=systemd'];

const HOST_GROUPS = '/gantry-hosts';

/** Path of a host's group, relative to the root of every hierarchy. */
export function hostCgroup(name: string): string {
  return `${HOST_GROUPS}/${name}`;
}
/** Where a host finds its own data directory. */
const DATA_ROOT = '/run/host-data';
const OVERLAY_ROOT = '/run/host-overlay';

/** What has to be made for a host, in order. Throws `invalid-argument` for a name that is no host name or a relative data directory. */
export function planHost(facts: HostFacts): HostPlan {
  assertHostName(facts.name);
  if (!facts.dataDir.startsWith('/')) throw invalidArgument(`the data directory "${facts.dataDir}" is not absolute`);
  const cgroup = hostCgroup(facts.name);
  const memberCgroup = facts.cgroups.version === 2 ? `${cgroup}/init` : cgroup;
  const hierarchies =
    facts.cgroups.version === 2
      ? facts.cgroups.hierarchies
      : facts.cgroups.hierarchies.filter(h => h.controllers.some(c => USED_CONTROLLERS.includes(c)));
  const procs = (group: string): string[] => hierarchies.map(h => `${h.mountPoint}${group}/cgroup.procs`);
  const dataRoot = `${facts.dataDir}/root`;
  return {
    cgroup,
    memberCgroup,
    namespaceProcs: procs(cgroup),
    memberProcs: procs(memberCgroup),
    dataDirectories: facts.dataOnOverlay ? [facts.dataDir] : OWN_DIRECTORIES.map(d => `${dataRoot}${d}`),
    baseMounts: [
      { source: 'sysfs', target: '/sys', type: 'sysfs', options: 'rw,nosuid,nodev,noexec' },
      ...cgroupMounts(facts.cgroups.version, hierarchies),
      { source: 'gantry-host-run', target: '/run', type: 'tmpfs', options: 'rw,nosuid,nodev,mode=755' },
      // The boot id below covers a part of /proc, and in a user namespace the kernel mounts proc only where a whole one is to be seen.
      { source: 'proc', target: WHOLE_PROC, type: 'proc', options: 'nosuid,nodev,noexec,x-mount.mkdir' },
      // taken before the overlays are there: below /var/lib, the data directory would else be seen through one
      ...(facts.dataOnOverlay
        ? []
        : [{ source: dataRoot, target: DATA_ROOT, type: 'none', options: 'bind,x-mount.mkdir' }]),
    ],
    runDirectories: OVERLAID.flatMap(d => [`${overlayDir(d)}/upper`, `${overlayDir(d)}/work`]),
    treeMounts: [
      ...OVERLAID.map(d => ({
        source: `gantry-host${d.replaceAll('/', '-')}`,
        target: d,
        type: 'overlay',
        options: `lowerdir=${d},upperdir=${overlayDir(d)}/upper,workdir=${overlayDir(d)}/work`,
      })),
      ...OWN_DIRECTORIES.map(d =>
        facts.dataOnOverlay
          ? {
              source: `gantry-host${d.replaceAll('/', '-')}`,
              target: d,
              type: 'tmpfs',
              options: 'mode=755,x-mount.mkdir',
            }
          : { source: `${DATA_ROOT}${d}`, target: d, type: 'none', options: 'bind,x-mount.mkdir' },
      ),
      {
        source: '/run/host-boot-id',
        target: '/proc/sys/kernel/random/boot_id',
        type: 'none',
        options: 'bind',
      },
    ],
    files: [
      { path: '/etc/hostname', content: `${facts.name}\n` },
      { path: '/etc/machine-id', content: `${facts.machineId}\n` },
      {
        path: '/etc/hosts',
        content: `127.0.0.1 localhost\n127.0.1.1 ${facts.name}\n::1 localhost ip6-localhost ip6-loopback\n`,
      },
      { path: '/etc/resolv.conf', content: facts.resolvConf },
    ],
    links:
      facts.cgroups.version === 2
        ? []
        : hierarchies
            .filter(h => h.controllers.length > 1)
            .flatMap(h =>
              h.controllers.map(c => ({ path: `/sys/fs/cgroup/${c}`, target: groupMountName(h.controllers) })),
            ),
  };
}

/** A host's name is its host name and part of paths and group names: a DNS label of at most 40 characters. */
export function assertHostName(name: string): void {
  if (!/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name))
    throw invalidArgument(`"${name}" is not a host name: use 1 to 40 of a-z, 0-9 and "-", not at the ends`);
}

/** The table as mount --all --fstab reads it (fstab(5)): blanks and backslashes inside a field are octal escapes. */
export function formatMountTable(rows: readonly MountRow[]): string {
  const field = (text: string): string =>
    text.replace(/[\\ \t\n#]/g, c => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
  return rows.map(r => `${[r.source, r.target, r.type, r.options].map(field).join(' ')} 0 0\n`).join('');
}

function cgroupMounts(version: 1 | 2, hierarchies: MachineCgroups['hierarchies']): MountRow[] {
  if (version === 2)
    return [{ source: 'cgroup2', target: '/sys/fs/cgroup', type: 'cgroup2', options: 'rw,nosuid,nodev,noexec' }];
  return [
    { source: 'gantry-host-cgroup', target: '/sys/fs/cgroup', type: 'tmpfs', options: 'nosuid,nodev,noexec,mode=755' },
    ...hierarchies.map(h => ({
      source: 'cgroup',
      target: `/sys/fs/cgroup/${groupMountName(h.controllers)}`,
      type: 'cgroup',
      options: `rw,nosuid,nodev,noexec,x-mount.mkdir,${h.controllers.some(c => c.startsWith('name=')) ? 'none,' : ''}${h.controllers.join(',')}`,
    })),
  ];
}

/** `cpu`, `cpu,cpuacct`, `systemd`: the names under which distributions mount them. */
function groupMountName(controllers: readonly string[]): string {
  return controllers.map(c => c.replace(/^name=/, '')).join(',');
}

function overlayDir(directory: string): string {
  return `${OVERLAY_ROOT}/${directory.slice(1).replaceAll('/', '-')}`;
}

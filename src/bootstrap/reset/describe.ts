import type { Removal } from './plan.ts';

/** More of one kind than that are told as one line. */
const TOLD_ALONE = 3;

const WORDS = {
  processes: ['Ended', 'Would end', 'processes'],
  unmount: ['Unmounted', 'Would unmount', 'file systems'],
  links: ['Removed', 'Would remove', 'links'],
  route: ['Removed', 'Would remove', 'routes'],
  address: ['Removed', 'Would remove', 'addresses'],
  table: ['Removed', 'Would remove', 'tables of nftables'],
  'proxy-rules': ['Removed', 'Would remove', 'rules of the service proxy'],
  cgroup: ['Removed', 'Would remove', 'cgroups'],
  profile: ['Unloaded', 'Would unload', 'AppArmor profiles'],
  service: ['Removed', 'Would remove', 'services'],
  'shutdown-delay': ['Removed', 'Would remove', 'files of logind'],
  file: ['Removed', 'Would remove', 'files and directories'],
} as const satisfies Readonly<Record<Removal['kind'], readonly [done: string, would: string, many: string]>>;

/** What was removed or would be, a line a thing; many of a kind that are there for the same reason are one line, but for what is somebody else's. Pure. */
export function describeRemovals(removals: readonly Removal[], mood: 'done' | 'would'): readonly string[] {
  const groups = new Map<string, Removal[]>();
  for (const removal of removals) {
    // which directories end up empty is seen only then, and neither that nor their permissions is news
    if (removal.kind === 'file' && (removal.file.kind === 'empty-directory' || removal.file.kind === 'mode')) continue;
    const key = `${removal.kind} ${reasonFamily(removal)}`;
    groups.set(key, [...(groups.get(key) ?? []), removal]);
  }
  return [...groups.values()].flatMap(group => {
    const [first] = group;
    if (first === undefined) return [];
    const [done, would, many] = WORDS[first.kind];
    const verb = mood === 'done' ? done : would;
    if (group.length <= TOLD_ALONE) return group.map(removal => `${verb} ${subject(removal)} (${removal.because})`);
    return [`${verb} ${group.length} ${many} (${reasonFamily(first)})`];
  });
}

/** Volumes of all pods are one family; what somebody else has mounted is told by its name. */
function reasonFamily(removal: Removal): string {
  if (removal.kind !== 'unmount') return removal.because;
  return removal.isForeign
    ? `${removal.because} ${removal.target}`
    : removal.because.replace(/^a volume of pod .*/, 'volumes of pods');
}

/** The thing itself, as people know it. */
export function subject(removal: Removal): string {
  switch (removal.kind) {
    case 'processes':
      return `${removal.processes.length} processes`;
    case 'unmount':
      return removal.target;
    case 'links':
      return removal.names.length === 1 ? `the link ${removal.names[0]}` : `${removal.names.length} links`;
    case 'route':
      return `the route to ${removal.route.destination}`;
    case 'address':
      return `the address ${removal.address.ip} of the link lo`;
    case 'table':
      return `the nft table ${removal.name}`;
    case 'proxy-rules':
      return removal.traces.join(', ');
    case 'cgroup':
      return `the cgroup ${removal.path}`;
    case 'profile':
      return `the AppArmor profile ${removal.name}`;
    case 'service':
      return `the service ${removal.name}: ${removal.traces.join(', ')}`;
    case 'shutdown-delay':
      return removal.path;
    case 'file':
      return removal.file.kind === 'contents' ? `the contents of ${removal.file.path}` : removal.file.path;
  }
}

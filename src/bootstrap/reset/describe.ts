import type { Removal } from './plan.ts';

const WORDS = {
  processes: ['Ended', 'Would end'],
  unmount: ['Unmounted', 'Would unmount'],
  links: ['Removed', 'Would remove'],
  route: ['Removed', 'Would remove'],
  address: ['Removed', 'Would remove'],
  table: ['Removed', 'Would remove'],
  'proxy-rules': ['Removed', 'Would remove'],
  cgroup: ['Removed', 'Would remove'],
  profile: ['Unloaded', 'Would unload'],
  service: ['Removed', 'Would remove'],
  'shutdown-delay': ['Removed', 'Would remove'],
  file: ['Removed', 'Would remove'],
} as const satisfies Readonly<Record<Removal['kind'], readonly [done: string, would: string]>>;

/** What was removed or would be, a line a thing, each by its name and however many there are: whoever takes a machine out of a cluster can look each of them up. Pure. */
export function describeRemovals(removals: readonly Removal[], mood: 'done' | 'would'): readonly string[] {
  return removals.flatMap(removal => {
    // the owner and the mode that a directory had before are no news
    if (removal.kind === 'file' && removal.file.kind === 'mode') return [];
    // whether something else is in it is seen only then
    if (removal.kind === 'file' && removal.file.kind === 'empty-directory' && mood === 'would')
      return [`Would go where it is empty by then: ${subject(removal)} (${removal.because})`];
    const [done, would] = WORDS[removal.kind];
    return [`${mood === 'done' ? done : would} ${subject(removal)} (${removal.because})`];
  });
}

/** The thing itself, as people know it. */
export function subject(removal: Removal): string {
  switch (removal.kind) {
    case 'processes':
      return several('process', 'processes', removal.processes.map(processName));
    case 'unmount':
      return removal.target;
    case 'links':
      return several('link', 'links', removal.names);
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

function several(one: string, many: string, names: readonly string[]): string {
  return `the ${names.length === 1 ? one : many} ${names.join(', ')}`;
}

/** A process gives itself its name, of any bytes: none of them is to reach a terminal as a command. */
function processName({ pid, name }: { readonly pid: number; readonly name: string }): string {
  return `${pid} (${name.replaceAll(/[^\x20-\x7e]/g, '?')})`;
}

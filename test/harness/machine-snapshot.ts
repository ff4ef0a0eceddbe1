/** What there is on a machine, a line a thing, under the name of its section. */
export type MachineSnapshot = ReadonlyMap<string, ReadonlySet<string>>;

export interface SnapshotOptions {
  /** Directories whose contents are listed, and those below them that are not; a whole machine unless given. */
  readonly roots?: readonly string[];
  readonly pruned?: readonly string[];
  /** Runs sh with the script on its standard input, as root on the machine, and answers what it printed. A failure has to be thrown. */
  readonly run: (script: string) => Promise<string>;
  /** Extended regular expressions for lines that come and go by themselves on this machine (`^files .* /var/log/journal/`). */
  readonly ignore?: readonly RegExp[];
}

const MARK = '== ';

/** Where on a machine a node could leave things. */
const ROOTS = ['/etc', '/opt', '/run', '/srv', '/root', '/home', '/var/lib', '/var/log', '/var/spool', '/usr/local'];
/** Logs of the machine, and what systemd keeps for itself: they change whether a node is there or not. */
const PRUNED = ['/run/log', '/run/systemd', '/run/udev', '/run/user', '/var/lib/systemd', '/var/log/journal'];

/** Constant text for sh but for the paths. Every section ends well where its tool is missing; counters, ages and numbers that the kernel gives are left out. */
function scriptOf(roots: readonly string[], pruned: readonly string[]): string {
  const words = (paths: readonly string[]): string => paths.map(path => `'${path}'`).join(' ');
  return String.raw`
export LC_ALL=C
section() { echo "${MARK}$1"; }
section files
find ${words(roots)} \( ${pruned.map(path => `-path '${path}'`).join(' -o ')} \) -prune -o -printf '%y %m %U:%G %p %l\n' 2>/dev/null
section links
ip -o link | awk '{ sub(/@.*/, "", $2); sub(/:$/, "", $2); print $2 }'
section addresses
ip -o addr | awk '{ print $2, $3, $4 }'
section routes
{ ip route show table all; ip -6 route show table all; } | sed -E 's/ expires [0-9a-z]+//; s/ metric [0-9]+//; s/ linkdown//; s/ pref medium//'
section rules-of-routing
ip rule; ip -6 rule
section nftables
nft --stateless list ruleset 2>/dev/null
section iptables
for tool in iptables-save ip6tables-save iptables-legacy-save ip6tables-legacy-save; do
  $tool 2>/dev/null | sed -E '/^#/d; s/\[[0-9]+:[0-9]+\]//' | sed "s/^/$tool /"
done
section ipsets
ipset list -name 2>/dev/null
section ipvs
ipvsadm --save --numeric 2>/dev/null
section mounts
awk '{ for (i = 7; $i != "-"; i++); print $5, $4, $(i + 1), $(i + 2) }' /proc/self/mountinfo
section cgroups
find /sys/fs/cgroup -mindepth 1 -type d 2>/dev/null
section processes
all=$(ps -eo pid=,ppid=,args=)
echo "$all" | awk -v own=$$ '$1 != own && $2 != own && $2 != 2 && $1 != 2 && $3 != "ps" { $1 = ""; $2 = ""; print }'
section listeners
ss -Hlntu 2>/dev/null | awk '{ print $1, $5 }'
section namespaces
ls /run/netns 2>/dev/null
section units
if [ -d /run/systemd/system ]; then
  systemctl list-units --all --plain --no-legend --no-pager | awk '{ print $1, $3, $4 }'
  # which are enabled is seen by links in /etc; list-unit-files takes ten seconds in emulation
  ls /lib/systemd/system
fi
section end
`;
}

/** Lists the machine. Takes some 0.2 s in a host. */
export async function machineSnapshot({
  run,
  roots = ROOTS,
  pruned = PRUNED,
  ignore = [],
}: SnapshotOptions): Promise<MachineSnapshot> {
  const sections = new Map<string, Set<string>>();
  let current = '';
  for (const text of (await run(scriptOf(roots, pruned))).split('\n')) {
    const line = text.trimEnd();
    if (line.startsWith(MARK)) {
      current = line.slice(MARK.length);
      sections.set(current, new Set());
    } else if (line !== '' && !ignore.some(pattern => pattern.test(`${current} ${line}`))) {
      sections.get(current)?.add(line);
    }
  }
  // a script that was cut off would show that everything is gone
  if (!sections.has('end') || (sections.get('files')?.size ?? 0) === 0 || (sections.get('links')?.size ?? 0) === 0)
    throw new Error(`the list of the machine is not whole: it ends in section "${current}"`);
  return sections;
}

/** What came (`+`) and what went (`-`) from one list to the other, sorted; empty where nothing did. */
export function snapshotDifference(before: MachineSnapshot, after: MachineSnapshot): string[] {
  const lines: string[] = [];
  for (const section of new Set([...before.keys(), ...after.keys()])) {
    const [old, now] = [before, after].map(snapshot => snapshot.get(section) ?? new Set<string>());
    if (old === undefined || now === undefined) continue;
    for (const line of now) if (!old.has(line)) lines.push(`+ ${section} ${line}`);
    for (const line of old) if (!now.has(line)) lines.push(`- ${section} ${line}`);
  }
  return lines.sort();
}

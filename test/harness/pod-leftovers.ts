import { readdirSync, readFileSync } from 'node:fs';
import { JournalBuilder, type JournalEntry, type JournalLine } from '../../src/cni/journal/state.ts';
import type { RuntimeHost } from './runtime-host.ts';
import { waitFor } from './wait-for.ts';

/**
 * Everything in a host that belongs to some pod, found without asking the shim's opinion alone: its lists, its files, the runtime's files,
 * processes, mounts, links, groups, addresses. Empty when no pod is there.
 */
export async function podLeftovers(target: Pick<RuntimeHost, 'host' | 'client'>): Promise<string[]> {
  const { host, client } = target;
  const [sandboxes, containers] = await Promise.all([
    client.listPodSandbox({ filter: undefined }),
    client.listContainers({ filter: undefined }),
  ]);
  const names = (directory: string): string[] => entries(host.path(directory));
  return [
    ...sandboxes.items.map(s => `listed sandbox ${s.id}`),
    ...containers.containers.map(c => `listed container ${c.id}`),
    ...names('/var/lib/gantry/sandboxes').map(n => `sandbox record ${n}`),
    ...names('/var/lib/gantry/containers').map(n => `container directory ${n}`),
    ...names('/var/lib/gantry/trash').map(n => `trash ${n}`),
    ...names('/run/gantry/cri/sandboxes').map(n => `sandbox state ${n}`),
    ...names('/run/gantry/cri/containers').map(n => `container state ${n}`),
    ...names('/run/gantry/cri/netns').map(n => `netns ${n}`),
    ...names('/run/gantry/cri/exits').map(n => `exit file ${n}`),
    ...['crun', 'runc'].flatMap(runtime => names(`/run/gantry/cri/${runtime}`).map(n => `${runtime} state ${n}`)),
    ...['crun', 'runc'].flatMap(runtime =>
      names(`/run/gantry/cri/${runtime}-exec`).map(n => `${runtime} exec file ${n}`),
    ),
    ...processes(host.path('/proc')),
    ...mounts(readFileSync(host.path('/proc/1/mountinfo'), 'utf8')),
    ...links(readFileSync(host.path('/proc/1/net/dev'), 'utf8')),
    ...groups(host.path('/sys/fs/cgroup')),
    ...attachments(host.path('/var/lib/gantry/cni')).flatMap(({ ips }) => ips.map(ip => `address ${ip}`)),
    ...(await hostPorts(host)),
    ...names('/var/lib/gantry/cni-cache/results').map(n => `cached attachment ${n}`),
  ];
}

/** Waits until nothing of any pod is left; fails with the list. Addresses take a second: links are looked for in a sweep. */
export async function expectNoLeftovers(target: Pick<RuntimeHost, 'host' | 'client'>): Promise<void> {
  await waitFor(
    `nothing of a pod to be left in ${target.host.name}`,
    async saw => {
      const left = await podLeftovers(target);
      saw(left);
      return left.length === 0;
    },
    { timeoutMs: 15_000 },
  );
}

/** What is in the maps of ports that lead to pods. */
async function hostPorts(host: RuntimeHost['host']): Promise<string[]> {
  const { stdout } = await host.exec(['nft', 'list', 'table', 'inet', 'gantry_cni']);
  return [...stdout.matchAll(/elements = \{ ([^}]*) \}/g)].map(([, elements]) => `host ports ${elements}`);
}

/** Names in a directory; none where it is not there. */
export function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Monitors, runtimes, pauses and what test pods run. Pid 1 is the host's own. */
function processes(proc: string): string[] {
  const found: string[] = [];
  for (const pid of entries(proc).filter(n => /^\d+$/.test(n) && n !== '1')) {
    let command: string[];
    try {
      command = readFileSync(`${proc}/${pid}/cmdline`, 'utf8').split('\0');
    } catch {
      continue;
    }
    if (/(^|\/)(conmon|crun|runc|catatonit|sleep|busybox|httpd)$/.test(command[0] ?? ''))
      found.push(`process ${pid} ${command.join(' ').trim()}`);
  }
  return found;
}

function mounts(mountinfo: string): string[] {
  return mountinfo
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .filter(
      target => /^\/run\/gantry\/cri\/(sandboxes|containers|netns)/.test(target) || target.includes('/kubelet/pods/'),
    )
    .map(target => `mount ${target}`);
}

function links(netDev: string): string[] {
  return netDev
    .split('\n')
    .map(line => line.trim().split(':')[0] ?? '')
    .filter(name => /^(veth|gb|gv|cali|tap)/.test(name))
    .map(name => `link ${name}`);
}

/** Groups of pods and containers; the kubelet's own tree (kubepods, burstable, besteffort) stays. */
function groups(root: string): string[] {
  const found: string[] = [];
  const walk = (directory: string, shown: string): void => {
    for (const name of directories(directory)) {
      if (/^pod[0-9a-f-]{8,}|^[0-9a-f]{64}|^poduid-/.test(name)) found.push(`cgroup ${shown}/${name}`);
      else walk(`${directory}/${name}`, `${shown}/${name}`);
    }
  };
  for (const hierarchy of ['', ...directories(root)]) walk(`${root}/${hierarchy}/kubepods`, `${hierarchy}/kubepods`);
  return [...new Set(found)];
}

function directories(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter(e => e.isDirectory())
      .map(e => e.name);
  } catch {
    return [];
  }
}

/** What the journals of addresses say is taken, in whatever state. `directory` is `/var/lib/gantry/cni` of a host. */
export function attachments(directory: string): JournalEntry[] {
  return entries(directory).flatMap(file => {
    const journal = new JournalBuilder();
    for (const line of readFileSync(`${directory}/${file}`, 'utf8').split('\n'))
      if (line.startsWith('{"op"')) journal.apply(JSON.parse(line) as JournalLine);
    return [...journal.entries.values()];
  });
}

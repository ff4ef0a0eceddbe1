import { readdirSync, readFileSync } from 'node:fs';
import { JournalBuilder, type JournalEntry, type JournalLine } from '../../src/cni/journal/state.ts';
import type { RuntimeHost } from './runtime-host.ts';
import { waitFor } from './wait-for.ts';

/** Without a runtime it is ours. */
type Target = Pick<RuntimeHost, 'host' | 'client'> & { readonly runtime?: RuntimeHost['runtime'] };

/**
 * Everything in a host that belongs to some pod, found without asking the shim's opinion alone: its lists, its files, the runtime's files,
 * processes, mounts, links, groups, addresses. Empty when no pod is there.
 */
export async function podLeftovers(target: Target): Promise<string[]> {
  const { host, client } = target;
  const [sandboxes, containers] = await Promise.all([
    client.listPodSandbox({ filter: undefined }),
    client.listContainers({ filter: undefined }),
  ]);
  return [
    ...sandboxes.items.map(s => `listed sandbox ${s.id}`),
    ...containers.containers.map(c => `listed container ${c.id}`),
    ...(target.runtime === 'containerd' ? filesOfContainerd(host) : filesOfGantry(host)),
    ...processes(host.path('/proc')),
    ...mounts(readFileSync(host.path('/proc/1/mountinfo'), 'utf8')),
    ...links(readFileSync(host.path('/proc/1/net/dev'), 'utf8')),
    ...groups(host.path('/sys/fs/cgroup')),
    ...(await hostPorts(host)),
  ];
}

/** What the shim and our network plugin write down of pods. */
function filesOfGantry(host: Target['host']): string[] {
  const names = (directory: string): string[] => entries(host.path(directory));
  return [
    ...names('/var/lib/gantry/sandboxes').map(n => `sandbox record ${n}`),
    ...names('/var/lib/gantry/containers').map(n => `container directory ${n}`),
    ...names('/var/lib/gantry/trash').map(n => `trash ${n}`),
    ...names('/run/gantry/cri/sandboxes').map(n => `sandbox state ${n}`),
    ...names('/run/gantry/cri/containers').map(n => `container state ${n}`),
    ...names('/run/gantry/cri/netns').map(n => `netns ${n}`),
    ...names('/run/gantry/cri/userns').map(n => `user namespace ${n}`),
    ...names('/run/gantry/cri/idmapped').map(n => `idmapped mounts ${n}`),
    ...names('/run/gantry/cri/exits').map(n => `exit file ${n}`),
    ...['crun', 'runc'].flatMap(runtime => names(`/run/gantry/cri/${runtime}`).map(n => `${runtime} state ${n}`)),
    ...names('/run/gantry/cri/handlers').flatMap(handler =>
      ['containers', 'containers-exec'].flatMap(place =>
        names(`/run/gantry/cri/handlers/${handler}/${place}`).map(n => `${handler} ${place} ${n}`),
      ),
    ),
    ...['crun', 'runc'].flatMap(runtime =>
      names(`/run/gantry/cri/${runtime}-exec`).map(n => `${runtime} exec file ${n}`),
    ),
    ...attachments(host.path('/var/lib/gantry/cni')).flatMap(({ ips }) => ips.map(ip => `address ${ip}`)),
    ...names('/var/lib/gantry/cni-cache/results').map(n => `cached attachment ${n}`),
  ];
}

/** What containerd and the reference plugins write down of pods. */
function filesOfContainerd(host: Target['host']): string[] {
  const names = (directory: string): string[] => entries(host.path(directory));
  return [
    ...names('/run/containerd/io.containerd.runtime.v2.task/k8s.io').map(n => `task ${n}`),
    ...names('/run/containerd/io.containerd.grpc.v1.cri/sandboxes').map(n => `sandbox state ${n}`),
    ...names('/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes').map(n => `sandbox directory ${n}`),
    ...names('/var/lib/containerd/io.containerd.grpc.v1.cri/containers').map(n => `container directory ${n}`),
    ...names('/run/netns').map(n => `netns ${n}`),
    ...names('/var/lib/cni/networks/peer')
      .filter(n => /^\d/.test(n))
      .map(n => `address ${n}`),
    ...names('/var/lib/cni/results').map(n => `cached attachment ${n}`),
  ];
}

/** Waits until nothing of any pod is left; fails with the list. Addresses take a second: links are looked for in a sweep. */
export async function expectNoLeftovers(target: Target): Promise<void> {
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
    if (/(^|\/)(conmon|crun|runc|containerd-shim\S*|catatonit|sleep|busybox|httpd)$/.test(command[0] ?? ''))
      found.push(`process ${pid} ${command.join(' ').trim()}`);
  }
  return found;
}

function mounts(mountinfo: string): string[] {
  return mountinfo
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .filter(
      target =>
        /^\/run\/(gantry\/cri\/(sandboxes|containers|netns|userns|idmapped)|containerd\/io|netns\/)/.test(target) ||
        target.includes('/kubelet/pods/'),
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
  for (const hierarchy of ['', ...directories(root)])
    for (const tree of ['kubepods', 'gantry']) walk(`${root}/${hierarchy}/${tree}`, `${hierarchy}/${tree}`);
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

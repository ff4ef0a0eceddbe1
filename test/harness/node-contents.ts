import { readFileSync } from 'node:fs';
import type { Pod } from '../../src/api/types/gen/core-v1.ts';
import type { Host } from '../../src/local-cluster/host/host.ts';
import { createCriClient } from '../../src/rpc/cri-client.ts';
import type { TestCluster } from './cluster.ts';
import { attachments, entries } from './pod-leftovers.ts';
import { waitFor } from './wait-for.ts';

/**
 * Where a node and the API do not agree on its pods: what the node holds of pods that the API does not have there, and what pods lack that the API has.
 * The node is asked by the runtime's socket, and without its opinion by its records, namespaces, groups, mounts, links and addresses. `pods` are all of
 * the cluster; those with an address of the node's own are not looked for among addresses.
 */
export async function nodeDifferences(host: Host, pods: readonly Pod[]): Promise<string[]> {
  const here = pods.filter(({ spec, status }) => spec.nodeName === host.name && !hasEnded(status?.phase));
  const uids = here.map(({ metadata }) => metadata.uid ?? '');
  const known = await criLists(host);
  const ready = known.sandboxes.filter(({ state }) => state === 0);
  const ids = [...known.sandboxes, ...known.containers].map(({ id }) => id);
  const taken = attachments(host.path('/var/lib/gantry/cni'));
  const own = here.filter(({ spec }) => spec.hostNetwork !== true);
  const mounted = readFileSync(host.path('/proc/1/mountinfo'), 'utf8');
  return [
    ...strangers(
      'sandbox of pod',
      known.sandboxes.map(({ metadata }) => metadata?.uid ?? ''),
      uids,
    ),
    // one from before a reboot stays as long as it has a container whose log is the previous one
    ...known.sandboxes
      .filter(({ id, state }) => state !== 0 && known.containers.every(({ podSandboxId }) => podSandboxId !== id))
      .map(({ id }) => `dead sandbox ${id}, which has no container`),
    ...differences(
      'ready sandbox of pod',
      ready.map(({ metadata }) => metadata?.uid ?? ''),
      uids,
    ),
    ...differences(
      'sandbox record',
      entries(host.path('/var/lib/gantry/sandboxes')).map(file => file.replace('.json', '')),
      known.sandboxes.map(({ id }) => id),
    ),
    ...differences(
      'container directory',
      entries(host.path('/var/lib/gantry/containers')),
      known.containers.map(({ id }) => id),
    ),
    ...strangers('state directory', entries(host.path('/run/gantry/cri/sandboxes')), ids),
    ...strangers('state directory', entries(host.path('/run/gantry/cri/containers')), ids),
    ...strangers('runtime state', entries(host.path('/run/gantry/cri/crun')), ids),
    ...strangers('runtime state', entries(host.path('/run/gantry/cri/runc')), ids),
    ...entries(host.path('/var/lib/gantry/trash')).map(name => `trash ${name}`),
    ...differences('namespace', entries(host.path('/run/gantry/cri/netns')), netnsOwners(own, ready)),
    ...differences(
      'attachment',
      taken.map(({ containerId }) => containerId),
      netnsOwners(own, ready),
    ),
    ...differences(
      'address',
      taken.flatMap(({ ips }) => ips),
      own.flatMap(({ status }) => (status?.podIPs ?? []).map(({ ip }) => ip)),
    ),
    ...differences(
      'link',
      links(readFileSync(host.path('/proc/1/net/dev'), 'utf8')),
      taken.map(({ hostLink }) => hostLink),
    ),
    ...differences('group of pod', podGroups(host.path('/sys/fs/cgroup')), uids),
    ...differences('directory of pod', entries(host.path('/var/lib/kubelet/pods')), uids),
    ...strangers('mount of pod', matches(mounted, /\/kubelet\/pods\/([0-9a-f-]+)/g), uids),
    ...strangers('mount of', matches(mounted, /\/run\/gantry\/cri\/(?:sandboxes|containers|netns)\/([0-9a-f]+)/g), ids),
    ...strangers('monitor of', monitors(host.path('/proc')), ids),
  ];
}

/** Waits until every node of the list holds exactly the pods that the API has there. What ended is cleared away in rounds, at most a minute apart. */
export async function nodesAgree(cluster: TestCluster, nodes: readonly string[]): Promise<void> {
  await waitFor(
    'the nodes to hold the pods of the API, and nothing of others',
    async saw => {
      const pods = JSON.parse(await cluster.kubectl().ok('get pods --all-namespaces -o json')) as { items: Pod[] };
      const found: string[] = [];
      for (const node of nodes)
        found.push(...(await nodeDifferences(cluster.host(node), pods.items)).map(each => `${node}: ${each}`));
      saw(found);
      return found.length === 0;
    },
    { timeoutMs: 100_000 },
  );
}

async function criLists(host: Host) {
  const client = createCriClient(`unix://${host.path('/run/gantry/cri.sock')}`);
  try {
    const { items: sandboxes } = await client.listPodSandbox({ filter: undefined });
    const { containers } = await client.listContainers({ filter: undefined });
    return { sandboxes, containers };
  } finally {
    client.close();
  }
}

function hasEnded(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

function netnsOwners(
  pods: readonly Pod[],
  ready: readonly { readonly id: string; readonly metadata?: { readonly uid: string } | undefined }[],
): string[] {
  const uids = new Set(pods.map(({ metadata }) => metadata.uid));
  return ready.filter(({ metadata }) => uids.has(metadata?.uid ?? '')).map(({ id }) => id);
}

/** What is there and should not be, also a second time, and what should be and is not. */
function differences(what: string, found: readonly string[], expected: readonly string[]): string[] {
  const twice = found.filter((each, i) => found.indexOf(each) !== i);
  return [
    ...strangers(what, found, expected),
    ...twice.map(each => `${what} ${each} twice`),
    ...expected.filter(each => !found.includes(each)).map(each => `no ${what} ${each}`),
  ];
}

function strangers(what: string, found: readonly string[], expected: readonly string[]): string[] {
  return found.filter(each => !expected.includes(each)).map(each => `${what} ${each}, which nothing accounts for`);
}

function links(netDev: string): string[] {
  return netDev
    .split('\n')
    .map(line => line.trim().split(':')[0] ?? '')
    .filter(name => name.startsWith('veth'));
}

/** By uid, whichever hierarchy still has them. */
function podGroups(root: string): string[] {
  const found = new Set<string>();
  for (const hierarchy of ['', ...entries(root)])
    for (const quality of ['', 'burstable', 'besteffort'])
      for (const name of entries(`${root}/${hierarchy}/kubepods/${quality}`))
        if (/^pod[0-9a-f-]{8,}$/.test(name)) found.add(name.slice('pod'.length));
  return [...found];
}

function matches(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, id = '']) => id))];
}

/** Ids of containers and sandboxes whose conmon lives. */
function monitors(proc: string): string[] {
  return entries(proc)
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      const words = commandOf(`${proc}/${pid}/cmdline`);
      return /(^|\/)conmon$/.test(words[0] ?? '') ? [words[words.indexOf('--cid') + 1] ?? ''] : [];
    });
}

function commandOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\0');
  } catch {
    return [];
  }
}

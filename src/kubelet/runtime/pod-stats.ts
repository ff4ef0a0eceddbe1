import { isUnimplemented } from '../../base/errors.ts';
import type { Container, ContainerStats, PodSandbox, PodSandboxStats } from '../../rpc/cri-api.ts';
import type { CriClient } from '../../rpc/cri-client.ts';

/**
 * The stats of pods as the runtime gives them. One that knows those of containers alone (it is asked for the others once) gets them put together here, without figures of the pods
 * themselves.
 */
export function podStatsOf(client: CriClient): (signal: AbortSignal) => Promise<readonly PodSandboxStats[]> {
  let containersOnly = false;
  return async signal => {
    if (!containersOnly)
      try {
        return (await client.listPodSandboxStats({ filter: undefined }, { signal })).stats;
      } catch (error) {
        if (!isUnimplemented(error)) throw error;
        containersOnly = true;
      }
    const [stats, sandboxes, containers] = await Promise.all([
      client.listContainerStats({ filter: undefined }, { signal }),
      client.listPodSandbox({ filter: undefined }, { signal }),
      client.listContainers({ filter: undefined }, { signal }),
    ]);
    return statsByPod(sandboxes.items, containers.containers, stats.stats);
  };
}

/** The stats of containers by the sandboxes in which they are; sandboxes without any are left out. Pure. */
export function statsByPod(
  sandboxes: readonly PodSandbox[],
  containers: readonly Container[],
  stats: readonly ContainerStats[],
): readonly PodSandboxStats[] {
  const sandboxOf = new Map(containers.map(each => [each.id, each.podSandboxId]));
  const members = new Map<string, ContainerStats[]>();
  for (const each of stats) {
    const sandbox = sandboxOf.get(each.attributes?.id ?? '') ?? '';
    const known = members.get(sandbox);
    if (known === undefined) members.set(sandbox, [each]);
    else known.push(each);
  }
  return sandboxes.flatMap(({ id, metadata, labels, annotations }) => {
    const found = members.get(id);
    if (found === undefined) return [];
    const linux = {
      cpu: undefined,
      memory: undefined,
      network: undefined,
      process: undefined,
      containers: found,
      io: undefined,
    };
    return [{ attributes: { id, metadata, labels, annotations }, linux }];
  });
}

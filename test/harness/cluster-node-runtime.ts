import type { Host } from '../../src/local-cluster/host/host.ts';
import { type CriClient, createCriClient } from '../../src/rpc/cri-client.ts';
import { ContainerState } from '../../src/rpc/gen/runtime/v1/container.ts';
import { PodSandboxState } from '../../src/rpc/gen/runtime/v1/sandbox.ts';
import type { TestCluster } from './cluster.ts';

/** A node of a test cluster, and its runtime as a client outside sees it. */
export interface NodeRuntime {
  /** `control-plane`, `worker`. */
  readonly name: string;
  readonly host: Host;
  readonly client: CriClient;
}

/** What runs of a pod on a node, as its runtime has it. */
export interface RunningPod {
  readonly node: string;
  readonly pod: string;
  readonly uid: string;
  readonly sandbox: string;
  /** `name/attempt id started`, sorted. */
  readonly containers: readonly string[];
}

export function nodeRuntime(cluster: TestCluster, name: string): NodeRuntime {
  const host = cluster.host(name);
  return { name, host, client: createCriClient(`unix://${host.path('/run/gantry/cri.sock')}`) };
}

/** Every ready sandbox with its running containers, sorted by name of the pod. Two of one pod are two rows. */
export async function runningPods(nodes: readonly NodeRuntime[]): Promise<RunningPod[]> {
  const each = await Promise.all(nodes.map(podsOfNode));
  return each.flat().toSorted((a, b) => `${a.pod} ${a.uid}`.localeCompare(`${b.pod} ${b.uid}`));
}

async function podsOfNode({ name, client }: NodeRuntime): Promise<RunningPod[]> {
  const { items } = await client.listPodSandbox({ filter: undefined });
  const { containers } = await client.listContainers({ filter: undefined });
  const running = containers.filter(({ state }) => state === ContainerState.CONTAINER_RUNNING);
  const statuses = await Promise.all(
    running.map(({ id }) => client.containerStatus({ containerId: id, verbose: false })),
  );
  return items
    .filter(({ state }) => state === PodSandboxState.SANDBOX_READY)
    .map(({ id, metadata }) => ({
      node: name,
      pod: metadata?.name ?? '',
      uid: metadata?.uid ?? '',
      sandbox: id,
      containers: running
        .map((container, i) => ({ container, started: statuses[i]?.status?.startedAt }))
        .filter(({ container }) => container.podSandboxId === id)
        .map(
          ({ container, started }) =>
            `${container.metadata?.name}/${container.metadata?.attempt} ${container.id} ${started}`,
        )
        .toSorted(),
    }));
}

import type { Pod } from '../../api/types/gen/core-v1.ts';
import { cgroupChildren } from '../../linux/cgroup.ts';
import type { CgroupDriver } from '../../linux/cgroup-driver.ts';
import type { Container } from '../../rpc/cri-api.ts';
import { containerResources } from '../resources/container-resources.ts';
import { podCgroup } from '../resources/pod-cgroup.ts';
import { LABEL } from '../runtime/labels.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import type { KubeletSettings } from '../settings.ts';
import type { ContainerFacts, PodFacts } from './cadvisor-metrics.ts';

export interface PodFactsOptions {
  readonly settings: Pick<KubeletSettings, 'cgroups' | 'capacity'>;
  /** Tells where the groups of pods are. */
  readonly cgroups: Pick<CgroupDriver, 'pathOf'>;
  readonly runtime: Pick<ContainerRuntime, 'listSandboxes' | 'listContainers'>;
  /** Those that this kubelet runs, with their statuses. */
  pods(): readonly Pod[];
}

/** By uid: what the rows of cAdvisor's metrics say of pods beside their figures. Rejects as the runtime does; changes nothing. */
export async function readPodFacts(
  options: PodFactsOptions,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, PodFacts>> {
  const { runtime, settings, cgroups } = options;
  const [sandboxes, containers] = await Promise.all([
    runtime.listSandboxes(undefined, signal),
    runtime.listContainers(undefined, signal),
  ]);
  const specs = new Map(options.pods().map(pod => [pod.metadata.uid ?? '', pod]));
  const members = new Map<string, Map<string, ContainerFacts>>();
  // the newest of a name is the one that has figures
  for (const each of [...containers].sort((a, b) => Number(a.createdAt - b.createdAt))) {
    const facts = members.get(each.podSandboxId) ?? new Map<string, ContainerFacts>();
    members.set(each.podSandboxId, facts);
    facts.set(each.labels[LABEL.containerName] ?? '', containerFacts(each, specs, settings));
  }
  const found = new Map<string, PodFacts>();
  for (const { id, labels } of [...sandboxes].sort((a, b) => Number(a.createdAt - b.createdAt))) {
    const uid = labels[LABEL.podUid] ?? '';
    const qos = specs.get(uid)?.status?.qosClass;
    const cgroup = qos === undefined ? '' : cgroups.pathOf(podCgroup(settings.cgroups.root, qos, uid));
    const ids = [id, ...[...(members.get(id)?.values() ?? [])].map(each => each.id)];
    found.set(uid, {
      sandboxId: id,
      cgroup,
      // what a scope is called is the runtime's choice
      ...(cgroup.endsWith('.slice') ? { scopes: scopesOf(ids, cgroupChildren(cgroup)) } : {}),
      containers: members.get(id) ?? new Map(),
    });
  }
  return found;
}

function containerFacts(
  { id, image, labels }: Container,
  specs: ReadonlyMap<string, Pod>,
  { cgroups, capacity }: PodFactsOptions['settings'],
): ContainerFacts {
  const pod = specs.get(labels[LABEL.podUid] ?? '');
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod?.spec ?? {};
  const name = labels[LABEL.containerName];
  const spec = [...initContainers, ...containers, ...ephemeralContainers].find(each => each.name === name);
  const qos = pod?.status?.qosClass;
  const resources =
    pod === undefined || spec === undefined || qos === undefined
      ? undefined
      : containerResources(pod, spec, qos, capacity, cgroups);
  return { id, image: image?.userSpecifiedImage || image?.image || '', resources };
}

/** By id, the name of the group that has the id in it. */
function scopesOf(ids: readonly string[], names: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    ids.flatMap(id => {
      const name = names.find(each => each.includes(id));
      return name === undefined ? [] : [[id, name] as const];
    }),
  );
}

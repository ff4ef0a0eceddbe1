import type { ContainerFilter, PodSandboxFilter } from '../../rpc/cri-api.ts';
import { type ContainerRecord, containerState, criContainerState } from '../store/container-record.ts';
import { criSandboxState, type SandboxRecord, sandboxState } from '../store/sandbox-record.ts';

/** True when every wanted label is there with that value. */
export function matchesLabels(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}

/** ListPodSandbox: ids match by their beginning as on upstream runtimes; conditions add up; a creation at work is not shown. Pure. */
export function matchesSandboxFilter(record: SandboxRecord, filter: PodSandboxFilter | undefined): boolean {
  if (sandboxState(record) === 'creating') return false;
  if (filter === undefined) return true;
  if (filter.id !== '' && !record.id.startsWith(filter.id)) return false;
  if (filter.state !== undefined && filter.state.state !== criSandboxState(record)) return false;
  return matchesLabels(record.config.labels, filter.labelSelector);
}

/** ListContainers, by the same rules. Pure. */
export function matchesContainerFilter(record: ContainerRecord, filter: ContainerFilter | undefined): boolean {
  if (containerState(record) === 'creating') return false;
  if (filter === undefined) return true;
  if (filter.id !== '' && !record.id.startsWith(filter.id)) return false;
  if (filter.podSandboxId !== '' && !record.sandboxId.startsWith(filter.podSandboxId)) return false;
  if (filter.state !== undefined && filter.state.state !== criContainerState(record)) return false;
  return matchesLabels(record.config.labels, filter.labelSelector);
}

import type { ObservedContainer, ObservedPod } from '../observed/observed-pod.ts';
import type { Plan, PodAction } from './actions.ts';
import type { PodMemory } from './pod-memory.ts';

/** Used where neither a manifest nor an annotation says (upstream's default for pods). */
const DEFAULT_GRACE_SECONDS = 30;
const MINIMUM_GRACE_SECONDS = 2;

export interface TerminationInput {
  readonly observed: ObservedPod;
  readonly memory: PodMemory;
  /** Names of sidecars in their order; empty for a pod whose manifest is not known any more. */
  readonly sidecars: readonly string[];
  /** The pod's own grace; undefined takes what each container was created with. */
  readonly graceSeconds: number | undefined;
  /** The API server does not have the pod's last status yet: the records from which it can be made again stay until then. */
  readonly untold?: boolean;
  /** Its records and volumes stay where they are: the machine goes down. */
  readonly keepRest?: boolean;
  /** `its manifest is gone`, … */
  readonly because: string;
}

/**
 * The steps that end a pod and take away everything of it, from whatever state it is in: processes, then the sandbox with its network, then
 * records, volumes, the cgroup, and the directories last. Needs no manifest. `gone` is true once nothing is left.
 */
export function planTermination(input: TerminationInput): Plan {
  const { observed, memory, because } = input;
  const running = observed.containers.filter(c => c.state === 'running' || c.state === 'unknown');
  const mains = running.filter(c => !input.sidecars.includes(c.name));
  if (mains.length > 0) return kill(input, mains);
  const lastSidecar = input.sidecars.findLast(name => running.some(c => c.name === name));
  if (lastSidecar !== undefined)
    return kill(
      input,
      running.filter(c => c.name === lastSidecar),
    );
  const ready = observed.sandboxes.filter(s => s.state === 'ready');
  if (ready.length > 0) return act(ready.map(s => ({ kind: 'stop-sandbox', id: s.id, because })));
  if (input.keepRest === true) return { actions: [], wakeAt: undefined, gone: false, stopped: input.untold !== true };
  const sandboxIds = new Set(observed.sandboxes.map(s => s.id));
  const strays = observed.containers.filter(c => !sandboxIds.has(c.sandboxId));
  const records: PodAction[] = [
    ...strays.map((c): PodAction => ({ kind: 'remove-container', container: c.name, id: c.id, because })),
    ...observed.sandboxes.map((s): PodAction => ({ kind: 'remove-sandbox', id: s.id, because })),
  ];
  if (records.length > 0 && input.untold === true) return { actions: [], wakeAt: undefined, gone: false };
  if (records.length > 0) return act(records);
  const rest: PodAction[] = [];
  if (memory.volumes !== 'removed') rest.push({ kind: 'remove-volumes', because });
  if (memory.cgroup !== 'removed') rest.push({ kind: 'remove-cgroup', because });
  if (memory.podDir !== 'removed') rest.push({ kind: 'remove-pod-dir', because });
  return { actions: rest, wakeAt: undefined, gone: rest.length === 0 };
}

function kill(input: TerminationInput, containers: readonly ObservedContainer[]): Plan {
  return act([
    {
      kind: 'kill-containers',
      containers: containers.map(c => ({
        id: c.id,
        name: c.name,
        graceSeconds: Math.max(input.graceSeconds ?? graceOf(c), MINIMUM_GRACE_SECONDS),
      })),
      because: input.because,
    },
  ]);
}

function graceOf(container: ObservedContainer): number {
  return container.graceSeconds >= 0 ? container.graceSeconds : DEFAULT_GRACE_SECONDS;
}

function act(actions: readonly PodAction[]): Plan {
  return { actions, wakeAt: undefined, gone: false };
}

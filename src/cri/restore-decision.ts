/**
 * What to do at start with what an earlier life of the shim left, as a pure decision: records against what is really there. The rule behind all of it:
 * what runs is not touched, what was half made is undone, what was half removed is finished, and every exit that happened meanwhile is told.
 */
import type { ContainerExit } from './oci/ports.ts';
import { type ContainerRecord, exitReason, isUnstarted } from './store/container-record.ts';
import type { SandboxRecord } from './store/sandbox-record.ts';

/** What is there, read once after the exit watch was begun (so that no exit falls between). */
export interface Observed {
  readonly bootId: string;
  readonly nowNs: bigint;
  /** Exit files by container or sandbox id. */
  readonly exits: ReadonlyMap<string, ContainerExit>;
  /** Ids whose first process lives (same pid and start time), and sandboxes without one whose namespaces are there. */
  readonly alive: ReadonlySet<string>;
  /** Ids whose monitor lives. */
  readonly monitored: ReadonlySet<string>;
  /** Ids of unstarted containers that a monitor was begun for. */
  readonly begun: ReadonlySet<string>;
  /** What the OCI runtime knows: id and state word. */
  readonly runtimeStates: ReadonlyMap<string, string>;
  /** Ids of bundle folders, network namespaces and writable layers on disk. */
  readonly sandboxBundles: readonly string[];
  readonly containerBundles: readonly string[];
  readonly netns: readonly string[];
  readonly writableLayers: readonly string[];
}

export type RestoreAction = { readonly id: string; readonly because: string } & (
  | { readonly kind: 'undo-container' }
  | { readonly kind: 'remove-container' }
  | { readonly kind: 'undo-start' }
  | { readonly kind: 'mark-started' }
  | {
      readonly kind: 'mark-exited';
      readonly exitCode: number;
      readonly finishedAt: bigint;
      readonly reason: string;
      readonly message: string;
      /** Something of it may still run and has nobody who would tell its end. */
      readonly kill: boolean;
    }
  | { readonly kind: 'undo-sandbox' }
  | { readonly kind: 'remove-sandbox' }
  | { readonly kind: 'mark-not-ready' }
  | { readonly kind: 'clear-container-leftovers' }
  | { readonly kind: 'clear-sandbox-leftovers' }
);

export interface RestoreDecision {
  /** In the order in which they are to be done: containers before the sandboxes they are in, leftovers last. */
  readonly actions: readonly RestoreAction[];
  /** Containers that stay, and each image whose layers they keep in use. */
  readonly holds: readonly { readonly imageId: string; readonly containerId: string }[];
}

/** Decides. Pure. */
export function decideRestore(
  sandboxes: readonly SandboxRecord[],
  containers: readonly ContainerRecord[],
  observed: Observed,
): RestoreDecision {
  const kept = new Set(sandboxes.filter(s => isKept(s)).map(s => s.id));
  const containerActions = containers.flatMap(c => decideContainer(c, kept, observed) ?? []);
  const sandboxActions = sandboxes.flatMap(s => decideSandbox(s, observed) ?? []);
  const gone = new Set(
    containerActions.filter(a => a.kind === 'undo-container' || a.kind === 'remove-container').map(a => a.id),
  );
  return {
    actions: [...containerActions, ...sandboxActions, ...decideLeftovers(sandboxes, containers, observed)],
    holds: containers
      .filter(c => !gone.has(c.id))
      .flatMap(c => [c.imageId, ...(c.volumeImageIds ?? [])].map(imageId => ({ imageId, containerId: c.id }))),
  };
}

function isKept(sandbox: SandboxRecord): boolean {
  return sandbox.removedAt === undefined && (sandbox.readyAt !== undefined || sandbox.notReadyAt !== undefined);
}

function decideContainer(
  record: ContainerRecord,
  keptSandboxes: ReadonlySet<string>,
  observed: Observed,
): RestoreAction | undefined {
  const { id } = record;
  if (record.createdAt === undefined) return { kind: 'undo-container', id, because: 'its creation was cut short' };
  if (record.removedAt !== undefined) return { kind: 'remove-container', id, because: 'its removal was cut short' };
  if (!keptSandboxes.has(record.sandboxId))
    return { kind: 'remove-container', id, because: `its sandbox ${record.sandboxId} is going or gone` };
  if (record.finishedAt !== undefined) return undefined;
  // a clock that was set back meanwhile must not have it end before it began
  const notBefore = (time: bigint): bigint => {
    const begun = record.startedAt ?? record.createdAt ?? 0n;
    return time > begun ? time : begun;
  };
  const exited = (because: string, message: string, kill: boolean): RestoreAction => ({
    kind: 'mark-exited',
    id,
    because,
    exitCode: 255,
    finishedAt: notBefore(observed.nowNs),
    reason: 'Unknown',
    message,
    kill,
  });
  if (record.bootId !== observed.bootId)
    return exited('the machine was restarted', 'the machine was restarted while the container ran', false);
  if (isUnstarted(record))
    return observed.begun.has(id) || observed.runtimeStates.has(id)
      ? { kind: 'undo-start', id, because: 'its start was cut short before its program ran' }
      : undefined;
  const exit = observed.exits.get(id);
  if (exit !== undefined)
    return {
      kind: 'mark-exited',
      id,
      because: 'it ended while the shim was away',
      exitCode: exit.exitCode,
      finishedAt: notBefore(exit.finishedAt),
      reason: exitReason(exit.exitCode, exit.oomKilled),
      message: '',
      kill: false,
    };
  if (!observed.monitored.has(id))
    return exited(
      'its monitor is gone and left no exit file',
      'the monitor process (conmon) of the container died, so its exit status is lost; the container was killed',
      true,
    );
  // Its monitor lives: an end that is not told yet will be, by the exit file.
  if (record.startedAt === undefined && observed.alive.has(id) && observed.runtimeStates.get(id) === 'running')
    return { kind: 'mark-started', id, because: 'it was started, but the record does not say so yet' };
  return undefined;
}

function decideSandbox(record: SandboxRecord, observed: Observed): RestoreAction | undefined {
  const { id } = record;
  if (record.removedAt !== undefined) return { kind: 'remove-sandbox', id, because: 'its removal was cut short' };
  if (!isKept(record)) return { kind: 'undo-sandbox', id, because: 'its creation was cut short' };
  if (record.notReadyAt !== undefined) return undefined;
  if (record.bootId !== observed.bootId) return { kind: 'mark-not-ready', id, because: 'the machine was restarted' };
  if (!observed.alive.has(id)) {
    const because = record.pinned === undefined ? 'its infra process is gone' : 'its namespaces are gone';
    return { kind: 'mark-not-ready', id, because };
  }
  return undefined;
}

function decideLeftovers(
  sandboxes: readonly SandboxRecord[],
  containers: readonly ContainerRecord[],
  observed: Observed,
): RestoreAction[] {
  const sandboxIds = new Set(sandboxes.map(s => s.id));
  const containerIds = new Set(containers.map(c => c.id));
  const known = (id: string): boolean => sandboxIds.has(id) || containerIds.has(id);
  const because = 'there is no record of it';
  const ofSandboxes = new Set([...observed.sandboxBundles, ...observed.netns].filter(id => !sandboxIds.has(id)));
  const ofContainers = new Set(
    [
      ...observed.containerBundles.filter(id => !containerIds.has(id)),
      ...observed.writableLayers.filter(id => !containerIds.has(id)),
      ...[...observed.runtimeStates.keys()].filter(id => !known(id)),
    ].filter(id => !ofSandboxes.has(id)),
  );
  return [
    ...[...ofContainers].sort().map(id => ({ kind: 'clear-container-leftovers', id, because }) as const),
    ...[...ofSandboxes].sort().map(id => ({ kind: 'clear-sandbox-leftovers', id, because }) as const),
  ];
}

/**
 * What is kept of a container. Its state is never stored: it follows from the stamps, so that no write can make the two disagree.
 *
 * ```
 *   (no createdAt)          createdAt            startedAt                    finishedAt
 *     creating ───create──▶ CREATED ───start──▶ RUNNING ────────exit──────▶ EXITED
 *        │                     └───────── start failed, killed ────────────▶   │
 *     failed                                                                removedAt
 *        ▼                                                                     ▼
 *      gone ◀────────────────────── remove (from any state) ─────────────── removing
 * ```
 *
 * A stamp is set once and never taken back; `finishedAt` wins over `startedAt` wins over `createdAt`. A record without `createdAt` is a create
 * at work (or, after a crash, one to undo): no list shows it. A record with `removedAt` is on its way out: it is listed as EXITED until its
 * files are gone, and a restart finishes the removal.
 */

import type { ContainerConfig } from '../../rpc/cri-api.ts';
import { ContainerState as CriContainerState } from '../../rpc/cri-api.ts';
import type { ProcessIdentity } from '../oci/ports.ts';

export interface ContainerRecord {
  readonly version: 1;
  readonly id: string;
  readonly sandboxId: string;
  /** `<name>/<attempt>`: one container of a sandbox is made per key. */
  readonly key: string;
  /** The request without its environment: values there may be secrets and are in the bundle only. */
  readonly config: ContainerConfig;
  readonly imageId: string;
  /** Images that it mounts as volumes; absent in records of programs that could not. */
  readonly volumeImageIds?: readonly string[];
  /** What ContainerStatus reports as image_ref: a digest reference where the image has one. */
  readonly imageRef: string;
  readonly logPath: string;
  /** Where the specification puts the container's cgroup, known before it is made. */
  readonly cgroupPath: string;
  /** True when the container has a pid namespace of its own, so that the end of its init ends everything in it. */
  readonly ownPidNamespace: boolean;
  /** Set with createdAt: programs of a driver (CDI) are to be run once it has started, which only the runtime's own `start` does. */
  readonly poststartHooks?: boolean;
  /** Name as in signal(7): `SIGTERM`. */
  readonly stopSignal: string;
  /** The user it runs as, for ContainerStatus. */
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] } | undefined;
  /** The boot in which its processes live. */
  readonly bootId: string;
  /** Set by the start, before the program runs. Earlier programs set it with createdAt. */
  readonly init?: ProcessIdentity;
  readonly monitor?: ProcessIdentity;
  /** All stamps: nanoseconds since the epoch. */
  readonly createdAt?: bigint;
  readonly startedAt?: bigint;
  readonly finishedAt?: bigint;
  readonly removedAt?: bigint;
  /** Set with finishedAt. */
  readonly exitCode?: number;
  /** Completed, Error, OOMKilled, StartError, Unknown: the words that kubelets and their users know. */
  readonly reason?: string;
  readonly message?: string;
}

export type ContainerState = 'creating' | 'created' | 'running' | 'exited';

/** The state a record is in. Pure. */
export function containerState(record: ContainerRecord): ContainerState {
  if (record.finishedAt !== undefined || record.removedAt !== undefined) return 'exited';
  if (record.startedAt !== undefined) return 'running';
  return record.createdAt === undefined ? 'creating' : 'created';
}

/** True for a created container of which nothing runs yet: no start has come to the point where there is a process. Pure. */
export function isUnstarted(record: ContainerRecord): boolean {
  return record.createdAt !== undefined && record.init === undefined && record.finishedAt === undefined;
}

/** The state as CRI numbers it; a create at work counts as CREATED (it is not shown to anyone). */
export function criContainerState(record: ContainerRecord): CriContainerState {
  const state = containerState(record);
  if (state === 'running') return CriContainerState.CONTAINER_RUNNING;
  return state === 'exited' ? CriContainerState.CONTAINER_EXITED : CriContainerState.CONTAINER_CREATED;
}

/** Why a container ended, in the words upstream runtimes use: OOMKilled wins, then the exit code tells. */
export function exitReason(exitCode: number, oomKilled: boolean): string {
  if (oomKilled) return 'OOMKilled';
  return exitCode === 0 ? 'Completed' : 'Error';
}

export function containerKey(name: string, attempt: number): string {
  return `${name}/${attempt}`;
}

/**
 * What is kept of a pod sandbox. As with containers the state follows from the stamps.
 *
 * ```
 *   (no readyAt)          readyAt          notReadyAt                 releasedAt
 *    creating ───run──▶   READY  ──stop or infra gone──▶ NOTREADY ──network, namespaces, mounts released──▶ NOTREADY
 *       │                                                    │                                                  │
 *     failed                                              removedAt ◀────────────────── remove ─────────────────┘
 *       ▼                                                    ▼
 *     gone  ◀─────────────────────────────────────────── removing
 * ```
 *
 * A record without `readyAt` and without `notReadyAt` is a creation at work (or, after a crash, one to undo): no list shows it. One with
 * `notReadyAt` alone is a creation whose undoing failed: it is shown as NOTREADY, so that the kubelet stops and removes it.
 */
import type { PinnedNamespaces } from '../../linux/pinned-namespaces.ts';
import { type PodSandboxConfig, PodSandboxState } from '../../rpc/cri-api.ts';
import type { ProcessIdentity } from '../oci/ports.ts';
import type { SelinuxLabels } from '../spec/selinux-labels.ts';

export interface SandboxRecord {
  readonly version: 1;
  readonly id: string;
  /** `<namespace>/<name>/<uid>/<attempt>`: one sandbox is made per key. */
  readonly key: string;
  readonly config: PodSandboxConfig;
  /** As it was asked for: empty for the default. */
  readonly runtimeHandler: string;
  /** The handler that this was; absent in records of older programs, which had one. Everything in the sandbox is run by it. */
  readonly runtime?: string;
  /** The boot in which its processes and namespaces live. */
  readonly bootId: string;
  /** Bound path of the network namespace; undefined on the host network. */
  readonly netnsPath?: string;
  /** Bound path of the pod's own user namespace. */
  readonly usernsPath?: string;
  /** Where SELinux is on. */
  readonly selinux?: SelinuxLabels;
  readonly hostname: string;
  /** The slice that stands for the parent group where none was asked for and systemd makes the groups. */
  readonly defaultSlice?: string;
  /** True when the sandbox made its own /dev/shm (not with host IPC). */
  readonly ownShm: boolean;
  readonly ips: readonly string[];
  /** Bound paths of the other namespaces of a sandbox without a pause process; undefined for one with it. */
  readonly pinned?: PinnedNamespaces;
  /** The pause process. */
  readonly infra?: ProcessIdentity;
  readonly monitor?: ProcessIdentity;
  /** All stamps: nanoseconds since the epoch. */
  readonly createdAt: bigint;
  readonly readyAt?: bigint;
  /** The infra process is known to be gone, and that was told. */
  readonly infraEndedAt?: bigint;
  readonly notReadyAt?: bigint;
  readonly releasedAt?: bigint;
  readonly removedAt?: bigint;
}

export type SandboxState = 'creating' | 'ready' | 'not-ready';

/** The state a record is in. Pure. */
export function sandboxState(record: SandboxRecord): SandboxState {
  if (record.notReadyAt !== undefined || record.removedAt !== undefined) return 'not-ready';
  return record.readyAt === undefined ? 'creating' : 'ready';
}

/** The parent group of all containers of the pod; empty for the driver's own. Pure. */
export function cgroupParentOf({ config, defaultSlice = '' }: Pick<SandboxRecord, 'config' | 'defaultSlice'>): string {
  return config.linux?.cgroupParent || defaultSlice;
}

export function criSandboxState(record: SandboxRecord): PodSandboxState {
  return sandboxState(record) === 'ready' ? PodSandboxState.SANDBOX_READY : PodSandboxState.SANDBOX_NOTREADY;
}

export function sandboxKey(metadata: {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly attempt: number;
}): string {
  return `${metadata.namespace}/${metadata.name}/${metadata.uid}/${metadata.attempt}`;
}

/**
 * What the runtime service needs of the machine below the OCI runtime: namespaces, mounts, files and signals. Everything is short and synchronous
 * unless it says otherwise, and everything that takes something away is safe to repeat.
 */
import type { CgroupUsage } from '../linux/cgroup-usage.ts';
import type { LinkCounters } from '../linux/procfs.ts';
import type { ProcessIdentity } from './oci/ports.ts';
import type { HostFacts, RequestedDevice } from './spec/inputs.ts';
import type { OciDevice } from './spec/oci-spec.ts';

export interface OverlayRequest {
  /** Topmost first. */
  readonly lowerDirs: readonly string[];
  readonly upperDir: string;
  readonly workDir: string;
  readonly target: string;
}

export interface NodePort {
  /** Nanoseconds since the epoch, never the same twice, never going back. */
  now(): bigint;
  newId(): string;
  readonly bootId: string;
  readonly hostname: string;
  readonly facts: HostFacts;

  createNetns(path: string): void;
  removeNetns(path: string): void;
  /** A tmpfs for a pod's /dev/shm. */
  mountShm(path: string, sizeBytes: number): void;
  /** Mounts a container's root file system; makes the directories. Needs as many lower directories as one mount call can take. */
  mountOverlay(request: OverlayRequest): void;
  /** Mounts layers (topmost first, none is fine) that nobody can write to; makes the target. */
  mountReadOnlyOverlay(request: Pick<OverlayRequest, 'lowerDirs' | 'target'>): void;
  unmount(path: string): void;
  /** Unmounts what is mounted right below a directory, which need not be there. */
  unmountIn(directory: string): void;

  makeDirectory(path: string, mode: number): void;
  writeFile(path: string, data: string, mode: number): void;
  readFile(path: string): string;
  removeTree(path: string): void;
  /** Deletes what `record-files` moved to the trash, in the background. Never throws. */
  emptyTrash(): void;

  /** The path with its symbolic links resolved; undefined when it does not exist. */
  realPath(path: string): string | undefined;
  /** Text of a file inside a root file system, resolved so that no link leads out of it; empty when it is not there. */
  readInRoot(rootfs: string, path: string): string;
  /** The path, without links, of a directory inside a root file system, resolved so that no link leads out of it; undefined when there is none. */
  directoryInRoot(rootfs: string, path: string): string | undefined;
  /** The device at a host path (a directory: all below it) as the container shall see it. Throws `invalid-argument`, naming the path. */
  lookUpDevices(request: { hostPath: string; containerPath: string; permissions: string }): readonly RequestedDevice[];
  /** Every device of the machine, for privileged containers. */
  hostDevices(): readonly OciDevice[];

  /** Sends a signal to exactly that process. False when it has ended. */
  signal(process: ProcessIdentity, signal: number): boolean;
  isAlive(process: ProcessIdentity): boolean;
  /** Whether a process catches or blocks a signal now. The first process of a pid namespace never hears of one that it does neither with. */
  heeds(process: ProcessIdentity, signal: number): boolean;
  /** What a cgroup has used; without figures when it is not there. */
  cgroupUsage(path: string): CgroupUsage;
  /** What went through the links of that process's network namespace; undefined when it has ended. */
  linkCounters(process: ProcessIdentity): readonly LinkCounters[] | undefined;
  /** SIGKILL for everything in a container's cgroup. */
  killCgroup(path: string): void;
  /** Kills what is left in a container's cgroup and removes it. Throws `unavailable` when a process does not end. */
  removeCgroup(path: string): Promise<void>;
}

/**
 * What the runtime service needs of the machine below the OCI runtime: namespaces, mounts, files and signals. Everything is short and synchronous
 * unless it says otherwise, and everything that takes something away is safe to repeat.
 */
import type { TimeSlice } from '../base/time-slice.ts';
import type { CgroupCounters } from '../linux/cgroup-counters.ts';
import type { CgroupUsage } from '../linux/cgroup-usage.ts';
import type { FilesystemSize } from '../linux/filesystem-size.ts';
import type { PinRequest } from '../linux/pinned-namespaces.ts';
import type { OpenFiles } from '../linux/process-files.ts';
import type { LinkCounters } from '../linux/procfs.ts';
import type { ProcessIdentity } from './oci/ports.ts';
import type { CdiFile } from './spec/cdi-devices.ts';
import type { HostFacts, RequestedDevice } from './spec/inputs.ts';
import type { OciDevice, OciIdMapping } from './spec/oci-spec.ts';

export interface OverlayRequest {
  /** Topmost first. */
  readonly lowerDirs: readonly string[];
  readonly upperDir: string;
  readonly workDir: string;
  readonly target: string;
  /** Shows the layers with the ids of a bound user namespace; `scratch` names a folder that is made and removed meanwhile. */
  /** The SELinux context of everything in it. */
  readonly mountLabel?: string | undefined;
  readonly idmapped?: { readonly usernsPath: string; readonly scratch: string } | undefined;
}

/** For pods with a user namespace of their own. */
export interface UserNamespacePort {
  /** Makes and binds a user namespace and, in it, a network namespace. On failure nothing is left. */
  createUserns(request: {
    readonly path: string;
    readonly netnsPath: string | undefined;
    readonly uids: readonly OciIdMapping[];
    readonly gids: readonly OciIdMapping[];
  }): Promise<void>;
  removeUserns(path: string): void;
  chown(path: string, uid: number, gid: number): void;
  /** Gives the pipes that are a process's standard streams to a user of the machine. */
  chownStreams(pid: number, uid: number, gid: number): void;
  /** Makes the machine's /dev/null root's again, with the rights of all; does nothing where it is. crun before 1.24 gives it to a pod's user. */
  keepNullDevice(): void;
  /** Shows a file or a tree at `target`, which is made, with the ids of the namespace. Throws `failed-precondition` where the file system cannot. */
  mountIdmapped(request: { readonly source: string; readonly target: string; readonly usernsPath: string }): void;
  /** Takes away everything that `mountIdmapped` showed in a folder, and the folder. */
  removeIdmapped(directory: string): void;
}

export interface NodePort extends UserNamespacePort {
  /** Nanoseconds since the epoch, never the same twice, never going back. */
  now(): bigint;
  newId(): string;
  readonly bootId: string;
  readonly hostname: string;
  readonly facts: HostFacts;

  createNetns(path: string): void;
  removeNetns(path: string): void;
  /** Makes ipc and uts namespaces and binds them; `removeNetns` takes each away. All or nothing. */
  pinNamespaces(request: PinRequest): void;
  /** Whether a namespace of any kind is bound there. */
  isNamespace(path: string): boolean;
  /** Kernel parameters of a bound network namespace, by their path under /proc/sys. */
  setSysctlsIn(netnsPath: string, sysctls: Readonly<Record<string, string>>): void;
  /** A tmpfs for a pod's /dev/shm. */
  mountShm(path: string, sizeBytes: number): void;
  /** Mounts a container's root file system; makes the directories. Needs as many lower directories as one mount call can take. */
  mountOverlay(request: OverlayRequest): void;
  /** Mounts layers (topmost first, none is fine) that nobody can write to; makes the target. */
  mountReadOnlyOverlay(request: Pick<OverlayRequest, 'lowerDirs' | 'target' | 'idmapped'>): void;
  unmount(path: string): void;
  /** Unmounts what is mounted right below a directory, which need not be there. */
  unmountIn(directory: string): void;

  makeDirectory(path: string, mode: number): void;
  writeFile(path: string, data: string, mode: number): void;
  /** The same by a rename: who reads it finds the old or the new text whole, whatever is killed when. */
  replaceFile(path: string, data: string, mode: number): void;
  readFile(path: string): string;
  removeTree(path: string): void;
  /** Deletes what `record-files` moved to the trash, in the background. Never throws. */
  emptyTrash(): void;

  /** The path with its symbolic links resolved; undefined when it does not exist. */
  realPath(path: string): string | undefined;
  /** The mount that holds a path, as this process sees it. Reads all mounts: milliseconds where there are thousands. */
  mountHolding(path: string): { readonly target: string; readonly propagation: readonly string[] } | undefined;
  /** Text of a file inside a root file system, resolved so that no link leads out of it; empty when it is not there. */
  readInRoot(rootfs: string, path: string): string;
  /** The path, without links, of a directory inside a root file system, resolved so that no link leads out of it; undefined when there is none. */
  directoryInRoot(rootfs: string, path: string): string | undefined;
  /** The device at a host path (a directory: all below it) as the container shall see it. Throws `invalid-argument`, naming the path. */
  lookUpDevices(request: { hostPath: string; containerPath: string; permissions: string }): readonly RequestedDevice[];
  /** Names of the AppArmor profiles that the kernel has. Only where it can be used. */
  appArmorProfiles(): ReadonlySet<string>;
  loadDefaultAppArmorProfile(): Promise<void>;
  /** Gives a file or a tree an SELinux label. Throws `invalid-argument` for directories of the machine. */
  relabel(path: string, label: string): Promise<void>;
  /** The device node at exactly this path; undefined where there is none. */
  lookUpNode(path: string): OciDevice | undefined;
  /** Every CDI specification in these directories, with those that cannot be read. */
  readCdiFiles(directories: readonly string[]): readonly CdiFile[];
  /** Every device of the machine, for privileged containers. */
  hostDevices(): readonly OciDevice[];

  /** Sends a signal to exactly that process. False when it has ended. */
  signal(process: ProcessIdentity, signal: number): boolean;
  isAlive(process: ProcessIdentity): boolean;
  /** Whether a process catches or blocks a signal now. The first process of a pid namespace never hears of one that it does neither with. */
  heeds(process: ProcessIdentity, signal: number): boolean;
  /** What a cgroup has used; without figures when it is not there. */
  cgroupUsage(path: string): CgroupUsage;
  /** What has been counted of it besides, for monitoring. */
  cgroupCounters(path: string): CgroupCounters;
  /** The processes in it as this process numbers them. */
  cgroupProcesses(path: string): readonly number[];
  /** What those hold open; counted in slices. */
  openFiles(pids: readonly number[], slice: TimeSlice): Promise<OpenFiles>;
  /** How many files a process may hold open; undefined when it has ended, and for no limit. */
  openFilesLimit(process: ProcessIdentity): number | undefined;
  /** The file system on which a path lies. */
  filesystemSize(path: string): FilesystemSize;
  /** `/dev/sda` of a block device by its numbers. */
  blockDeviceName(major: number, minor: number): string;
  /** What went through the links of that process's network namespace, or of the one bound at a path; undefined when it is gone. */
  linkCounters(of: ProcessIdentity | string): readonly LinkCounters[] | undefined;
  /** SIGKILL for everything in a container's cgroup. */
  killCgroup(path: string): void;
  /** Kills what is left in a container's cgroup and removes it. Throws `unavailable` when a process does not end. */
  removeCgroup(path: string): Promise<void>;
}

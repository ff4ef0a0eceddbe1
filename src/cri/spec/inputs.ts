/**
 * What the specifications are made from. The `Cri…` shapes are the parts of the CRI messages that matter here, so that the generated messages
 * fit them as they are; the rest are facts that the caller has gathered.
 */
import type { OciDevice, OciRlimit } from './oci-spec.ts';
import type { SelinuxContexts, SelinuxLabels } from './selinux-labels.ts';
import type { UserNamespaceIds } from './user-namespace.ts';

/** runtime.v1 NamespaceMode. */
export const NAMESPACE_MODE = { POD: 0, CONTAINER: 1, NODE: 2, TARGET: 3 } as const;
/** runtime.v1 MountPropagation. */
export const MOUNT_PROPAGATION = { PRIVATE: 0, HOST_TO_CONTAINER: 1, BIDIRECTIONAL: 2 } as const;
/** runtime.v1 SecurityProfile.ProfileType. */
export const PROFILE_TYPE = { RUNTIME_DEFAULT: 0, UNCONFINED: 1, LOCALHOST: 2 } as const;
/** runtime.v1 SupplementalGroupsPolicy. */
export const SUPPLEMENTAL_GROUPS_POLICY = { MERGE: 0, STRICT: 1 } as const;

export interface CriInt64Value {
  readonly value: bigint;
}

export interface CriIdMapping {
  readonly hostId: number;
  readonly containerId: number;
  readonly length: number;
}

export interface CriUserNamespace {
  readonly mode: number;
  readonly uids: readonly CriIdMapping[];
  readonly gids: readonly CriIdMapping[];
}

export interface CriNamespaceOption {
  readonly network: number;
  readonly pid: number;
  readonly ipc: number;
  readonly targetId: string;
  readonly usernsOptions?: CriUserNamespace | undefined;
}

export interface CriSecurityProfile {
  readonly profileType: number;
  readonly localhostRef: string;
}

export interface CriResources {
  readonly cpuPeriod: bigint;
  readonly cpuQuota: bigint;
  readonly cpuShares: bigint;
  readonly memoryLimitInBytes: bigint;
  readonly oomScoreAdj: bigint;
  readonly cpusetCpus: string;
  readonly cpusetMems: string;
  readonly hugepageLimits: readonly { readonly pageSize: string; readonly limit: bigint }[];
  readonly unified: Readonly<Record<string, string>>;
  readonly memorySwapLimitInBytes: bigint;
}

export interface CriCapability {
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
  readonly addAmbientCapabilities: readonly string[];
}

export interface CriContainerSecurityContext {
  readonly capabilities?: CriCapability | undefined;
  readonly privileged: boolean;
  readonly namespaceOptions?: CriNamespaceOption | undefined;
  readonly runAsUser?: CriInt64Value | undefined;
  readonly runAsGroup?: CriInt64Value | undefined;
  readonly runAsUsername: string;
  readonly readonlyRootfs: boolean;
  readonly supplementalGroups: readonly bigint[];
  readonly supplementalGroupsPolicy: number;
  readonly noNewPrivs: boolean;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly seccomp?: CriSecurityProfile | undefined;
  readonly apparmor?: CriSecurityProfile | undefined;
  /** Of before Kubernetes 1.30. */
  readonly apparmorProfile?: string;
}

export interface CriMount {
  readonly containerPath: string;
  /** Symbolic links in it are already resolved. */
  readonly hostPath: string;
  readonly readonly: boolean;
  readonly propagation: number;
  readonly recursiveReadOnly: boolean;
  /** The mount of the machine that holds `hostPath`; looked up where propagation is asked for. */
  readonly heldBy?: { readonly target: string; readonly propagation: readonly string[] } | undefined;
}

export interface CriContainerConfig {
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly workingDir: string;
  readonly envs: readonly { readonly key: string; readonly value: string | Uint8Array }[];
  readonly mounts: readonly CriMount[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly tty: boolean;
  readonly linux?:
    | {
        readonly resources?: CriResources | undefined;
        readonly securityContext?: CriContainerSecurityContext | undefined;
      }
    | undefined;
}

export interface CriSandboxSecurityContext {
  readonly namespaceOptions?: CriNamespaceOption | undefined;
  readonly runAsUser?: CriInt64Value | undefined;
  readonly runAsGroup?: CriInt64Value | undefined;
  readonly readonlyRootfs: boolean;
  readonly supplementalGroups: readonly bigint[];
  readonly privileged: boolean;
  readonly seccomp?: CriSecurityProfile | undefined;
  readonly apparmor?: CriSecurityProfile | undefined;
}

export interface CriSandboxConfig {
  readonly annotations: Readonly<Record<string, string>>;
  readonly linux?:
    | {
        readonly cgroupParent: string;
        readonly securityContext?: CriSandboxSecurityContext | undefined;
        readonly sysctls: Readonly<Record<string, string>>;
        readonly resources?: CriResources | undefined;
      }
    | undefined;
}

/** What the image's configuration says of its process. */
export interface ImageProcess {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** `KEY=value` lines. */
  readonly env: readonly string[];
  /** Empty for `/`. */
  readonly workingDir: string;
  /** `user`, `uid`, `user:group`, `uid:gid` or empty. */
  readonly user: string;
}

/** The machine as this process may use it; gathered once at start. */
export interface HostFacts {
  /** By Node's name: `x64`, `arm64`. */
  readonly architecture: string;
  /** Bounding set of this process, `CAP_…` names in bit order: the most that a container can be given. */
  readonly boundingCapabilities: readonly string[];
  /** Every capability this program knows, in bit order. */
  readonly knownCapabilities: readonly string[];
  readonly oomScoreAdj: { readonly current: number; readonly canLower: boolean };
  /** Hard limits of this process by OCI name (`RLIMIT_NOFILE`, …); undefined where this process may raise them (CAP_SYS_RESOURCE). */
  readonly hardRlimits: ReadonlyMap<string, number> | undefined;
  readonly cgroupVersion: 1 | 2;
  /** False where the kernel has no swap accounting (v1 without memory.memsw.*, v2 without memory.swap.max). */
  readonly swapAccounting: boolean;
  /** The cgroup controller that limits huge pages is there. */
  readonly hugetlb: boolean;
  /** The kernel confines by AppArmor, and profiles can be loaded. */
  readonly appArmor: boolean;
  /** The runtime understands the mount options rro, rbind-ro, … (runc and crun from 1.8 and 1.1 on do), and the kernel has mount_setattr. */
  readonly recursiveReadOnly: boolean;
  /** The policy's contexts for containers; undefined where SELinux is off. */
  readonly selinux: SelinuxContexts | undefined;
  /** Why pods cannot have user namespaces of their own here; undefined where they can. */
  readonly noUserNamespaces: string | undefined;
}

/** A host device that a container shall see; the caller has looked the numbers up. */
export interface RequestedDevice {
  readonly device: OciDevice;
  /** Any of `r`, `w`, `m`. */
  readonly access: string;
}

export interface PodUserNamespace extends UserNamespaceIds {
  readonly path: string;
}

/** What a container takes over from its running sandbox. */
export interface SandboxFacts {
  /** The pod's host name, the machine's for a pod on the host network. */
  readonly hostname: string;
  /** Bound path of the network namespace; undefined on the host network. */
  readonly netnsPath: string | undefined;
  /** The infra process, whose ipc, uts and (shared) pid namespaces are joined. */
  readonly infraPid: number;
  /** The pod's own user namespace and where it is bound; undefined for the machine's. */
  readonly userns: PodUserNamespace | undefined;
  /** Bound ipc and uts namespaces of a sandbox without an infra process. */
  readonly pinned?: { readonly ipc?: string; readonly uts?: string } | undefined;
  /** Directory of the pod's /dev/shm (a tmpfs); the machine's own /dev/shm with host IPC. */
  readonly shmPath: string;
  readonly resolvConfPath: string;
  readonly hostnamePath: string;
  /** Used where the request mounts no /etc/hosts itself. */
  readonly hostsPath: string;
  /** The pod's cgroup as the request named it (`/kubepods/…/pod<uid>` or a `.slice`); empty for none. */
  readonly cgroupParent: string;
}

export interface ContainerSpecInputs {
  readonly id: string;
  readonly config: CriContainerConfig;
  readonly sandbox: SandboxFacts;
  readonly image: ImageProcess;
  /** Absolute path of the mounted root file system. */
  readonly rootfs: string;
  /** /etc/passwd and /etc/group of the root file system; empty where there is none. */
  readonly passwd: string;
  readonly group: string;
  readonly host: HostFacts;
  /** The devices of the request, with their numbers. */
  readonly devices: readonly RequestedDevice[];
  /** Every device of the machine: given to privileged containers. */
  readonly hostDevices: readonly OciDevice[];
  /** Init pid of the container whose pid namespace is joined (NamespaceMode TARGET). */
  readonly targetPid: number | undefined;
  /** The Localhost seccomp profile, read by the caller. */
  readonly seccompProfile: object | undefined;
  /** Undefined where SELinux is off. */
  readonly selinux: SelinuxLabels | undefined;
  /** Added to the annotations of the request; wins over them. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Limits every container gets; empty leaves them as this process has them. */
  readonly rlimits: readonly OciRlimit[];
}

export interface SandboxSpecInputs {
  readonly id: string;
  readonly config: CriSandboxConfig;
  readonly cgroupParent: string;
  /** Host name of the pod; ignored on the host network. */
  readonly hostname: string;
  readonly netnsPath: string | undefined;
  readonly userns: PodUserNamespace | undefined;
  /** Undefined where SELinux is off. */
  readonly selinux: SelinuxLabels | undefined;
  /** The pause process's root file system and arguments. */
  readonly rootfs: string;
  readonly args: readonly string[];
  readonly host: HostFacts;
  readonly annotations: Readonly<Record<string, string>>;
}

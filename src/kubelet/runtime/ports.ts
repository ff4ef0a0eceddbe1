import type { WantedStreams } from '../../remotecommand/remote-command.ts';
import type {
  Container,
  ContainerConfig,
  ContainerEventResponse,
  ContainerStatus,
  Image,
  ImageFsInfoResponse,
  LinuxContainerResources,
  PodSandbox,
  PodSandboxConfig,
  PodSandboxStats,
  PodSandboxStatus,
} from '../../rpc/cri-api.ts';

export interface RuntimeVersion {
  /** `gantry`, `containerd`, …: the scheme of container ids. */
  readonly name: string;
  readonly version: string;
}

export interface RuntimeCondition {
  readonly type: string;
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

/** A handler that pods may ask for, with what it can do; the default one has the empty name. */
export interface RuntimeHandler {
  readonly name: string;
  readonly recursiveReadOnlyMounts: boolean;
  readonly userNamespaces: boolean;
}

export interface RuntimeStatus {
  readonly conditions: readonly RuntimeCondition[];
  /** Empty where the runtime does not say (CRI of before Kubernetes 1.30). */
  readonly handlers: readonly RuntimeHandler[];
  /** The policies of supplemental groups are understood. Undefined where the runtime does not say. */
  readonly supplementalGroupsPolicy: boolean | undefined;
}

export interface ExecResult {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly exitCode: number;
}

/**
 * The CRI calls that the kubelet uses, nothing more. Every method rejects with a GantryError by meaning; `unavailable` means that the runtime
 * cannot be reached just now. Lists and statuses of things that are gone are empty or undefined, never errors. Stop and remove are safe to repeat.
 */
export interface ContainerRuntime {
  version(signal: AbortSignal): Promise<RuntimeVersion>;
  status(signal: AbortSignal): Promise<RuntimeStatus>;
  /** Undefined where the runtime does not say (RuntimeConfig came with CRI of Kubernetes 1.28). */
  cgroupDriver(signal: AbortSignal): Promise<'cgroupfs' | 'systemd' | undefined>;

  /** Of one pod, or of all. */
  listSandboxes(podUid: string | undefined, signal: AbortSignal): Promise<readonly PodSandbox[]>;
  sandboxStatus(id: string, signal: AbortSignal): Promise<PodSandboxStatus | undefined>;
  runSandbox(config: PodSandboxConfig, runtimeHandler: string, signal: AbortSignal): Promise<string>;
  stopSandbox(id: string, signal: AbortSignal): Promise<void>;
  removeSandbox(id: string, signal: AbortSignal): Promise<void>;

  listContainers(podUid: string | undefined, signal: AbortSignal): Promise<readonly Container[]>;
  containerStatus(id: string, signal: AbortSignal): Promise<ContainerStatus | undefined>;
  createContainer(
    sandboxId: string,
    config: ContainerConfig,
    sandboxConfig: PodSandboxConfig,
    signal: AbortSignal,
  ): Promise<string>;
  startContainer(id: string, signal: AbortSignal): Promise<void>;
  /** Changes the limits of a container that runs; what is zero stays. */
  updateContainer(id: string, limits: LinuxContainerResources, signal: AbortSignal): Promise<void>;
  /** Tells of the limits that a pod has as a whole. Rejects with `unimplemented` where the runtime does not want to know. */
  updateSandboxResources(
    id: string,
    sizes: { readonly resources: LinuxContainerResources; readonly overhead: LinuxContainerResources },
    signal: AbortSignal,
  ): Promise<void>;
  stopContainer(id: string, graceSeconds: number, signal: AbortSignal): Promise<void>;
  removeContainer(id: string, signal: AbortSignal): Promise<void>;
  /** Has a running container write into a new file at its log's path; resolves when that is there. */
  reopenContainerLog(id: string, signal: AbortSignal): Promise<void>;
  /** Writes the state of a running container into an archive at this path. Rejects with `deadline-exceeded` after so many seconds; 0: the runtime's own limit. */
  checkpointContainer(id: string, location: string, timeoutSeconds: bigint, signal: AbortSignal): Promise<void>;
  /** Runs a command in a container that runs. Rejects with `deadline-exceeded` after so many seconds, when all that it started is ended; 0: no limit. */
  execSync(id: string, command: readonly string[], timeoutSeconds: number, signal: AbortSignal): Promise<ExecResult>;

  /** Asks for a stream and gives the URL at which the runtime serves it, good for one connection within a minute. Rejects with `resource-exhausted` where too many wait. */
  exec(id: string, command: readonly string[], wanted: WantedStreams, signal: AbortSignal): Promise<string>;
  attach(id: string, wanted: WantedStreams, signal: AbortSignal): Promise<string>;
  /** Ports are for the older WebSocket protocols, which name none themselves. */
  portForward(sandboxId: string, ports: readonly number[], signal: AbortSignal): Promise<string>;
  /** What pods and the containers in them use just now. Where the runtime tells it of containers alone, pods have no figures of their own. */
  podStats(signal: AbortSignal): Promise<readonly PodSandboxStats[]>;
  imageFsInfo(signal: AbortSignal): Promise<ImageFsInfoResponse>;

  listImages(signal: AbortSignal): Promise<readonly Image[]>;
  imageStatus(image: string, runtimeHandler: string, signal: AbortSignal): Promise<Image | undefined>;
  /** Resolves with the reference to create containers from. Waits as long as the pull takes. `credential` is shown to the registry. */
  pullImage(
    image: string,
    runtimeHandler: string,
    credential: { readonly username: string; readonly password: string } | undefined,
    sandbox: PodSandboxConfig,
    signal: AbortSignal,
  ): Promise<string>;

  /** Removes an image with all its names. One that is not there is fine. */
  removeImage(id: string, signal: AbortSignal): Promise<void>;

  /**
   * Pushed changes. Rejects with `unimplemented` where the runtime has none, with `unavailable` when the connection ends. `onOpen` is called when
   * the runtime says that the stream is open; some say so with the first event only.
   */
  events(onOpen: () => void, signal: AbortSignal): AsyncIterable<ContainerEventResponse>;
}

import type { BackoffPolicy } from '../base/backoff.ts';
import type { CgroupDriverName } from '../linux/cgroup-driver.ts';
import type { ImageGarbagePolicy } from './decide/plan-image-garbage.ts';
import type { LogRotationPolicy } from './decide/plan-log-rotation.ts';
import type { VerificationPolicy } from './images/pull-access.ts';
import type { Threshold } from './node/eviction-thresholds.ts';
import type { ContainerResourcePolicy } from './resources/container-resources.ts';
import type { NodeCapacity } from './resources/node-capacity.ts';
import type { ResolverConfig } from './runtime/dns.ts';
import type { SecurityPolicy } from './runtime/security-context.ts';
import type { ShutdownStage } from './shutdown/plan.ts';

/** Everything that configuration and the node decide about how pods are run: resolved once at the start, plain data from then on. */
export interface KubeletSettings {
  readonly nodeName: string;
  /** How many pods the node should have; more from manifests are run, and told. */
  readonly maxPods: number;
  readonly hostIPs: readonly string[];
  /** `/var/lib/kubelet`: pods/<uid> lies in it. */
  readonly rootDir: string;
  /** `/var/log/pods`. */
  readonly podLogsDir: string;
  /** `/var/log/containers`: links that log collectors read; undefined makes none. */
  readonly containerLogLinks: string | undefined;
  /** Undefined leaves the logs of containers as they are. */
  readonly logRotation: LogRotationPolicy | undefined;
  readonly cgroups: ContainerResourcePolicy;
  /** Who makes groups where the runtime does not say who it leaves that to. */
  readonly cgroupDriver: CgroupDriverName;
  readonly capacity: NodeCapacity;
  /** What pods may use together; undefined leaves it unlimited. */
  readonly enforcedAllocatable: NodeCapacity | undefined;
  /** What the Node offers: that, less the memory that is kept free (evictionHard). */
  readonly allocatable: NodeCapacity;
  /** Of the file system of the root directory, kept back from pods. */
  readonly storageReserve: Threshold | undefined;
  readonly security: SecurityPolicy;
  readonly allowedUnsafeSysctls: readonly string[];
  readonly dns: {
    readonly host: ResolverConfig;
    /** For pods that ask for the resolver of a node that has none. */
    readonly instead: ResolverConfig | undefined;
    readonly clusterDns: readonly string[];
    readonly clusterDomain: string;
  };
  readonly crashBackoff: BackoffPolicy;
  /** Who has to show that it may use an image that is there. */
  readonly verifyImages: VerificationPolicy;
  readonly imageGarbage: ImageGarbagePolicy;
  /** Pulls at the same time; Infinity is no limit. */
  readonly parallelPulls: number;
  /** How long pods are given when the machine goes down; empty where a shutdown does not wait for them. */
  readonly shutdownStages: readonly ShutdownStage[];
}

import type { Clock } from '../../base/clock.ts';
import type { KeyedQueue } from '../../base/keyed-queue.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { CgroupDriverName } from '../../linux/cgroup-driver.ts';
import type { CpuRates } from '../../linux/cpu-rates.ts';
import type { DirectoryUsages } from '../../linux/directory-usage.ts';
import type { CriConfig } from '../config.ts';
import type { EventHub } from '../events.ts';
import type { ExitWaiters } from '../exit-waiters.ts';
import type { ImageStore } from '../images/ports.ts';
import type { JoinedOperations } from '../joined-operations.ts';
import type { PodNetwork } from '../network/ports.ts';
import type { NodePort } from '../node-port.ts';
import type { ContainerScopes } from '../oci/container-scopes.ts';
import type { ContainerMonitor } from '../oci/ports.ts';
import type { OciRuntimes } from '../oci/runtimes.ts';
import type { CriPaths } from '../paths.ts';
import type { RecordStore } from '../store/record-store.ts';
import type { StreamRequests } from '../streaming/stream-requests.ts';
import type { GracePeriods } from './grace-periods.ts';

/** What the runtime service works with. The first group is what it is given, the second what it keeps in memory. */
export interface RuntimeServiceContext {
  readonly config: CriConfig;
  readonly paths: CriPaths;
  readonly node: NodePort;
  readonly images: ImageStore;
  readonly network: PodNetwork;
  readonly runtimes: OciRuntimes;
  /** Why the default one is the default: shown by `Status` with verbose and said at start. */
  readonly runtimeChoice: string;
  readonly monitor: ContainerMonitor;
  /** Who makes groups for new pods. */
  readonly cgroupDriver: CgroupDriverName;
  /** Undefined where no container can be a scope of systemd on cgroup v2. */
  readonly scopes: ContainerScopes | undefined;
  /** What every sandbox's pause process runs in. */
  readonly pause: { readonly path: string; readonly args: readonly string[] };
  readonly clock: Clock;
  readonly log: Logger;

  readonly store: RecordStore;
  readonly events: EventHub;
  readonly exits: ExitWaiters;
  readonly joins: JoinedOperations;
  /** Starts and removals of one container, one after another. */
  readonly queue: KeyedQueue<string>;
  /** Containers whose start is at work: their exit, however quick, is taken up when the start has been recorded. */
  readonly starting: Set<string>;
  readonly graces: GracePeriods;
  readonly streams: StreamRequests;
  /** Of containers and sandboxes, by id. */
  readonly cpuRates: CpuRates;
  /** What containers have written into their root file systems, by the path of the writable layer. */
  readonly layerUsages: DirectoryUsages;
  /** Sentences already said once (what the machine does not allow, with what was done instead). */
  readonly said: Set<string>;
}

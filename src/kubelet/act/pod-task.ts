import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { CgroupDriver } from '../../linux/cgroup-driver.ts';
import type { NeededImage } from '../decide/needed-images.ts';
import type { PodMemory } from '../decide/pod-memory.ts';
import type { ImageAnswer } from '../decide/remember.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import type { ImageOutcome, ImagePuller } from '../images/image-puller.ts';
import type { KubeletApi } from '../kubelet-api.ts';
import type { PodObjects } from '../objects/pod-objects.ts';
import type { ObservedPod } from '../observed/observed-pod.ts';
import type { PodEvents } from '../report/pod-events.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import type { KubeletSettings } from '../settings.ts';

/** What executors work with; the same for all pods. */
export interface ActTools {
  readonly runtime: ContainerRuntime;
  readonly puller: ImagePuller;
  readonly settings: KubeletSettings;
  /** Makes, changes and removes the groups of pods. */
  readonly cgroups: CgroupDriver;
  /** Why no pod can get a network just now, as the runtime says; undefined where it can, and where nobody asks the runtime. */
  networkProblem(): string | undefined;
  /** Undefined for a kubelet that stands alone. */
  readonly api: KubeletApi | undefined;
  readonly objects: PodObjects;
  readonly events: PodEvents;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One pod as an executor sees it: the facts from which the plan was made. */
export interface PodTask {
  readonly uid: string;
  /** Undefined for a pod whose manifest is not known: it can only be ended. */
  readonly desired: DesiredPod | undefined;
  readonly observed: ObservedPod;
  readonly memory: PodMemory;
  /** Aborts when the pod has to end. */
  readonly ending: AbortSignal;
  /** Told what is known of an image now, and, where it is pulled, what became of that. */
  onImage(needed: NeededImage, answer: ImageAnswer): void;
  onPulled(needed: NeededImage, outcome: ImageOutcome): void;
}

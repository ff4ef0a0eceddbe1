import type { Clock } from '../../base/clock.ts';
import { type Reconciler, runReconciler } from '../../client/reconcile.ts';
import { WorkQueue } from '../../client/work-queue.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { KubeletApi } from '../kubelet-api.ts';
import { MirrorPods } from './mirror-pods.ts';
import { StatusSender } from './status-sender.ts';
import type { StatusStore } from './status-store.ts';

/** Pods that are written to the API server at the same time. */
const API_WRITERS = 4;

export interface PodReportingOptions {
  readonly api: Pick<KubeletApi, 'pods' | 'node'>;
  readonly statuses: StatusStore;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface PodReporting {
  readonly sender: StatusSender;
  readonly mirrors: MirrorPods;
  /** Resolves when the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** The part that tells the API server how pods are, and shows it those of manifests. `onTold` is that of `StatusSenderOptions`. Nothing is written before `run`. */
export function podReporting(
  { api, statuses, clock, log }: PodReportingOptions,
  onTold: (uid: string) => void,
): PodReporting {
  const onTrouble = (message: string): void => log.warn(message);
  const uids = new WorkQueue(clock);
  const sender = new StatusSender({ pods: api.pods, statuses, onTold, enqueue: uid => uids.add(uid), onTrouble });
  const names = new WorkQueue(clock);
  const mirrors = new MirrorPods({
    pods: api.pods,
    node: api.node,
    statuses,
    enqueue: name => names.add(name),
    onTrouble,
  });
  const loop = (reconciler: Reconciler, queue: WorkQueue, signal: AbortSignal): Promise<void> => {
    const onFailure = (key: string, because: string): void => log.warn({ key, because }, `${reconciler.name} failed`);
    return runReconciler(reconciler, { queue, workers: API_WRITERS, onFailure }, signal);
  };
  return {
    sender,
    mirrors,
    async run(signal) {
      await Promise.all([loop(sender, uids, signal), loop(mirrors, names, signal)]);
    },
  };
}

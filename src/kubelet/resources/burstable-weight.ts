import { qosClass } from '../../api/pod-resources.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { CgroupDriver } from '../../linux/cgroup-driver.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import { configHash } from '../runtime/labels.ts';
import type { KubeletSettings } from '../settings.ts';
import { updateBurstableCgroup } from './qos-cgroups.ts';

export interface BurstableWeightOptions {
  readonly settings: Pick<KubeletSettings, 'cgroups'>;
  readonly cgroups: Pick<CgroupDriver, 'update'>;
  readonly log: Logger;
}

/** Keeps the CPU weight of the burstable group at what its pods ask for together. */
export class BurstableWeight {
  readonly #options: BurstableWeightOptions;
  readonly #signal: AbortSignal;
  /** The pods by which it was last weighed; undefined where that has to be done again. */
  #weighed: string | undefined = '';
  #weighing: Promise<void> = Promise.resolve();

  constructor(options: BurstableWeightOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** Weighs it by those of the pods that are burstable, in the background; the same pods again change nothing. What fails is told to the log and done by the next call. */
  weigh(pods: readonly DesiredPod[]): void {
    const burstable = pods.filter(p => qosClass(p.pod) === 'Burstable');
    const key = burstable
      .map(p => `${p.uid} ${p.pod.metadata.generation} ${configHash(p.pod.metadata.annotations)}`)
      .join();
    if (key === this.#weighed) return;
    this.#weighed = key;
    // one after another: the last one that is asked for holds
    this.#weighing = this.#weighing.then(async () => {
      const { settings, cgroups, log } = this.#options;
      try {
        await updateBurstableCgroup(
          cgroups,
          settings.cgroups.root,
          burstable.map(p => p.pod),
          this.#signal,
        );
      } catch (error) {
        if (this.#weighed === key) this.#weighed = undefined;
        if (!this.#signal.aborted)
          log.warn({ because: errorMessage(error) }, 'the burstable cgroup could not be weighed');
      }
    });
  }
}

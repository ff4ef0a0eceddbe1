import type { Clock } from '../../base/clock.ts';
import { errorMessage, failedPrecondition } from '../../base/errors.ts';
import type { Logger } from '../../daemon/logger.ts';
import {
  bytesToFree,
  type ImageGarbagePolicy,
  insufficientSpace,
  type KnownImage,
  lookAtImages,
  planImageGarbage,
} from '../decide/plan-image-garbage.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import type { PullRecords } from './pull-records.ts';

/** Upstream's ImageGCPeriod. */
const PERIOD_MS = 5 * 60_000;
/** A disk that stays full is not looked at more often than this because of pulls. */
const REST_MS = 10_000;

export interface ImageGarbageOptions {
  readonly policy: ImageGarbagePolicy;
  readonly runtime: Pick<
    ContainerRuntime,
    'listImages' | 'listContainers' | 'containerStatus' | 'imageFsInfo' | 'removeImage'
  >;
  readonly records: Pick<PullRecords, 'removed'>;
  /** Bytes of the file system that a directory is on. */
  readonly space: (directory: string) => Promise<{ readonly capacity: number; readonly available: number } | undefined>;
  /** Told of what does not work, of the node, in upstream's words. */
  readonly onEvent: (reason: string, message: string) => void;
  readonly onRemoved: (reason: 'age' | 'space') => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Removes images that nobody uses when their file system is full, or when they were unused for too long. It looks every five minutes, as upstream, and when a
 * pull has ended (`poke`), for that is when the disk became fuller. What it saw is lost with the process: then all images are new again.
 */
export class ImageGarbage {
  readonly #options: ImageGarbageOptions;
  readonly #beganAt: number;
  #known: ReadonlyMap<string, KnownImage> = new Map();
  #failed = false;
  #poked = false;
  #wake = (): void => {};

  constructor(options: ImageGarbageOptions) {
    this.#options = options;
    this.#beganAt = options.clock.now();
  }

  /** The disk may have become full. */
  poke(): void {
    this.#poked = true;
    this.#wake();
  }

  /** Until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { policy, clock } = this.#options;
    if (policy.highPercent >= 100 && policy.maxAgeMs === 0) return;
    let collectedAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const sinceMs = clock.monotonic() - collectedAt;
      const rests = sinceMs < REST_MS;
      if (sinceMs >= PERIOD_MS || (this.#poked && !rests && (await this.#isFull(signal)))) {
        this.#poked = false;
        collectedAt = clock.monotonic();
        await this.collect(signal);
        continue;
      }
      if (!rests) this.#poked = false;
      await this.#wait(this.#poked ? REST_MS - sinceMs : PERIOD_MS - sinceMs, signal);
    }
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const end = (): void => {
        cancel();
        signal.removeEventListener('abort', end);
        this.#wake = () => {};
        resolve();
      };
      const cancel = this.#options.clock.after(ms, end);
      signal.addEventListener('abort', end, { once: true });
      this.#wake = end;
      if (signal.aborted) end();
    });
  }

  async #isFull(signal: AbortSignal): Promise<boolean> {
    const { highPercent, lowPercent } = this.#options.policy;
    const disk = await this.#disk(signal).catch(() => undefined);
    return disk !== undefined && bytesToFree(disk, { highPercent, lowPercent }) > 0;
  }

  /** Once. A failure is told as an event when it is the second in a row: at the start of a node much is not ready. */
  async collect(signal: AbortSignal): Promise<void> {
    const { log, onEvent } = this.#options;
    try {
      await this.#collect(signal);
      this.#failed = false;
    } catch (error) {
      if (signal.aborted) return;
      const because = errorMessage(error);
      log.warn({ because }, 'unused images could not be removed');
      if (this.#failed) onEvent('ImageGCFailed', because);
      this.#failed = true;
    }
  }

  async #collect(signal: AbortSignal): Promise<void> {
    const { policy, clock, onEvent, log } = this.#options;
    const [images, inUse, disk] = await Promise.all([
      this.#options.runtime.listImages(signal),
      this.#inUse(signal),
      this.#disk(signal),
    ]);
    const now = clock.now();
    const present = images.map(({ id, size, pinned }) => ({ id, sizeBytes: Number(size), pinned }));
    this.#known = lookAtImages(this.#known, present, inUse, now);
    const plan = planImageGarbage({ known: this.#known, inUse, disk, policy, now, beganAt: this.#beganAt });
    const failures: string[] = [];
    let freed = 0;
    const remove = async (image: KnownImage, reason: 'age' | 'space'): Promise<void> => {
      try {
        await this.#remove(image, reason, signal);
        freed += reason === 'space' ? image.sizeBytes : 0;
      } catch (error) {
        failures.push(errorMessage(error));
      }
    };
    for (const image of plan.old) await remove(image, 'age');
    if (plan.bytesToFree > 0) {
      log.info(
        { usedPercent: plan.usedPercent, bytesToFree: plan.bytesToFree },
        'the file system of images is over its threshold',
      );
      for (const image of plan.candidates) if (freed < plan.bytesToFree) await remove(image, 'space');
    }
    if (failures.length > 0) throw failedPrecondition(`images could not be removed: ${failures.join('; ')}`);
    if (freed >= plan.bytesToFree) return;
    const message = insufficientSpace(plan.usedPercent, disk.capacity, freed);
    onEvent('FreeDiskSpaceFailed', message);
    throw failedPrecondition(message);
  }

  async #remove({ id, sizeBytes }: KnownImage, reason: 'age' | 'space', signal: AbortSignal): Promise<void> {
    this.#options.log.info({ image: id, sizeBytes, reason }, 'removing an image that nobody uses');
    await this.#options.runtime.removeImage(id, signal);
    this.#known = new Map([...this.#known].filter(([known]) => known !== id));
    this.#options.records.removed(id);
    this.#options.onRemoved(reason);
  }

  /** Images of all containers, running or not, and those that they show as volumes. */
  async #inUse(signal: AbortSignal): Promise<ReadonlySet<string>> {
    const { runtime } = this.#options;
    const used = new Set<string>();
    for (const { id, imageId, imageRef } of await runtime.listContainers(undefined, signal)) {
      used.add(imageId === '' ? imageRef : imageId);
      const status = await runtime.containerStatus(id, signal);
      for (const { image } of status?.mounts ?? []) if (image !== undefined) used.add(image.image).add(image.imageRef);
    }
    return used;
  }

  async #disk(signal: AbortSignal): Promise<{ readonly capacity: number; readonly available: number }> {
    const { runtime, space, onEvent } = this.#options;
    const { imageFilesystems } = await runtime.imageFsInfo(signal);
    const mountpoint = imageFilesystems[0]?.fsId?.mountpoint ?? '';
    const disk = mountpoint === '' ? undefined : await space(mountpoint);
    if (disk === undefined) throw failedPrecondition('imageFs information is unavailable');
    if (disk.capacity > 0) return disk;
    const message = 'invalid capacity 0 on image filesystem';
    onEvent('InvalidDiskCapacity', message);
    throw failedPrecondition(message);
  }
}

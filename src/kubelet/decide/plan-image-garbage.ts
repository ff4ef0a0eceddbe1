/** When images are removed that no container uses: `imageGCHighThresholdPercent` and the fields beside it. */
export interface ImageGarbagePolicy {
  /** Of the file system of images: from this on it is to become less. 100 is never. */
  readonly highPercent: number;
  /** To this. */
  readonly lowPercent: number;
  /** An image that came later than this ago may be about to be used. */
  readonly minAgeMs: number;
  /** Unused for longer, or here for longer without any use, it goes, however much space there is; 0 is never. */
  readonly maxAgeMs: number;
}

/** What is remembered of an image as long as it is there. Times are milliseconds since the epoch. */
export interface KnownImage {
  readonly id: string;
  readonly sizeBytes: number;
  readonly pinned: boolean;
  readonly firstSeenAt: number;
  /** 0: never seen in use. */
  readonly lastUsedAt: number;
}

export interface PresentImage {
  readonly id: string;
  readonly sizeBytes: number;
  readonly pinned: boolean;
}

/** What is known after a look: images that came are new, those that went are forgotten, those in use were used now. Pure. */
export function lookAtImages(
  known: ReadonlyMap<string, KnownImage>,
  images: readonly PresentImage[],
  inUse: ReadonlySet<string>,
  now: number,
): ReadonlyMap<string, KnownImage> {
  return new Map(
    images.map(image => {
      const before = known.get(image.id);
      const lastUsedAt = inUse.has(image.id) ? now : (before?.lastUsedAt ?? 0);
      return [image.id, { ...image, firstSeenAt: before?.firstSeenAt ?? now, lastUsedAt }];
    }),
  );
}

export interface ImageGarbageInput {
  readonly known: ReadonlyMap<string, KnownImage>;
  readonly inUse: ReadonlySet<string>;
  /** Of the file system of images. */
  readonly disk: Disk;
  readonly policy: ImageGarbagePolicy;
  readonly now: number;
  /** When this kubelet began to look: before that nobody knows what was used. */
  readonly beganAt: number;
}

export interface ImageGarbagePlan {
  /** Unused for too long: to be removed each. */
  readonly old: readonly KnownImage[];
  /** To be removed in this order until `bytesToFree` are free. */
  readonly candidates: readonly KnownImage[];
  /** 0: there is space enough. */
  readonly bytesToFree: number;
  readonly usedPercent: number;
}

/** Which images to remove, the one that was unused for longest first, then the one that came first. Those that are pinned or in use never. Pure. */
export function planImageGarbage(input: ImageGarbageInput): ImageGarbagePlan {
  const { policy, now } = input;
  const unused = [...input.known.values()]
    .filter(image => !image.pinned && !input.inUse.has(image.id))
    .sort((a, b) => a.lastUsedAt - b.lastUsedAt || a.firstSeenAt - b.firstSeenAt);
  const looksLongEnough = policy.maxAgeMs > 0 && now - input.beganAt > policy.maxAgeMs;
  // One that was never used counts from its coming: it may have been pulled for a container that is made next. Upstream takes it at once.
  const isOld = (image: KnownImage): boolean =>
    looksLongEnough && now - Math.max(image.lastUsedAt, image.firstSeenAt) > policy.maxAgeMs;
  const settled = unused.filter(image => now - image.firstSeenAt >= policy.minAgeMs);
  return {
    old: settled.filter(isOld),
    candidates: settled.filter(image => !isOld(image)),
    bytesToFree: bytesToFree(input.disk, policy),
    usedPercent: usedPercent(input.disk),
  };
}

interface Disk {
  /** Bytes; above 0. */
  readonly capacity: number;
  readonly available: number;
}

/** How much is to be freed for a disk that is over the high threshold to come down to the low one; 0 for one that is not over it. Pure. */
export function bytesToFree(
  disk: Disk,
  { highPercent, lowPercent }: Pick<ImageGarbagePolicy, 'highPercent' | 'lowPercent'>,
): number {
  if (highPercent >= 100 || usedPercent(disk) < highPercent) return 0;
  return Math.max(0, Math.floor((disk.capacity * (100 - lowPercent)) / 100) - disk.available);
}

function usedPercent({ capacity, available }: Disk): number {
  return 100 - Math.floor((Math.min(available, capacity) * 100) / capacity);
}

/** Upstream's sentence for a disk that stays fuller than it should. Pure. */
export function insufficientSpace(used: number, capacity: number, freed: number): string {
  return (
    `Insufficient free disk space on the node's image filesystem (${used}% of ${inWords(capacity)} used). ` +
    `Failed to free sufficient space by deleting unused images (freed ${freed} bytes). ` +
    'Investigate disk usage, as it could be used by active images, logs, volumes, or other data.'
  );
}

function inWords(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const unit = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  return unit === 0 ? `${bytes} B` : `${(bytes / 1024 ** unit).toFixed(1)} ${units[unit]}`;
}

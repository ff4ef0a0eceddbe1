import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage, internalError } from '../../base/errors.ts';
import type { Logger } from '../../daemon/logger.ts';
import { writeFileAtomic } from '../../linux/atomic-file.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { ImageConfig } from './ports.ts';
import { isDigest } from './reference.ts';

/** What is kept of an image: `<root>/image-records/<hex of the id>.json`. Its existence is the image's existence. */
export interface StoredImage {
  readonly version: 1;
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  /** Compressed layers and config together. */
  readonly sizeBytes: number;
  /** Bottom first. */
  readonly diffIds: readonly string[];
  readonly config: ImageConfig;
  /** The image config as the registry gave it, for verbose status. */
  readonly configJson: string;
  /** Rises with every write of any record: of two records with the same tag the later one has it. */
  readonly revision: number;
  /** Asked to be removed while a container held it. */
  readonly removed: boolean;
}

/** The image records on disk and in memory. Writes are durable. */
export class ImageRecords {
  readonly #root: string;
  readonly #images = new Map<string, StoredImage>();
  #revision = 0;

  private constructor(root: string) {
    this.#root = join(root, 'image-records');
  }

  /**
   * Reads all records. One that cannot be read, or whose layers `hasLayer` does not know, is dropped with a line in the log; a tag that two
   * records claim (a crash between two writes) goes to the later one.
   */
  static open(root: string, hasLayer: (diffId: string) => boolean, log: Logger): ImageRecords {
    const records = new ImageRecords(root);
    mkdirSync(records.#root, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(records.#root)) {
      const path = join(records.#root, file);
      try {
        const image = JSON.parse(readFileSync(path, 'utf8')) as StoredImage;
        if (image.version !== 1 || !isDigest(image.id) || fileName(image.id) !== file)
          throw internalError('it is not an image record of this version');
        const missing = image.diffIds.find(d => !hasLayer(d));
        if (missing !== undefined) throw internalError(`its layer ${missing} is not here`);
        records.#images.set(image.id, image);
        records.#revision = Math.max(records.#revision, image.revision);
      } catch (error) {
        log.warn({ file: path, reason: errorMessage(error) }, 'dropping an image record that does not hold');
        rmSync(path, { force: true });
      }
    }
    // The latest first; what it has taken from an earlier one, that one takes from nobody.
    for (const { id } of [...records.#images.values()].sort((a, b) => b.revision - a.revision)) {
      const { repoTags = [], repoDigests = [] } = records.#images.get(id) ?? {};
      records.#takeNames(id, [...repoTags, ...repoDigests]);
    }
    return records;
  }

  all(): readonly StoredImage[] {
    return [...this.#images.values()];
  }

  get(id: string): StoredImage | undefined {
    return this.#images.get(id);
  }

  /** Writes the record, whole and durable, then takes its names from other images. */
  put(image: Omit<StoredImage, 'version' | 'revision'>): StoredImage {
    this.#revision += 1;
    const stored: StoredImage = { version: 1, ...image, revision: this.#revision };
    this.#write(stored);
    faultPoint('image/pull/names-doubled');
    this.#takeNames(stored.id, [...stored.repoTags, ...stored.repoDigests]);
    return stored;
  }

  delete(id: string): void {
    rmSync(join(this.#root, fileName(id)), { force: true });
    this.#images.delete(id);
  }

  #write(image: StoredImage): void {
    writeFileAtomic(join(this.#root, fileName(image.id)), JSON.stringify(image), { durable: true });
    this.#images.set(image.id, image);
  }

  #takeNames(owner: string, names: readonly string[]): void {
    const taken = new Set(names);
    for (const image of this.#images.values()) {
      if (image.id === owner || ![...image.repoTags, ...image.repoDigests].some(n => taken.has(n))) continue;
      const keep = (list: readonly string[]): readonly string[] => list.filter(n => !taken.has(n));
      this.#write({ ...image, repoTags: keep(image.repoTags), repoDigests: keep(image.repoDigests) });
    }
  }
}

function fileName(id: string): string {
  return `${id.slice('sha256:'.length)}.json`;
}

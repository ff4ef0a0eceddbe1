import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { errorMessage, GantryError, notFound } from '../../base/errors.ts';
import { randomHex, sha256Hex } from '../../base/hash.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { DirectoryUsage } from '../../linux/directory-usage.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { CriConfig } from '../config.ts';
import { amd64Level } from './amd64-level.ts';
import { type FetchedImage, type FetchTarget, fetchImage, type LayersProgress } from './fetch-image.ts';
import { findImage } from './find-image.ts';
import { ImageRecords, type StoredImage } from './image-records.ts';
import { ImageRegistries } from './image-registries.ts';
import type { ImageSource } from './image-source.ts';
import { type ImportedImage, type ImportStep, importArchive } from './import-archive.ts';
import type { UnpackLimits } from './layer-entry.ts';
import { LayerStore } from './layer-store.ts';
import { type Platform, platformFor } from './manifest.ts';
import { pinnedImages } from './pinned-images.ts';
import type { ImageRecord, ImageStore } from './ports.ts';
import { pullError } from './pull-error.ts';
import { LoggedProgress, type OnProgress, PullProgress } from './pull-progress.ts';
import { canonicalName, type ImageReference, parseReference, repositoryName, type ShortNames } from './reference.ts';
import type { RegistryAuth } from './registry-access.ts';
import type { RegistryTimeouts } from './registry-http.ts';
import { SharedWork } from './shared-work.ts';
import { StoreUsage } from './store-usage.ts';
import { unchangedImage } from './unchanged-image.ts';
import { Unpackers } from './unpackers.ts';

/** The image store as the image service uses it. */
export interface Images extends ImageStore {
  /**
   * Brings an image in and returns its record. Whole or not at all: it is visible from its last step on, and after a throw nothing of it is
   * left. The same pull asked for twice at once runs once. `onProgress` is told how far its layers are.
   */
  pull(
    reference: string,
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
    onProgress?: OnProgress,
  ): Promise<ImageRecord>;
  /**
   * Imports every image of an OCI layout, OCI archive or docker archive at `path`. `reference` names an image that carries no name; '' for
   * none. `onStep` is told of each step, and now and then how far it is.
   */
  importArchive(
    path: string,
    reference: string,
    onStep: (step: ImportStep) => void,
    signal: AbortSignal,
  ): Promise<readonly ImportedImage[]>;
  /** Removes an image with all its names, by any of them or by id. Idempotent; layers in use stay until they are released. */
  remove(reference: string): Promise<void>;
  /** The image's config as JSON text, '' for an unknown id. */
  configJson(id: string): string;
  /** Directory of the store. */
  readonly directory: string;
  /** What the directory takes, as du counts it; how old that may be: store-usage.ts. */
  usage(): Promise<DirectoryUsage>;
  /** Removes what no image and no hold needs. To be called once the holds of running containers have been taken again after a start. */
  collectGarbage(): Promise<void>;
  /** Ends pulls and unpack processes. */
  close(): Promise<void>;
}

export interface ImageStoreOptions {
  /** Starts a process that runs runUnpackProcess; by default this very command with `unpack-layers`. */
  readonly unpackCommand?: readonly string[];
  readonly registryTimeouts?: RegistryTimeouts;
}

/** Opens the store under `<config.root>/images`: reads what is there and drops what a crash left half made. */
export async function openImageStore(config: CriConfig, log: Logger, options: ImageStoreOptions = {}): Promise<Images> {
  const directory = join(config.root, 'images');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const command = options.unpackCommand ?? [process.execPath, process.argv[1] ?? '', 'unpack-layers'];
  const unpackers = new Unpackers(command, config.images.concurrentLayers);
  const limits = { ratio: config.images.unpackRatio, freeBytes: config.images.unpackFreeBytes };
  const layers = LayerStore.open(directory, unpackers, limits, log);
  const records = ImageRecords.open(directory, diffId => layers.has(diffId), log);
  log.info({ directory, images: records.all().length, layers: layers.usage() }, 'image store is open');
  const registryOptions = {
    insecure: config.registries.insecure,
    ...(options.registryTimeouts === undefined ? {} : { timeouts: options.registryTimeouts }),
  };
  const registries = new ImageRegistries(config.registries, registryOptions, log);
  const { shortNames } = config.registries;
  const pinned = pinnedImages(config.images.pinned, shortNames);
  return new LocalImages(directory, registries, shortNames, unpackers, limits, layers, records, pinned, log);
}

type Fetch = (target: FetchTarget, signal: AbortSignal) => Promise<FetchedImage>;

class LocalImages implements Images {
  readonly directory: string;
  readonly #usage: StoreUsage;
  readonly #isPinned: (names: readonly string[]) => boolean;
  readonly #registries: ImageRegistries;
  readonly #shortNames: ShortNames;
  readonly #unpackers: Unpackers;
  readonly #limits: UnpackLimits;
  readonly #layers: LayerStore;
  readonly #records: ImageRecords;
  readonly #log: Logger;
  readonly #holds = new Map<string, Set<string>>();
  readonly #pulls = new SharedWork<ImageRecord>();
  readonly #progress = new PullProgress();
  readonly #target: FetchTarget;
  /** Before the holds of running containers are known again, a removed image may still be in use. */
  #holdsKnown = false;

  constructor(
    directory: string,
    registries: ImageRegistries,
    shortNames: ShortNames,
    unpackers: Unpackers,
    limits: UnpackLimits,
    layers: LayerStore,
    records: ImageRecords,
    isPinned: (names: readonly string[]) => boolean,
    log: Logger,
  ) {
    this.directory = directory;
    this.#usage = new StoreUsage(directory, systemClock);
    this.#isPinned = isPinned;
    this.#registries = registries;
    this.#shortNames = shortNames;
    this.#unpackers = unpackers;
    this.#limits = limits;
    this.#layers = layers;
    this.#records = records;
    this.#log = log;
    this.#target = { platform: thisPlatform(), layers, log };
  }

  resolve(reference: string): ImageRecord | undefined {
    const found = this.#find(reference);
    return found === undefined ? undefined : this.#recordOf(found);
  }

  list(): readonly ImageRecord[] {
    return this.#visible().map(image => this.#recordOf(image));
  }

  layerDirs(id: string): readonly string[] {
    const image = this.#records.get(id);
    if (image === undefined) throw notFound(`image ${id} is not here`);
    // A layer that occurs twice stands where it is topmost: overlayfs refuses the same directory twice, and the lower one shows nothing.
    return [...new Set([...image.diffIds].reverse())].map(d => this.#layers.directory(d));
  }

  hold(id: string, owner: string): void {
    if (this.#records.get(id) === undefined) throw notFound(`image ${id} is not here`);
    this.#holds.set(owner, (this.#holds.get(owner) ?? new Set()).add(id));
  }

  release(owner: string): void {
    const ids = this.#holds.get(owner) ?? [];
    this.#holds.delete(owner);
    if ([...ids].some(id => this.#records.get(id)?.removed === true)) this.#dropUnheld();
  }

  async pull(
    reference: string,
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
    onProgress: OnProgress = () => undefined,
  ): Promise<ImageRecord> {
    const parsed = this.#parse(reference);
    // Each caller shows the registry what it has: one without credentials gets nothing that another one's opened.
    const key = `${canonicalName(parsed)} ${auth === undefined ? '' : sha256Hex(JSON.stringify(auth))}`;
    const leave = this.#progress.listen(key, onProgress);
    const tell = (progress: LayersProgress): void => this.#progress.tell(key, progress);
    try {
      return await this.#pulls.run(key, signal, s => this.#pull(parsed, auth, tell, s));
    } finally {
      leave();
    }
  }

  importArchive(
    path: string,
    reference: string,
    onStep: (step: ImportStep) => void,
    signal: AbortSignal,
  ): Promise<readonly ImportedImage[]> {
    const spool = join(this.directory, 'ingest', `import-${randomHex(4)}`);
    return importArchive(
      path,
      reference,
      name => this.#parse(name),
      spool,
      this.#limits,
      (image, names, onProgress) =>
        this.#bringIn(image.title, names, (target, s) => image.fetch(target, s), onProgress, signal),
      onStep,
      signal,
    );
  }

  async remove(reference: string): Promise<void> {
    const image = this.#find(reference);
    if (image === undefined) return;
    this.#log.info({ image: image.id, names: image.repoTags }, 'removing an image');
    if (this.#isHeld(image.id)) this.#records.put({ ...image, repoTags: [], repoDigests: [], removed: true });
    else this.#records.delete(image.id);
    faultPoint('image/remove/record-deleted');
    this.#dropUnheld();
    await this.#layers.settled();
  }

  configJson(id: string): string {
    return this.#records.get(id)?.configJson ?? '';
  }

  usage(): Promise<DirectoryUsage> {
    return this.#usage.read(this.#layers.usage());
  }

  async collectGarbage(): Promise<void> {
    this.#holdsKnown = true;
    this.#dropUnheld();
    await this.#layers.settled();
  }

  async close(): Promise<void> {
    await this.#pulls.stop(new GantryError('unavailable', 'the image store is closing'));
    this.#unpackers.close();
    await this.#layers.settled();
  }

  #pull(
    reference: ImageReference,
    auth: RegistryAuth | undefined,
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<ImageRecord> {
    const wanted = reference.digest ?? reference.tag ?? 'latest';
    const bringIn = (source: ImageSource): Promise<ImageRecord> => {
      const stored = this.#find(canonicalName(reference));
      const fetch: Fetch = async (target, s) =>
        (stored === undefined ? undefined : await unchangedImage(stored, reference, source, this.#layers, s)) ??
        fetchImage(source, wanted, target, s);
      return this.#bringIn(canonicalName(reference), [reference], fetch, onProgress, signal);
    };
    return this.#registries.use(reference, auth, bringIn, signal);
  }

  /** Fetches, then writes the record that makes the image visible. */
  async #bringIn(
    title: string,
    names: readonly ImageReference[],
    fetch: Fetch,
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<ImageRecord> {
    const started = performance.now();
    this.#log.info({ image: title }, 'pulling');
    const logged = new LoggedProgress(this.#log, title);
    let fetched: FetchedImage | undefined;
    try {
      const tell = (progress: LayersProgress): void => {
        logged.tell(progress);
        onProgress(progress);
      };
      fetched = await fetch({ ...this.#target, onProgress: tell }, signal);
      signal.throwIfAborted();
      const stored = this.#record(fetched, names);
      faultPoint('image/pull/manifest-recorded');
      const ms = Math.round(performance.now() - started);
      this.#log.info(
        { image: title, id: stored.id, bytes: stored.sizeBytes, layers: stored.diffIds.length, ms },
        'pulled',
      );
      return this.#recordOf(stored);
    } catch (error) {
      this.#log.info({ image: title, reason: errorMessage(error) }, 'pull failed');
      fetched?.unpin();
      this.#dropUnheld();
      await this.#layers.settled();
      throw pullError(error, title, this.directory);
    } finally {
      logged.end();
      fetched?.unpin();
      this.#dropUnheld();
    }
  }

  #record(fetched: FetchedImage, names: readonly ImageReference[]): StoredImage {
    const old = this.#records.get(fetched.id);
    const before = old === undefined || old.removed ? undefined : old;
    const tags = names.filter(n => n.digest === undefined).map(canonicalName);
    const digests = fetched.digest === '' ? [] : names.map(n => `${repositoryName(n)}@${fetched.digest}`);
    return this.#records.put({
      id: fetched.id,
      repoTags: [...new Set([...(before?.repoTags ?? []), ...tags])],
      repoDigests: [...new Set([...(before?.repoDigests ?? []), ...digests])],
      sizeBytes: fetched.sizeBytes,
      diffIds: fetched.document.diffIds,
      config: fetched.document.config,
      configJson: fetched.configJson,
      removed: false,
    });
  }

  #recordOf({ id, repoTags, repoDigests, sizeBytes, config }: StoredImage): ImageRecord {
    return { id, repoTags, repoDigests, sizeBytes, config, pinned: this.#isPinned([...repoTags, ...repoDigests]) };
  }

  #parse(name: string): ImageReference {
    return parseReference(name, this.#shortNames);
  }

  #find(reference: string): StoredImage | undefined {
    return findImage(this.#visible(), reference, this.#shortNames);
  }

  #visible(): readonly StoredImage[] {
    return this.#records.all().filter(i => !i.removed);
  }

  #isHeld(id: string): boolean {
    return [...this.#holds.values()].some(ids => ids.has(id));
  }

  /** Forgets removed images that nothing holds any more, and with them the layers that no image needs. */
  #dropUnheld(): void {
    for (const image of this.#holdsKnown ? this.#records.all() : [])
      if (image.removed && !this.#isHeld(image.id)) this.#records.delete(image.id);
    this.#layers.collect(new Set(this.#records.all().flatMap(i => i.diffIds)));
  }
}

function thisPlatform(): Platform {
  const { arch } = process;
  return platformFor(arch, arch === 'x64' ? amd64Level(readFileSync('/proc/cpuinfo', 'utf8')) : '');
}

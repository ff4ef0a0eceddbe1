import { errorCode, failedPrecondition, invalidArgument } from '../../base/errors.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { ImageSource } from './image-source.ts';
import type { LayerContent, LayerStore } from './layer-store.ts';
import {
  type ConfigDocument,
  chooseManifest,
  type Descriptor,
  type ManifestDocument,
  type Platform,
  parseConfig,
  parseManifest,
} from './manifest.ts';

/** An image whose layers are all in the layer store, pinned there until `unpin` is called. */
export interface FetchedImage {
  /** Digest of the config. */
  readonly id: string;
  /** Digest of what the tag stands for: the index where there is one. */
  readonly digest: string;
  readonly sizeBytes: number;
  readonly document: Pick<ConfigDocument, 'diffIds' | 'config'>;
  readonly configJson: string;
  unpin(): void;
}

/** A layer, not yet as one of a certain pull. */
export interface LayerOfImage extends Omit<LayerContent, 'pull'> {
  /** To be told that what came was not this layer: true where another place may have it (ImageSource). */
  distrust?(): boolean;
}

/** Where images go, and who is told of it. */
export interface FetchTarget {
  readonly platform: Platform;
  readonly layers: LayerStore;
  readonly log: Logger;
  /** Told at first, and whenever it has changed. */
  onProgress?(progress: LayersProgress): void;
}

/** How much of an image's layers is there. */
export interface LayersProgress {
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly layersDone: number;
  readonly layersTotal: number;
}

/**
 * Brings one image of `source` into the layer store: manifest, by way of an index when there is one, config, then the layers side by side.
 * Every document and layer is verified by its digest. After a throw no layer is being unpacked any more and none is pinned.
 */
export async function fetchImage(
  source: ImageSource,
  tagOrDigest: string,
  target: FetchTarget,
  signal: AbortSignal,
): Promise<FetchedImage> {
  const { platform } = target;
  const top = await source.manifest(tagOrDigest, signal);
  let document = parseManifest(top.bytes, top.mediaType);
  if (document.kind === 'index') document = await manifestOfIndex(source, document, platform, signal);
  const manifest = document;
  if (manifest.kind !== 'image') throw invalidArgument('an index inside an index is not followed');
  const configBytes = await source.document(manifest.config, signal);
  const config = parseConfig(configBytes, manifest.layers.length);
  if (
    config.platform.architecture !== '' &&
    (config.platform.os !== platform.os || config.platform.architecture !== platform.architecture)
  )
    throw failedPrecondition(
      `the image is for ${config.platform.os}/${config.platform.architecture}, this machine is ${platform.os}/${platform.architecture}`,
    );
  const contents = manifest.layers.map(
    (layer, i): LayerOfImage => ({
      diffId: config.diffIds[i] ?? '',
      digest: layer.digest,
      size: layer.size,
      locate: () => source.locate(layer),
      distrust: () => source.distrust?.(layer.digest) === true,
    }),
  );
  const unpin = await fetchLayers(contents, target, signal);
  return {
    id: manifest.config.digest,
    digest: top.digest,
    sizeBytes: totalSize([manifest.config, ...manifest.layers]),
    document: config,
    configJson: configBytes.toString('utf8'),
    unpin,
  };
}

/** Unpacks layers side by side; the first failure stops the others and is thrown when all have ended. Returns what unpins them. */
export async function fetchLayers(
  contents: readonly LayerOfImage[],
  target: FetchTarget,
  signal: AbortSignal,
): Promise<() => void> {
  const { layers, log } = target;
  const bytesTotal = contents.reduce((sum, c) => sum + c.size, 0);
  const bytes = contents.map(() => 0);
  let layersDone = 0;
  const tell = (): void => {
    const bytesDone = bytes.reduce((sum, b) => sum + b, 0);
    target.onProgress?.({ bytesDone, bytesTotal, layersDone, layersTotal: contents.length });
  };
  tell();
  const unpin = layers.pin(contents.map(c => c.diffId));
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  let failure: { readonly error: unknown } | undefined;
  const one = async (content: LayerOfImage, at: number): Promise<void> => {
    const started = performance.now();
    try {
      const onProgress = (taken: number): void => {
        bytes[at] = taken;
        tell();
      };
      const how = await ensureFromAny({ ...content, pull: contents, onProgress }, target, stop.signal);
      layersDone += 1;
      onProgress(content.size);
      log.debug(
        { layer: content.diffId, bytes: content.size, how, ms: Math.round(performance.now() - started) },
        'layer is there',
      );
    } catch (error) {
      failure ??= { error };
      stop.abort(error);
    }
  };
  await Promise.all(contents.map(one));
  signal.removeEventListener('abort', onAbort);
  if (failure === undefined) return unpin;
  unpin();
  throw failure.error;
}

/** Begins anew at the next place where what came is not what the digest says: a mirror may have spoilt it. */
async function ensureFromAny(
  content: LayerOfImage & LayerContent,
  { layers, log }: FetchTarget,
  signal: AbortSignal,
): Promise<'present' | 'unpacked'> {
  for (;;) {
    try {
      return await layers.ensure(content, signal);
    } catch (error) {
      if (signal.aborted || errorCode(error) !== 'data-loss' || content.distrust?.() !== true) throw error;
      log.warn({ err: error, layer: content.diffId }, 'a mirror has another layer; the next place is asked');
    }
  }
}

async function manifestOfIndex(
  source: ImageSource,
  index: Extract<ManifestDocument, { kind: 'index' }>,
  platform: Platform,
  signal: AbortSignal,
): Promise<ManifestDocument> {
  const chosen = chooseManifest(index.manifests, platform);
  const blob = await source.manifest(chosen.digest, signal);
  return parseManifest(blob.bytes, chosen.mediaType === '' ? blob.mediaType : chosen.mediaType);
}

function totalSize(descriptors: readonly Descriptor[]): number {
  return descriptors.reduce((sum, d) => sum + d.size, 0);
}

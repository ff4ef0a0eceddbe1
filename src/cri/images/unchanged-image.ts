import { errorCode } from '../../base/errors.ts';
import type { FetchedImage } from './fetch-image.ts';
import type { StoredImage } from './image-records.ts';
import type { ImageSource } from './image-source.ts';
import type { LayerStore } from './layer-store.ts';
import { type ImageReference, repositoryName } from './reference.ts';

/**
 * The image that is here under this name, if the source says that the name still stands for it and all of its layers are here: nothing is fetched then. It asks with
 * HEAD, which says as much as a pull who may have the image, and which registries that count pulls do not count. Undefined where it is to be fetched, also
 * when the source refuses: the pull will say why. Throws where the source is away. Its layers are pinned, as those of a fetched one.
 */
export async function unchangedImage(
  stored: StoredImage,
  reference: ImageReference,
  source: ImageSource,
  layers: Pick<LayerStore, 'pin' | 'has'>,
  signal: AbortSignal,
): Promise<FetchedImage | undefined> {
  const wanted = reference.digest ?? reference.tag ?? 'latest';
  const digest = await source.digestOf?.(wanted, signal).catch((error: unknown) => {
    // To ask once more would double the time that it takes to say so.
    if (signal.aborted || errorCode(error) === 'unavailable') throw error;
  });
  if (digest === undefined || !stored.repoDigests.includes(`${repositoryName(reference)}@${digest}`)) return undefined;
  const { id, sizeBytes, diffIds, config, configJson } = stored;
  const unpin = layers.pin(diffIds);
  if (diffIds.every(diffId => layers.has(diffId)))
    return { id, digest, sizeBytes, document: { diffIds, config }, configJson, unpin };
  unpin();
  return undefined;
}

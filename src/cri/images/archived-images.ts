import { errorMessage, GantryError, invalidArgument } from '../../base/errors.ts';
import { sha256Hex } from '../../base/hash.ts';
import type { ArchiveFiles } from './archive-files.ts';
import { type FetchedImage, type FetchTarget, fetchImage, fetchLayers, type LayerOfImage } from './fetch-image.ts';
import type { BlobLocation, ImageSource, ManifestBlob } from './image-source.ts';
import { type Descriptor, descriptor, parseConfig } from './manifest.ts';
import { parseReference } from './reference.ts';

const MAX_DOCUMENT = 4 << 20;

/** An image that an archive holds; `fetch` brings its layers in. */
export interface ArchivedImage {
  /** Names it carries in the archive, as written there; none is fine. */
  readonly names: readonly string[];
  /** For messages and progress. */
  readonly title: string;
  fetch(target: FetchTarget, signal: AbortSignal): Promise<FetchedImage>;
}

/** Lists the images of an OCI layout (directory or tar) or of a docker archive. Throws `invalid-argument` when it is neither. */
export async function imagesOfArchive(files: ArchiveFiles): Promise<readonly ArchivedImage[]> {
  const index = await readJson(files, 'index.json');
  if (index !== undefined) return ociImages(files, index);
  const manifest = await readJson(files, 'manifest.json');
  if (manifest !== undefined) return dockerImages(files, manifest);
  throw invalidArgument(`${files.path} has neither index.json (OCI layout) nor manifest.json (docker archive)`);
}

const NAME_ANNOTATIONS = ['io.containerd.image.name', 'org.opencontainers.image.ref.name'] as const;

function ociImages(files: ArchiveFiles, index: unknown): readonly ArchivedImage[] {
  const manifests = (index as { manifests?: unknown }).manifests;
  if (!Array.isArray(manifests)) throw invalidArgument(`${files.path}: index.json has no manifests`);
  return manifests.map((entry): ArchivedImage => {
    const top = descriptor(entry, 'a manifest of index.json');
    const names = NAME_ANNOTATIONS.flatMap(key => top.annotations[key] ?? []).filter(isWholeName);
    const source = new LayoutSource(files, top);
    return {
      names: names.slice(0, 1),
      title: names[0] ?? top.digest,
      fetch: (target, signal) => fetchImage(source, top.digest, target, signal),
    };
  });
}

/** The annotation may hold a bare tag (`latest`), which says nothing of the repository. */
function isWholeName(name: string): boolean {
  if (!/[/:]/.test(name)) return false;
  try {
    parseReference(name);
    return true;
  } catch {
    return false;
  }
}

/** Blobs of an OCI layout. */
class LayoutSource implements ImageSource {
  readonly #files: ArchiveFiles;
  readonly #top: Descriptor;

  constructor(files: ArchiveFiles, top: Descriptor) {
    this.#files = files;
    this.#top = top;
  }

  async manifest(digest: string): Promise<ManifestBlob> {
    const bytes = await this.#read(digest);
    return { bytes, digest, mediaType: digest === this.#top.digest ? this.#top.mediaType : '' };
  }

  document(wanted: Descriptor): Promise<Buffer> {
    return this.#read(wanted.digest);
  }

  async locate(wanted: Descriptor): Promise<BlobLocation> {
    const place = await this.#files.locate(blobName(wanted.digest));
    if (place === undefined) throw this.#missing(wanted.digest);
    return place;
  }

  close(): void {}

  async #read(digest: string): Promise<Buffer> {
    const bytes = await this.#files.read(blobName(digest), MAX_DOCUMENT);
    if (bytes === undefined) throw this.#missing(digest);
    const found = `sha256:${sha256Hex(bytes)}`;
    if (found !== digest)
      throw new GantryError(
        'data-loss',
        `${this.#files.path}: digest mismatch: the blob should be ${digest} and is ${found}`,
      );
    return bytes;
  }

  #missing(digest: string): Error {
    return invalidArgument(`${this.#files.path}: the blob ${digest} is not in the archive`);
  }
}

const blobName = (digest: string): string => `blobs/${digest.replace(':', '/')}`;

interface DockerManifestEntry {
  readonly Config?: unknown;
  readonly RepoTags?: unknown;
  readonly Layers?: unknown;
}

function dockerImages(files: ArchiveFiles, manifest: unknown): readonly ArchivedImage[] {
  if (!Array.isArray(manifest)) throw invalidArgument(`${files.path}: manifest.json is not a list`);
  return (manifest as DockerManifestEntry[]).map((entry): ArchivedImage => {
    const { Config: config, Layers: layers } = entry;
    const names = Array.isArray(entry.RepoTags) ? entry.RepoTags.filter(t => typeof t === 'string') : [];
    if (typeof config !== 'string' || !Array.isArray(layers) || !layers.every(l => typeof l === 'string'))
      throw invalidArgument(`${files.path}: manifest.json names no config or no layers`);
    return {
      names,
      title: names[0] ?? config,
      fetch: (target, signal) => fetchDockerImage(files, config, layers, target, signal),
    };
  });
}

async function fetchDockerImage(
  files: ArchiveFiles,
  configName: string,
  layerNames: readonly string[],
  target: FetchTarget,
  signal: AbortSignal,
): Promise<FetchedImage> {
  const bytes = await files.read(configName, MAX_DOCUMENT);
  if (bytes === undefined) throw invalidArgument(`${files.path}: the config ${configName} is not in the archive`);
  const id = `sha256:${sha256Hex(bytes)}`;
  const document = parseConfig(bytes, layerNames.length);
  const contents: LayerOfImage[] = [];
  for (const [i, name] of layerNames.entries()) {
    const place = await files.locate(name);
    if (place === undefined) throw invalidArgument(`${files.path}: the layer ${name} is not in the archive`);
    contents.push({
      diffId: document.diffIds[i] ?? '',
      digest: undefined,
      size: place.length,
      locate: async () => place,
    });
  }
  const unpin = await fetchLayers(contents, target, signal);
  const sizeBytes = contents.reduce((sum, c) => sum + c.size, bytes.length);
  return { id, digest: '', sizeBytes, document, configJson: bytes.toString('utf8'), unpin };
}

async function readJson(files: ArchiveFiles, name: string): Promise<unknown> {
  const bytes = await files.read(name, MAX_DOCUMENT);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch (error) {
    throw invalidArgument(`${files.path}: ${name} is not JSON: ${errorMessage(error)}`);
  }
}

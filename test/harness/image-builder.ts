import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

/** One entry of a layer: a tar header and, for files, the content. */
export type LayerEntry = readonly [Parameters<ReturnType<typeof pack>['entry']>[0], (string | Buffer)?];

export interface BuiltBlob {
  readonly digest: string;
  readonly bytes: Buffer;
}

export interface BuiltLayer extends BuiltBlob {
  readonly diffId: string;
}

export interface BuiltImage {
  readonly manifest: BuiltBlob;
  readonly config: BuiltBlob;
  readonly layers: readonly BuiltLayer[];
}

export const sha256 = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** A tar with exactly these entries: names are not cleaned, so that hostile ones can be made. */
export async function tarOf(entries: readonly LayerEntry[]): Promise<Buffer> {
  const tar = pack();
  for (const [header, content] of entries) tar.entry(header, content ?? '');
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The same as a gzip layer. */
export async function buildLayer(entries: readonly LayerEntry[]): Promise<BuiltLayer> {
  const plain = await tarOf(entries);
  const bytes = gzipSync(plain, { level: 6 });
  return { digest: sha256(bytes), diffId: sha256(plain), bytes };
}

/** An OCI image of these layers, bottom first. `extra` goes into the config, so that images of the same layers can differ. */
export function buildImage(layers: readonly BuiltLayer[], extra: object = {}): BuiltImage {
  const config = blobOf({
    architecture: { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch,
    os: 'linux',
    config: { Cmd: ['/bin/sh'], ...extra },
    rootfs: { type: 'layers', diff_ids: layers.map(l => l.diffId) },
  });
  const manifest = blobOf({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config.digest, size: config.bytes.length },
    layers: layers.map(l => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: l.digest,
      size: l.bytes.length,
    })),
  });
  return { manifest, config, layers };
}

function blobOf(document: object): BuiltBlob {
  const bytes = Buffer.from(JSON.stringify(document));
  return { digest: sha256(bytes), bytes };
}

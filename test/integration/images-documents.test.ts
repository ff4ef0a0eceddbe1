import { afterEach, describe, expect, it } from 'vitest';
import { type BuiltBlob, type BuiltImage, buildImage, buildLayer, sha256 } from '../harness/image-builder.ts';
import { EMPTY_STORE, openTestStore, storeContent, type TestStore } from '../harness/image-store.ts';
import { serveImage } from '../harness/registry-server.ts';

const never = new AbortController().signal;
const OCI = 'application/vnd.oci.image';
const DOCKER = 'application/vnd.docker';
const OWN = { os: 'linux', architecture: { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch };

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function blobOf(document: object): BuiltBlob {
  const bytes = Buffer.from(JSON.stringify(document));
  return { digest: sha256(bytes), bytes };
}

const entry = (blob: BuiltBlob, mediaType: string, platform?: object) => ({
  mediaType,
  digest: blob.digest,
  size: blob.bytes.length,
  ...(platform === undefined ? {} : { platform }),
});

/** The manifest of the image with media types of Docker. */
function schema2(image: BuiltImage): BuiltBlob {
  return blobOf({
    schemaVersion: 2,
    mediaType: `${DOCKER}.distribution.manifest.v2+json`,
    config: entry(image.config, `${DOCKER}.container.image.v1+json`),
    layers: image.layers.map(l => entry(l, `${DOCKER}.image.rootfs.diff.tar.gzip`)),
  });
}

/** Pulls `a:1` from a server where the tag stands for `top`, and `others` are there by their digests. */
async function pull(
  image: BuiltImage,
  top: BuiltBlob,
  others: readonly BuiltBlob[],
  type = '',
): Promise<TestStore & { id: Promise<string> }> {
  const server = await serveImage(image, (request, response) => {
    if (request.url?.includes('/manifests/') !== true) return false;
    const blob = others.find(b => request.url?.includes(b.digest)) ?? top;
    response.writeHead(200, type === '' ? {} : { 'content-type': type }).end(blob.bytes);
    return true;
  });
  closing.push(() => server.close());
  const store = await openTestStore();
  closing.push(() => store.images.close());
  const id = store.images.pull(`${server.address}/a:1`, undefined, never).then(record => record.id);
  id.catch(() => undefined);
  return { ...store, id };
}

const anImage = async (): Promise<BuiltImage> => buildImage([await buildLayer([[{ name: 'f' }, 'x']])]);

describe('a tag', () => {
  it("stands for a manifest of Docker's schema 2, or for a list of them", async () => {
    const image = await anImage();
    const manifest = schema2(image);
    const list = blobOf({
      schemaVersion: 2,
      mediaType: `${DOCKER}.distribution.manifest.list.v2+json`,
      manifests: [
        entry(blobOf({ other: 1 }), `${DOCKER}.distribution.manifest.v2+json`, { ...OWN, architecture: 's390x' }),
        entry(manifest, `${DOCKER}.distribution.manifest.v2+json`, OWN),
      ],
    });
    expect(await (await pull(image, manifest, [])).id).toBe(image.config.digest);
    expect(await (await pull(image, list, [manifest])).id).toBe(image.config.digest);
  });

  it('stands for an index, with attestations in it, or one that says nothing of platforms', async () => {
    const image = await anImage();
    const attestation = entry(blobOf({ attests: 1 }), `${OCI}.manifest.v1+json`, {
      os: 'unknown',
      architecture: 'unknown',
    });
    const own = entry(image.manifest, `${OCI}.manifest.v1+json`, OWN);
    const index = blobOf({ schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests: [attestation, own] });
    expect(await (await pull(image, index, [image.manifest])).id).toBe(image.config.digest);
    const bare = blobOf({ schemaVersion: 2, manifests: [entry(image.manifest, `${OCI}.manifest.v1+json`)] });
    expect(await (await pull(image, bare, [image.manifest], `${OCI}.index.v1+json`)).id).toBe(image.config.digest);
  });

  it.each<[string, object, string, RegExp]>([
    [
      'a Helm chart',
      { config: { mediaType: 'application/vnd.cncf.helm.config.v1+json' } },
      `${OCI}.manifest.v1+json`,
      /: this is not a container image but an artifact of type application\/vnd\.cncf\.helm\.config\.v1\+json$/,
    ],
    [
      'an artifact without a config',
      { artifactType: 'application/spdx+json', config: { mediaType: 'application/vnd.oci.empty.v1+json' } },
      `${OCI}.manifest.v1+json`,
      /: this is not a container image but an artifact of type application\/spdx\+json$/,
    ],
    [
      "a manifest of Docker's schema 1",
      { schemaVersion: 1, name: 'a', fsLayers: [], history: [] },
      `${DOCKER}.distribution.manifest.v1+prettyjws`,
      /: the image has a Docker schema 1 manifest/,
    ],
    ['a web page', {}, 'text/html', /: the registry answered with text\/html, which is not an image manifest$/],
  ])('that stands for %s is refused in one line, and leaves nothing', async (_sentence, fields, type, message) => {
    const image = await anImage();
    const { config, layers, ...manifest } = JSON.parse(image.manifest.bytes.toString());
    const isOci = type === `${OCI}.manifest.v1+json`;
    const document = isOci
      ? { ...manifest, layers, ...fields, config: { ...config, ...(fields as { config: object }).config } }
      : fields;
    const { id, root } = await pull(image, blobOf(document), [], type);
    await expect(id).rejects.toMatchObject({ code: 'invalid-argument', message: expect.stringMatching(message) });
    expect(storeContent(root)).toEqual(EMPTY_STORE);
  });
});

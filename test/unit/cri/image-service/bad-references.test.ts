import { describe, expect, it } from 'vitest';
import { imageStatus } from '../../../../src/cri/image-service/image-status.ts';
import { listImages } from '../../../../src/cri/image-service/list-images.ts';
import { pullImage } from '../../../../src/cri/image-service/pull-image.ts';
import { removeImage } from '../../../../src/cri/image-service/remove-image.ts';
import { findImage } from '../../../../src/cri/images/find-image.ts';
import type { StoredImage } from '../../../../src/cri/images/image-records.ts';
import type { Images } from '../../../../src/cri/images/image-store.ts';
import { parseReference } from '../../../../src/cri/images/reference.ts';
import { ImageSpec } from '../../../../src/rpc/cri-api.ts';

const HEX = 'ab'.repeat(32);
const never = new AbortController().signal;

const STORED = {
  id: `sha256:${HEX}`,
  repoTags: ['docker.io/library/busybox:1'],
  repoDigests: [],
  sizeBytes: 1,
  config: { user: '', env: [], entrypoint: [], cmd: [], workingDir: '', stopSignal: '', volumes: [], labels: {} },
  pinned: false,
};

/** A store that looks names up as the real one does, and tells what it was asked to remove. */
function store(): { readonly images: Images; readonly removed: string[] } {
  const removed: string[] = [];
  const resolve = (reference: string) =>
    findImage([STORED as unknown as StoredImage], reference) === undefined ? undefined : STORED;
  const images = {
    resolve,
    list: () => [STORED],
    configJson: () => '{}',
    remove: async (reference: string) => void removed.push(resolve(reference)?.id ?? 'nothing'),
    pull: async (reference: string) => {
      parseReference(reference);
      return STORED;
    },
  };
  return { images: images as unknown as Images, removed };
}

const image = (text: string) => ImageSpec.fromPartial({ image: text });

const MALFORMED = [
  '..',
  '../etc/passwd',
  'a/../b:1',
  '/absolute',
  'Upper/Case',
  'name:',
  'name:tag:tag',
  `name@sha256:${HEX.slice(1)}`,
  'name@md5:00',
  'name@',
  'http://registry/name',
  ' name',
  'name\n',
  'x'.repeat(300),
  '/'.repeat(100_000),
];

describe('an image that is named wrongly', () => {
  it.each(MALFORMED)('PullImage of %j says that image.image is wrong', async text => {
    const pull = pullImage(store().images, { image: image(text), auth: undefined, sandboxConfig: undefined }, never);
    await expect(pull).rejects.toMatchObject({
      code: 'invalid-argument',
      reason: 'InvalidImageName',
      message: expect.stringMatching(/^image\.image: invalid image reference "[^\n]{0,600}$/),
    });
  });

  it.each(MALFORMED)(
    '%j is no image of anybody, as upstream: no status, nothing to list, nothing to remove',
    async text => {
      const { images, removed } = store();
      expect(imageStatus(images, { image: image(text), verbose: true })).toEqual({ image: undefined, info: {} });
      expect(listImages(images, { filter: { image: image(text) } }).images).toEqual([]);
      await removeImage(images, { image: image(text) });
      expect(removed).toEqual(['nothing']);
    },
  );

  it.each([
    [
      'PullImage',
      (images: Images, spec: ImageSpec | undefined) =>
        pullImage(images, { image: spec, auth: undefined, sandboxConfig: undefined }, never),
    ],
    [
      'ImageStatus',
      async (images: Images, spec: ImageSpec | undefined) => imageStatus(images, { image: spec, verbose: false }),
    ],
    ['RemoveImage', (images: Images, spec: ImageSpec | undefined) => removeImage(images, { image: spec })],
  ] as const)('%s without a name says which field is empty', async (_rpc, call) => {
    for (const spec of [undefined, image('')])
      await expect(call(store().images, spec)).rejects.toMatchObject({
        code: 'invalid-argument',
        message: expect.stringContaining('image.image is empty'),
      });
  });
});

describe('an image by its id', () => {
  it.each([
    [`sha256:${HEX}`, true, 'whole'],
    [HEX, true, 'without the algorithm'],
    [HEX.slice(0, 13), true, 'shortened as crictl shows it'],
    [`sha256:${HEX.slice(0, 12)}`, true, 'shortened with the algorithm'],
    [HEX.slice(0, 11), false, 'too short to be told from a name'],
    [`${HEX.slice(0, 12)}c`, false, 'of another image'],
    [HEX.toUpperCase(), false, 'in capitals'],
    [`sha512:${HEX}`, false, 'of another algorithm'],
  ])('%s: %s (%s)', (text, found) => {
    expect(imageStatus(store().images, { image: image(text), verbose: false }).image?.id).toBe(
      found ? STORED.id : undefined,
    );
  });
});

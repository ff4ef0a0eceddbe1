import { describe, expect, it } from 'vitest';
import { importImages } from '../../../../src/cri/image-service/import-images.ts';
import type { Images } from '../../../../src/cri/images/image-store.ts';

const never = new AbortController().signal;
const request = { path: '/a.tar', reference: '' };

function storeThat(importArchive: Images['importArchive']): Images {
  return { importArchive } as Images;
}

describe('importImages', () => {
  it('yields every step, and of one that a slow client has not read yet its newest figures alone', async () => {
    const images = storeThat(async (_path, _reference, onStep) => {
      onStep({ message: 'reading', bytesDone: 0, bytesTotal: 0 });
      for (const bytesDone of [0, 10, 20, 30]) onStep({ message: 'importing', bytesDone, bytesTotal: 30 });
      return [{ id: 'sha256:1', references: ['r.io/a:1'] }];
    });
    const seen: unknown[] = [];
    for await (const step of importImages(images, request, never)) seen.push(step);
    expect(seen).toEqual([
      { message: 'reading', bytesDone: 0n, bytesTotal: 0n, images: [] },
      { message: 'importing', bytesDone: 30n, bytesTotal: 30n, images: [] },
      {
        message: '1 image(s) imported',
        bytesDone: 30n,
        bytesTotal: 30n,
        images: [{ id: 'sha256:1', references: ['r.io/a:1'] }],
      },
    ]);
  });

  it('throws what the store throws, after the steps before', async () => {
    const images = storeThat(async (_path, _reference, onStep) => {
      onStep({ message: 'reading', bytesDone: 0, bytesTotal: 0 });
      throw new Error('no room');
    });
    const steps = importImages(images, request, never);
    expect((await steps.next()).value).toMatchObject({ message: 'reading' });
    await expect(steps.next()).rejects.toThrow('no room');
  });

  it('refuses a relative path, which would mean another directory here than for the caller', async () => {
    const steps = importImages(
      storeThat(async () => []),
      { path: 'a.tar', reference: '' },
      never,
    );
    await expect(steps.next()).rejects.toThrow('path "a.tar" must be absolute');
  });
});

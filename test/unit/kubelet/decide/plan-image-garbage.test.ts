import { describe, expect, it } from 'vitest';
import {
  bytesToFree,
  type ImageGarbageInput,
  insufficientSpace,
  type KnownImage,
  lookAtImages,
  planImageGarbage,
} from '../../../../src/kubelet/decide/plan-image-garbage.ts';

const MINUTE = 60_000;
const NOW = 100 * MINUTE;
const POLICY = { highPercent: 85, lowPercent: 80, minAgeMs: 2 * MINUTE, maxAgeMs: 0 };

const image = (id: string, more: Partial<KnownImage> = {}): KnownImage => ({
  id,
  sizeBytes: 10,
  pinned: false,
  firstSeenAt: 10 * MINUTE,
  lastUsedAt: 0,
  ...more,
});

function plan(images: readonly KnownImage[], more: Partial<ImageGarbageInput> = {}) {
  const { old, candidates } = planImageGarbage({
    known: new Map(images.map(i => [i.id, i])),
    inUse: new Set(),
    disk: { capacity: 1000, available: 100 },
    policy: POLICY,
    now: NOW,
    beganAt: 0,
    ...more,
  });
  return { old: old.map(i => i.id), candidates: candidates.map(i => i.id) };
}

describe('what is to be freed', () => {
  it.each([
    [160, 0, '84 % is under the threshold'],
    [150, 50, '85 % is over it'],
    [0, 200, 'a full disk'],
    [2000, 0, 'more available than there is'],
  ])('with %i of 1000 available: %i, %s', (available, free) => {
    expect(bytesToFree({ capacity: 1000, available }, POLICY)).toBe(free);
  });

  it('is nothing with a threshold of 100, however full the disk is', () => {
    expect(bytesToFree({ capacity: 1000, available: 0 }, { highPercent: 100, lowPercent: 80 })).toBe(0);
  });
});

describe('images that nobody uses', () => {
  it('go in the order of their last use, then of their coming', () => {
    const images = [
      image('used-late', { lastUsedAt: 50 * MINUTE }),
      image('used-early', { lastUsedAt: 20 * MINUTE }),
      image('came-late', { firstSeenAt: 30 * MINUTE }),
      image('came-early', { firstSeenAt: 5 * MINUTE }),
    ];
    expect(plan(images).candidates).toEqual(['came-early', 'came-late', 'used-early', 'used-late']);
  });

  it('stay when they are pinned, in use or have just come', () => {
    const images = [
      image('pinned', { pinned: true }),
      image('used'),
      image('new', { firstSeenAt: NOW - 2 * MINUTE + 1 }),
      image('old-enough', { firstSeenAt: NOW - 2 * MINUTE }),
    ];
    expect(plan(images, { inUse: new Set(['used']) }).candidates).toEqual(['old-enough']);
  });

  it('go by their age too, pinned ones not, and not before the kubelet has looked for that long', () => {
    const policy = { ...POLICY, maxAgeMs: 60 * MINUTE };
    const images = [
      image('long', { lastUsedAt: NOW - 61 * MINUTE }),
      image('never'),
      image('short', { lastUsedAt: NOW - 60 * MINUTE }),
      image('came-lately', { firstSeenAt: NOW - 60 * MINUTE }),
      image('came-now', { firstSeenAt: NOW }),
      image('pinned', { pinned: true }),
    ];
    expect(plan(images, { policy })).toEqual({ old: ['never', 'long'], candidates: ['came-lately', 'short'] });
    expect(plan(images, { policy, beganAt: NOW - 60 * MINUTE }).old).toEqual([]);
  });
});

it('leaves images that have just come alone, however short their age is and however full the disk', () => {
  const policy = { ...POLICY, maxAgeMs: MINUTE };
  const images = [
    image('came-now', { firstSeenAt: NOW - MINUTE - 1 }),
    image('used', { firstSeenAt: NOW - MINUTE - 1 }),
  ];
  expect(plan(images, { policy, disk: { capacity: 1000, available: 0 } })).toEqual({ old: [], candidates: [] });
});

describe('a look', () => {
  it('remembers since when and until when an image was there and used', () => {
    const first = lookAtImages(new Map(), [image('a'), image('b'), image('c')], new Set(['a']), 1);
    const second = lookAtImages(first, [image('a'), image('b', { sizeBytes: 20 }), image('d')], new Set(['d']), 2);
    expect([...second.values()]).toEqual([
      image('a', { firstSeenAt: 1, lastUsedAt: 1 }),
      image('b', { firstSeenAt: 1, sizeBytes: 20 }),
      image('d', { firstSeenAt: 2, lastUsedAt: 2 }),
    ]);
  });
});

it('says in upstream words that there is not enough space', () => {
  expect(insufficientSpace(90, 252 * 1024 ** 3, 7)).toBe(
    "Insufficient free disk space on the node's image filesystem (90% of 252.0 GiB used). Failed to free sufficient space by deleting unused images (freed 7 bytes). Investigate disk usage, as it could be used by active images, logs, volumes, or other data.",
  );
  expect(insufficientSpace(90, 1000, 0)).toContain('of 1000 B used');
});

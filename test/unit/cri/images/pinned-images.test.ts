import { describe, expect, it } from 'vitest';
import { pinnedImages } from '../../../../src/cri/images/pinned-images.ts';

describe('pinned images', () => {
  it.each<[string, string, boolean]>([
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10', true],
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.9', false],
    ['registry.k8s.io/*', 'registry.k8s.io/a/b:1', true],
    ['registry.k8s.io/*', 'registry-k8s.io/a:1', false],
    ['*/pause:*', 'r.example/x/pause:1', true],
    ['*/pause:*', 'r.example/x/pauses:1', false],
    ['busybox', 'docker.io/library/busybox:latest', true],
    ['busybox', 'docker.io/library/busybox:1', false],
    ['*', 'r.example/a@sha256:00', true],
  ])('%s and %s: %s', (pattern, name, pinned) => {
    expect(pinnedImages(['r.example/other:1', pattern])(['r.example/no:1', name])).toBe(pinned);
  });

  it('are none without a pattern, and no image without a name is one', () => {
    expect(pinnedImages([])(['a/b:1'])).toBe(false);
    expect(pinnedImages(['*'])([])).toBe(false);
  });

  it('names a pattern that fits nothing', () => {
    expect(() => pinnedImages(['r.example/NO'])).toThrow('images.pinned: invalid image reference "r.example/NO"');
  });
});

import { describe, expect, it } from 'vitest';
import { requireStartableMemory } from '../../../../src/cri/spec/memory-minimum.ts';

describe('a memory limit with which no container starts', () => {
  it.each([
    [
      'crun',
      511_999n,
      'the memory limit of 511999 bytes is too small to start the container: crun needs at least 512000 bytes',
    ],
    [
      'runc',
      12_582_911n,
      'the memory limit of 12582911 bytes is too small to start the container: runc needs at least 12582912 bytes',
    ],
  ])('%s with %d bytes: refused with limit and minimum', (runtime, limit, message) => {
    expect(() => requireStartableMemory(runtime, limit)).toThrow(message);
  });

  it.each([
    ['crun', 512_000n],
    ['runc', 12_582_912n],
    ['runc', 0n],
    ['runc', -1n],
    ['another', 1n],
  ])('%s with %d bytes: left to the runtime', (runtime, limit) => {
    expect(() => requireStartableMemory(runtime, limit)).not.toThrow();
  });
});

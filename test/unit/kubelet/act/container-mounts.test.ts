import { describe, expect, it } from 'vitest';
import type { VolumeMount } from '../../../../src/api/types/gen/core-v1.ts';
import { recursiveReadOnly } from '../../../../src/kubelet/act/container-mounts.ts';

const mount = (more: Partial<VolumeMount>): VolumeMount => ({ name: 'v', mountPath: '/v', readOnly: true, ...more });

describe('a mount that is read-only with all that is below', () => {
  it.each<[string, Partial<VolumeMount>, boolean, boolean]>([
    ['was not asked for', {}, true, false],
    ['was refused', { recursiveReadOnly: 'Disabled' }, true, false],
    ['is asked for and can be had', { recursiveReadOnly: 'Enabled' }, true, true],
    ['is wished for and can be had', { recursiveReadOnly: 'IfPossible' }, true, true],
    ['is wished for and cannot be had', { recursiveReadOnly: 'IfPossible' }, false, false],
  ])('%s', (_what, more, canRecurse, expected) => {
    expect(recursiveReadOnly(mount(more), canRecurse)).toBe(expected);
  });

  it.each<[Partial<VolumeMount>, string]>([
    [{ recursiveReadOnly: 'Enabled' }, 'not supported by the runtime'],
    [{ recursiveReadOnly: 'IfPossible', readOnly: false }, 'not read-only'],
    [
      { recursiveReadOnly: 'Enabled', mountPropagation: 'Bidirectional' },
      'not compatible with propagation "Bidirectional"',
    ],
  ])('%j is refused as %s', (more, why) => {
    expect(() => recursiveReadOnly(mount(more), false)).toThrow(
      `volume "v" requested recursive read-only mode, but it is ${why}`,
    );
  });
});

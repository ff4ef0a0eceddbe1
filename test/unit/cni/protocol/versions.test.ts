import { describe, expect, it } from 'vitest';
import { chooseVersion, isAtLeast } from '../../../../src/cni/protocol/versions.ts';

describe('chooseVersion', () => {
  it.each([
    ['the newest of several', ['0.3.1', '1.0.0', '0.4.0'], '1.0.0'],
    ['an unknown newer one is passed over', ['1.1.0', '2.0.0'], '1.1.0'],
    ['nothing in common', ['9.9.9'], undefined],
  ])('%s', (_, offered, expected) => {
    expect(chooseVersion(offered)).toBe(expected);
  });
});

describe('isAtLeast', () => {
  it('orders by the list of versions', () => {
    expect([isAtLeast('1.0.0', '0.4.0'), isAtLeast('0.4.0', '0.4.0'), isAtLeast('0.3.1', '0.4.0')]).toEqual([
      true,
      true,
      false,
    ]);
  });
});

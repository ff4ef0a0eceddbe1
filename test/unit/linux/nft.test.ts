import { describe, expect, it } from 'vitest';
import { oneLine } from '../../../src/linux/nft.ts';

describe('oneLine', () => {
  it('keeps the reason and the command, without the marks under it', () => {
    const text =
      '<cmdline>:1:15-18: Error: No such file or directory\nadd rule inet nope c accept\n              ^^^^\n';
    expect(oneLine(text)).toBe('No such file or directory: add rule inet nope c accept');
  });
});

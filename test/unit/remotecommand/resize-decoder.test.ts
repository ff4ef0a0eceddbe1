import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { TerminalSize } from '../../../src/remotecommand/remote-command.ts';
import { encodeSize, ResizeDecoder } from '../../../src/remotecommand/resize-decoder.ts';

function decode(...pieces: Buffer[]): TerminalSize[] {
  const sizes: TerminalSize[] = [];
  const decoder = new ResizeDecoder(size => sizes.push(size));
  for (const piece of pieces) decoder.write(piece);
  return sizes;
}

it('reads sizes however the stream is cut', () => {
  const size = fc.record({ width: fc.nat(0xffff), height: fc.nat(0xffff) });
  fc.assert(
    fc.property(fc.array(size, { maxLength: 6 }), fc.array(fc.nat(200), { maxLength: 8 }), (sizes, cuts) => {
      const bytes = Buffer.concat(sizes.map(encodeSize));
      const at = [0, ...cuts.map(cut => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      expect(decode(...at.map((start, i) => bytes.subarray(start, at[i + 1] ?? bytes.length)))).toEqual(sizes);
    }),
    { numRuns: 200, seed: 11 },
  );
});

it.each<[string, string, TerminalSize[]]>([
  [
    'without a line end',
    '{"Width":1,"Height":2}{"Width":3,"Height":4}',
    [
      { width: 1, height: 2 },
      { width: 3, height: 4 },
    ],
  ],
  ['with names in small letters', '{"width":1,"height":2}', [{ width: 1, height: 2 }]],
  ['with one side missing', '{"Width":7}', [{ width: 7, height: 0 }]],
  ['too large for a terminal', '{"Width":65536,"Height":2}{"Width":1,"Height":1}', []],
  ['negative', '{"Width":-1,"Height":2}', []],
  ['no JSON', 'oops}{"Width":1,"Height":1}', []],
  ['that never end', `{"Width":${'1'.repeat(5000)}`, []],
])('takes sizes %s as upstream does', (_, text, sizes) => {
  expect(decode(Buffer.from(text))).toEqual(sizes);
});

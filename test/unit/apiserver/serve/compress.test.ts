import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { piecesOf } from '../../../../src/apiserver/serve/body-pieces.ts';
import { gzipped, isCompressed } from '../../../../src/apiserver/serve/compress.ts';
import { requestOf } from '../requests.ts';

it.each([
  ['gzip', 200_000, true],
  ['deflate, GZIP;q=0.5', 200_000, true],
  ['gzip', 128 * 1024, false],
  ['gzip;q=0', 200_000, false],
  ['br', 200_000, false],
  ['', 200_000, false],
])('who accepts %j gets %d bytes compressed: %s', (header, length, compressed) => {
  const request = requestOf({ headers: { 'accept-encoding': header } });
  expect(isCompressed(request, { status: 200, headers: {}, body: 'x'.repeat(length) })).toBe(compressed);
  expect(isCompressed(request, { status: 200, headers: {}, body: { stream: async () => {} } })).toBe(false);
});

it('compresses no faster than the result is taken', async () => {
  let taken = 0;
  const source = function* () {
    for (let i = 0; i < 1000; i++) {
      taken++;
      yield Buffer.from(Uint8Array.from({ length: 65_536 }, (_, at) => (at * 7919 * (i + 1)) >> 5));
    }
  };
  const chunks: Uint8Array[] = [];
  for await (const chunk of gzipped(source())) {
    chunks.push(chunk);
    if (chunks.length === 3) break;
  }
  expect(taken).toBeLessThan(50);
  const whole: Uint8Array[] = [];
  for await (const chunk of gzipped(piecesOf([Buffer.alloc(300_000, 120)]))) whole.push(chunk);
  expect(gunzipSync(Buffer.concat(whole))).toEqual(Buffer.alloc(300_000, 120));
});

import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ZstdDecoder } from '../../../src/linux/zstd.ts';
import { skippableFrame, zstdCompress } from '../../harness/zstd.ts';

const PLAIN = Buffer.concat([randomBytes(300_000), Buffer.alloc(5 << 20, 'to be shrunk '), randomBytes(1000)]);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

function decompress(bytes: Buffer, pieceBytes: number, maxWindowLog?: number): Buffer {
  const decoder = new ZstdDecoder(maxWindowLog);
  const pieces: Buffer[] = [];
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes)
      decoder.write(bytes.subarray(at, at + pieceBytes), piece => pieces.push(Buffer.from(piece)));
    decoder.end();
  } finally {
    decoder.close();
  }
  return Buffer.concat(pieces);
}

describe('zstd', () => {
  it.each([
    ['whole', 1 << 30],
    ['in pieces', 4096],
    ['a few bytes at a time', 7],
  ])('is decompressed when it comes %s', (_sentence, pieceBytes) => {
    const plain = PLAIN.subarray(0, pieceBytes * 100_000);
    expect(sha256(decompress(zstdCompress(plain), pieceBytes))).toBe(sha256(plain));
  });

  it('of several frames, with skippable ones between, is one stream', () => {
    const frames = [
      skippableFrame('head'),
      zstdCompress(PLAIN),
      skippableFrame(''),
      zstdCompress(PLAIN),
      skippableFrame('index'),
    ];
    expect(sha256(decompress(Buffer.concat(frames), 65536))).toBe(sha256(Buffer.concat([PLAIN, PLAIN])));
  });

  it('of nothing is nothing', () => {
    expect(decompress(zstdCompress(Buffer.alloc(0)), 100)).toHaveLength(0);
  });

  it('that is cut off is refused', () => {
    expect(() => decompress(zstdCompress(PLAIN).subarray(0, -5), 65536)).toThrow(
      'it ends in the middle of a zstd frame',
    );
  });

  it('that is damaged is refused', () => {
    const damaged = Buffer.concat([zstdCompress(PLAIN).subarray(0, 2000), Buffer.alloc(400_000, 0xff)]);
    expect(() => decompress(damaged, 65536)).toThrow(/it is not valid zstd: /);
  });

  it('that needs more memory than allowed is refused', () => {
    expect(() => decompress(zstdCompress(PLAIN), 65536, 12)).toThrow(/it is not valid zstd: .*memory/);
  });

  it('is handed on no further when who takes it throws', () => {
    const decoder = new ZstdDecoder();
    const take = (): void => {
      throw new Error('no room');
    };
    expect(() => decoder.write(zstdCompress(PLAIN), take)).toThrow('no room');
    decoder.close();
  });
});

import { bind } from '../../src/linux/ffi.ts';

/** One frame of zstd, by the system's library. */
export function zstdCompress(plain: Buffer, level = 3): Buffer {
  const bound = bind('libzstd.so.1', 'size_t ZSTD_compressBound(size_t)');
  const compress = bind('libzstd.so.1', 'size_t ZSTD_compress(_Out_ void*, size_t, const void*, size_t, int)');
  const output = Buffer.alloc(bound(plain.length));
  return output.subarray(0, compress(output, output.length, plain, plain.length, level));
}

/** A frame that decoders pass over, as zstd:chunked has one for its table of contents. */
export function skippableFrame(content: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a50, 0);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, Buffer.from(content)]);
}

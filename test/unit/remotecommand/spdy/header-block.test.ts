import { randomBytes } from 'node:crypto';
import { constants, createDeflate, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HEADER_DICTIONARY } from '../../../../src/remotecommand/spdy/dictionary.ts';
import { HeaderBlockReader, HeaderBlockWriter } from '../../../../src/remotecommand/spdy/header-block.ts';
import { PiecewiseInflate } from '../../../../src/remotecommand/spdy/inflate.ts';
import { Compressor, headerBlock, numbers, zlibInflate } from '../raw-spdy.ts';

/** Pieces as zlib gives them, each ended by a flush. */
async function deflated(pieces: readonly Buffer[], options: object): Promise<Buffer[]> {
  const deflate = createDeflate(options);
  const out: Buffer[] = [];
  const all: Buffer[] = [];
  deflate.on('data', piece => out.push(piece));
  for (const piece of pieces) {
    deflate.write(piece);
    await new Promise<void>(resolve => deflate.flush(constants.Z_SYNC_FLUSH, resolve));
    all.push(Buffer.concat(out.splice(0)));
  }
  return all;
}

describe('the SPDY dictionary', () => {
  it('has the length and the checksum of that of the specification', async () => {
    expect(HEADER_DICTIONARY.length).toBe(1423);
    // zlib names the dictionary in its header: CMF, FLG, then the Adler-32
    const [first] = await deflated([Buffer.from('x')], { dictionary: HEADER_DICTIONARY });
    expect(first?.readUInt32BE(2).toString(16)).toBe('e3c6a7c2');
  });
});

describe('PiecewiseInflate', () => {
  const texts = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes)),
      fc.string({ maxLength: 40 }).chain(word => fc.nat(60).map(times => Buffer.from(word.repeat(times)))),
      fc.constantFrom('streamtype', 'content-type', 'requestid', 'port').map(word => Buffer.from(word)),
    ),
    { minLength: 1, maxLength: 12 },
  );
  const strategies = [
    constants.Z_DEFAULT_STRATEGY,
    constants.Z_FIXED,
    constants.Z_HUFFMAN_ONLY,
    constants.Z_RLE,
  ] as const;

  it.each(strategies)('gives what zlib compressed, piece by piece (strategy %i)', async strategy => {
    await fc.assert(
      fc.asyncProperty(texts, fc.constantFrom(0, 1, 6, 9), fc.boolean(), async (pieces, level, named) => {
        const options = { level, strategy, ...(named ? { dictionary: HEADER_DICTIONARY } : {}) };
        const inflate = new PiecewiseInflate(HEADER_DICTIONARY, 1 << 20);
        for (const [i, piece] of (await deflated(pieces, options)).entries())
          expect(inflate.inflate(piece)).toEqual(pieces[i]);
      }),
      { numRuns: 40, seed: 5 },
    );
  });

  it('follows matches that reach back over 32 KiB of earlier pieces', async () => {
    const word = randomBytes(200);
    const pieces = [word, ...Array.from({ length: 40 }, () => randomBytes(790)), word, randomBytes(40_000), word];
    const inflate = new PiecewiseInflate(HEADER_DICTIONARY, 1 << 20);
    for (const [i, piece] of (await deflated(pieces, { level: 9 })).entries())
      expect(inflate.inflate(piece)).toEqual(pieces[i]);
  });

  it('stops a bomb as soon as it gives too much', () => {
    const bomb = deflateSync(Buffer.alloc(50 << 20));
    const inflate = new PiecewiseInflate(HEADER_DICTIONARY, 32 * 1024);
    const before = process.memoryUsage().arrayBuffers;
    expect(() => inflate.inflate(bomb)).toThrow('more than 32768 bytes');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 << 20);
  });

  it('never gives wrong bytes silently for what is cut off at any place', async () => {
    const plain = headerBlock({ streamtype: 'stdout', requestid: '17', port: '8080' });
    const [whole = Buffer.alloc(0)] = await deflated([plain], { dictionary: HEADER_DICTIONARY });
    for (let length = 0; length < whole.length - 5; length++) {
      const read = (): unknown => new HeaderBlockReader().read(whole.subarray(0, length));
      expect(read, `of ${length} bytes`).toThrow();
    }
  });

  it('throws or gives bytes for random bytes, and never hangs', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        const inflate = new PiecewiseInflate(HEADER_DICTIONARY, 4096);
        const piece = Buffer.concat([Buffer.from([0x78, 0x01]), bytes]);
        let length = 0;
        try {
          length = inflate.inflate(piece).length;
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
        expect(length).toBeLessThanOrEqual(4096);
      }),
      { numRuns: 3000, seed: 7 },
    );
  });
});

describe('header blocks', () => {
  const headers = fc.dictionary(fc.stringMatching(/^[a-z-]{1,20}$/), fc.string({ maxLength: 50 }), { maxKeys: 8 });

  it('are read as zlib compressed them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(headers, { minLength: 1, maxLength: 5 }), async blocks => {
        const compressor = new Compressor();
        const reader = new HeaderBlockReader();
        for (const block of blocks) expect({ ...reader.read(await compressor.headers(block)) }).toEqual({ ...block });
      }),
      { numRuns: 50, seed: 3 },
    );
  });

  it('are written so that zlib reads them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(headers, { minLength: 1, maxLength: 5 }), async blocks => {
        const writer = new HeaderBlockWriter();
        const read = await zlibInflate(blocks.map(block => writer.write(block)));
        expect(read).toEqual(Buffer.concat(blocks.map(headerBlock)));
      }),
      { numRuns: 50, seed: 3 },
    );
  });

  it('end with an empty block each, without which Go reads none of them', () => {
    const writer = new HeaderBlockWriter();
    for (const headers of [{}, { a: 'b' }])
      expect(writer.write(headers).subarray(-5)).toEqual(Buffer.from([0, 0, 0, 0xff, 0xff]));
  });

  it.each<[string, Buffer, string]>([
    ['a count that is larger than what follows', numbers(3), 'header block is cut off'],
    ['more headers than anybody sends', numbers(101), 'header block has 101 headers'],
    ['a length beyond its end', numbers(1, 0xffffffff), 'header block is cut off'],
    [
      'a name twice',
      Buffer.concat([numbers(2, 1), Buffer.from('a'), numbers(0, 1), Buffer.from('A'), numbers(0)]),
      'header block has twice one name',
    ],
    ['an empty name', numbers(1, 0, 0), 'header block has an empty name'],
    ['bytes after its headers', numbers(0, 0), 'header block has more than its headers'],
  ])('are refused with %s', async (_, block, message) => {
    const reader = new HeaderBlockReader();
    const compressed = await new Compressor().compress(block);
    expect(() => reader.read(compressed)).toThrow(message);
  });
});

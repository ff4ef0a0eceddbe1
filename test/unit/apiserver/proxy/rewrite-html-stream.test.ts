import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { rewriteHtml } from '../../../../src/apiserver/proxy/rewrite-html-stream.ts';

const seen = (link: string): string => `/proxy${link}`;

describe('a document on its way', () => {
  it('is rewritten whole, with links over the borders of slices', async () => {
    const page = '<p><a href="/x">y</a></p>'.repeat(10_000);
    const out = await Readable.from([Buffer.from(page), Buffer.from('<a href=/z')])
      .pipe(rewriteHtml(seen))
      .toArray();
    expect(Buffer.concat(out).toString()).toBe(`${page.replaceAll('/x', '/proxy/x')}<a href=/z`);
  });

  it('lets the event loop go on within a large piece', async () => {
    let turns = 0;
    let going = true;
    const turn = (): void => {
      turns += 1;
      if (going) setImmediate(turn);
    };
    setImmediate(turn);
    const rewrite = rewriteHtml(seen);
    rewrite.end(Buffer.alloc(1024 * 1024, '<a href=/>'));
    await rewrite.toArray();
    going = false;
    expect(turns).toBeGreaterThanOrEqual(60);
  });

  it('is unpacked no further than a slow reader takes it', async () => {
    const bomb = gzipSync(Buffer.alloc(16 * 1024 * 1024, '<p>'));
    const gunzip = createGunzip();
    const rewrite = rewriteHtml(seen);
    let unpacked = 0;
    gunzip.on('data', (piece: Buffer) => {
      unpacked += piece.length;
    });
    gunzip.pause();
    const all = pipeline(Readable.from([bomb]), gunzip, rewrite);
    let taken = 0;
    let ahead = 0;
    for await (const piece of rewrite) {
      ahead = Math.max(ahead, unpacked - taken);
      taken += (piece as Buffer).length;
      await new Promise(resolve => setImmediate(resolve));
    }
    await all;
    expect(taken).toBe(16 * 1024 * 1024);
    expect(ahead).toBeLessThan(1024 * 1024);
  });
});

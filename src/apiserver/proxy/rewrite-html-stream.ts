import { Transform } from 'node:stream';
import { HtmlRewriter } from './rewrite-html.ts';

/** Bytes that are rewritten before others have their turn: a millisecond or so for a page of nothing but links. */
const SLICE = 16 * 1024;

/** A document on its way through an `HtmlRewriter`. It takes as much as its reader does, and lets the event loop go on between slices of a large piece. */
export function rewriteHtml(link: (link: string) => string): Transform {
  const rewriter = new HtmlRewriter(link);
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      let at = 0;
      const next = (): void => {
        if (this.destroyed) return;
        const slice = piece.subarray(at, at + SLICE);
        at += SLICE;
        const seen = rewriter.write(slice);
        if (at >= piece.length) {
          done(null, seen);
          return;
        }
        this.push(seen);
        setImmediate(next);
      };
      next();
    },
    flush: done => done(null, rewriter.end()),
  });
}

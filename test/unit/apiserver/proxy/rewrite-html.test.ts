import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HtmlRewriter } from '../../../../src/apiserver/proxy/rewrite-html.ts';

const rewritten = (pieces: readonly Buffer[]): string => {
  const rewriter = new HtmlRewriter(link => (link.startsWith('/') ? `/proxy${link}` : link));
  return Buffer.concat([...pieces.map(piece => rewriter.write(piece)), rewriter.end()]).toString();
};
const once = (text: string): string => rewritten([Buffer.from(text)]);

describe('the links of a document', () => {
  it.each([
    ['<a href="/x">/x</a>', '<a href="/proxy/x">/x</a>'],
    ["<A HREF='/x'>", "<A HREF='/proxy/x'>"],
    ['<a href=/x>', '<a href=/proxy/x>'],
    ['<img alt="a > b" src="/x.png"/>', '<img alt="a > b" src="/proxy/x.png"/>'],
    ['<a\n\thref = "/x"\n>', '<a\n\thref = "/proxy/x"\n>'],
    ['<form action="/do" method="/post">', '<form action="/proxy/do" method="/post">'],
    ['<p title="/x">', '<p title="/x">'],
    ['<a href="x">', '<a href="x">'],
    ['<a href="">', '<a href="">'],
    ['<!-- <a href="/x"> --><a href="/y">', '<!-- <a href="/x"> --><a href="/proxy/y">'],
    [
      '<script src="/x.js">if (a < b) "<a href=\'/y\'>"</script><a href="/z">',
      '<script src="/proxy/x.js">if (a < b) "<a href=\'/y\'>"</script><a href="/proxy/z">',
    ],
    ['<textarea><a href="/x"></TextArea ><a href="/y">', '<textarea><a href="/x"></TextArea ><a href="/proxy/y">'],
    ['1 < 2 <3 <a href="/x"', '1 < 2 <3 <a href="/x"'],
    ['grün <a href="/ü">', 'grün <a href="/proxy/ü">'],
    ['<!DOCTYPE html><html manifest="/m">', '<!DOCTYPE html><html manifest="/proxy/m">'],
  ])('%j become %j', (text, seen) => expect(once(text)).toBe(seen));

  it('are the same however the document is cut', () => {
    const text =
      '<p>ü<a href="/x">y</a><script>"</scrip <a href=/q>"</script><!-- > --><img src=\'/z\'> < <link href=/w >';
    const whole = once(text);
    fc.assert(
      fc.property(fc.array(fc.nat(Buffer.byteLength(text)), { maxLength: 6 }), cuts => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), Buffer.byteLength(text)];
        const pieces = at.slice(1).map((end, i) => Buffer.from(text).subarray(at[i], end));
        expect(rewritten(pieces)).toBe(whole);
      }),
      { seed: 5 },
    );
  });

  it('change nothing of bytes that are no HTML', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
        const rewriter = new HtmlRewriter(link => link);
        const out = Buffer.concat([rewriter.write(Buffer.from(bytes)), rewriter.end()]);
        expect(out.equals(Buffer.from(bytes))).toBe(true);
      }),
      { seed: 5 },
    );
  });

  it('let a tag that never ends through, and hold no more than it', () => {
    const rewriter = new HtmlRewriter(link => link);
    let out = 0;
    for (let i = 0; i < 40; i++) out += rewriter.write(Buffer.from(i === 0 ? '<a href="' : 'x'.repeat(10_000))).length;
    expect(out).toBeGreaterThan(300_000);
    expect(out + rewriter.end().length).toBe(390_009);
  });
});

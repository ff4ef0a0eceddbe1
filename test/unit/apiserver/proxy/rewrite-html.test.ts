import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HtmlRewriter } from '../../../../src/apiserver/proxy/rewrite-html.ts';
import { rewriteLink } from '../../../../src/apiserver/proxy/rewrite-link.ts';
import { cpuMs } from '../../../harness/cpu-time.ts';

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
    ['1 < 2 <3 <a href="/x', '1 < 2 <3 <a href="/x'],
    ['1 < 2 <<a href=/x', '1 < 2 <<a href=/x'],
    ['<a href=/x/>', '<a href=/proxy/x/>'],
    ['<a "href=/x">', '<a "href=/x">'],
    ['<a " href="/x">', '<a " href="/proxy/x">'],
    ['<a title=a"b href="/x">', '<a title=a"b href="/proxy/x">'],
    ['<a title="href=/x">', '<a title="href=/x">'],
    ['<a title=">" href=/x>', '<a title=">" href=/proxy/x>'],
    ['<a/href=/x>', '<a/href=/proxy/x>'],
    ['<a href href=/x>', '<a href href=/x>'],
    ['<a href=/x HREF=/y>', '<a href=/proxy/x HREF=/y>'],
    ['<a =href=/x>', '<a =href=/x>'],
    ['<a href=><a href=/x>', '<a href=><a href=/proxy/x>'],
    ['<input src=/a usemap=/b formaction=/c>', '<input src=/proxy/a usemap=/proxy/b formaction=/proxy/c>'],
    ['</a href=/x></><a href=/y>', '</a href=/x></><a href=/proxy/y>'],
    ['</a title=">"href=/x>', '</a title=">"href=/x>'],
    [
      '<constructor href=/x><abbreviationabbreviation href=/x>',
      '<constructor href=/x><abbreviationabbreviation href=/x>',
    ],
    ['<?php "<a href=/x>"?><a href=/y>', '<?php "<a href=/x>"?><a href=/proxy/y>'],
    ['<!--><a href=/x><!---><a href=/x>', '<!--><a href=/proxy/x><!---><a href=/proxy/x>'],
    ['<!-- - -- > --!><a href=/x><!->', '<!-- - -- > --!><a href=/proxy/x><!->'],
    ['<!----!-><a href=/x>--><a href=/y>', '<!----!-><a href=/x>--><a href=/proxy/y>'],
    ['<title><</titles></title/><a href=/x>', '<title><</titles></title/><a href=/proxy/x>'],
    ['<script/><a href=/x></script><a href=/y>', '<script/><a href=/x></script><a href=/proxy/y>'],
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

  it('are the same in documents of any parts, byte by byte', () => {
    const part = fc.constantFrom(
      ...['<a', '<img', '<title', '<script', '</', '</script', '</title', '<!', '<!--', '--', '-', '!', '?', '<', '>'],
      ...[' ', '\n', '/', '=', '"', "'", 'href', 'src', ' href="/x"', " src='/y'", ' href=/z', 'x', 'ü'],
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), parts => {
        const bytes = Buffer.from(parts.join(''));
        expect(rewritten([...bytes].map(byte => Buffer.from([byte])))).toBe(rewritten([bytes]));
      }),
      { seed: 5, numRuns: 1000 },
    );
  });

  it.each([4096, 4097])('of %i characters are rewritten up to 4,096, however they come', length => {
    const link = `/${'x'.repeat(length - 1)}`;
    const text = `<a href="${link}"><a href="/y">`;
    const seen = `<a href="${length <= 4096 ? '/proxy' : ''}${link}"><a href="/proxy/y">`;
    expect(once(text)).toBe(seen);
    expect(rewritten([...Buffer.from(text)].map(byte => Buffer.from([byte])))).toBe(seen);
  });

  it.each(['<a href="', '<a href=', '<a title="', '<a ', '<a', '</', '<!--', '<!', '<script>'])(
    'keep no more than 4 KiB waiting, behind %j',
    begin => {
      const rewriter = new HtmlRewriter(link => link);
      let given = 0;
      let out = 0;
      for (let i = 0; i < 20; i++) {
        const piece = Buffer.from(i === 0 ? begin : 'x'.repeat(1000));
        given += piece.length;
        out += rewriter.write(piece).length;
        expect(given - out).toBeLessThanOrEqual(4096);
      }
      expect(out + rewriter.end().length).toBe(given);
    },
  );
});

describe('a document that was made to hold the server up', () => {
  const context = { before: '/api/v1/namespaces/a/pods/b/proxy', hosts: ['10.0.0.1:80'], requestHost: '' };
  const PIECE = 64 * 1024;
  const filled = (unit: string): Buffer => Buffer.alloc(PIECE, unit, 'latin1');

  it.each([
    ['tags in tags', '', '<a'],
    ['tags that do not end', '', '<a '],
    ['quotes that do not end', '', '<a "'],
    ['values that do not end', '', '<a href="'],
    ['end tags that do not end', '', '</'],
    ['comments in comments', '', '<!--'],
    ['hyphens', '<!--', '-'],
    ['declarations', '', '<!'],
    ['mere brackets', '', '<'],
    ['a name', '<', 'a'],
    ['an attribute', '<a ', 'x'],
    ['attributes', '<a ', 'x '],
    ['many links of one tag', '<a ', 'href=/ '],
    ['signs of equality', '<a ', '='],
    ['a bare value', '<a href=', 'x'],
    ['a quoted value', '<a href="', 'x'],
    ['space', '<a href ', ' '],
    ['a script of beginnings', '<script>', '<'],
    ['a script of ends', '<script>', '</script'],
    ['a script of other ends', '<script>', '</scripts>'],
    ['links', '', '<a href=/>'],
    ['links that go up', '', `<a href=/${'x'.repeat(2000)}${'/a/..'.repeat(400)}>`],
  ])('takes 50 ms of CPU time per 64 KiB at most: %s', (_what, begin, unit) => {
    const rewriter = new HtmlRewriter(link => rewriteLink(link, context));
    const pieces = [Buffer.from(begin), ...Array<Buffer>(8).fill(filled(unit))];
    let out = 0;
    const spent = cpuMs(() => {
      for (const piece of pieces) out += rewriter.write(piece).length;
      out += rewriter.end().length;
    });
    expect(out).toBeGreaterThan(4 * PIECE); // links that go up become shorter
    expect(spent).toBeLessThan(8 * 50);
  });
});

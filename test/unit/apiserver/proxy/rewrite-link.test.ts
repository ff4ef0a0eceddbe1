import { describe, expect, it } from 'vitest';
import { rewriteLink } from '../../../../src/apiserver/proxy/rewrite-link.ts';

const context = { before: '/proxy', hosts: ['10.0.0.1:80', 'localhost:8001'], requestHost: 'localhost:8001' };

describe('a link of a backend', () => {
  it.each([
    ['/a?b=c#d', '/proxy/a?b=c#d'],
    ['/a/', '/proxy/a/'],
    ['/', '/proxy/'],
    ['http://10.0.0.1:80/a', '/proxy/a'],
    ['//10.0.0.1:80/a', '/proxy/a'],
    ['http://localhost:8001/a', 'http://localhost:8001/proxy/a'],
    ['/proxy/a', '/proxy/a'],
    ['http://localhost:8001/proxy/a', 'http://localhost:8001/proxy/a'],
    ['a/b', 'a/b'],
    ['../b', '../b'],
    ['#top', '#top'],
    ['', ''],
    ['/a//b/./c', '/proxy/a/b/c'],
    ['/a/../b', '/proxy/b'],
    ['/.a/..b', '/proxy/.a/..b'],
    ['http://example.org/a', 'http://example.org/a'],
    ['//example.org/a', '//example.org/a'],
    ['mailto:jane@example.org', 'mailto:jane@example.org'],
    ['http://10.0.0.1:80', 'http://10.0.0.1:80'],
  ])('%j is seen as %j', (link, seen) => expect(rewriteLink(link, context)).toBe(seen));

  it('goes through a prefix that is tidied with it', () =>
    expect(rewriteLink('/a', { ...context, before: '/x//proxy/' })).toBe('/x/proxy/a'));
});

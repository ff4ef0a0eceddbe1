import { describe, expect, it } from 'vitest';
import { escapedPath, pathBefore, proxiedPath } from '../../../../src/apiserver/proxy/proxied-path.ts';
import { requestInfo } from '../../../../src/apiserver/request-info.ts';

const PROXY = '/api/v1/namespaces/a/pods/x/proxy';
const behind = (path: string) => proxiedPath(requestInfo('GET', path, new URLSearchParams()));

describe('the path behind a proxy', () => {
  it.each([
    ['', ''],
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/b/', '/a/b/'],
    ['/a//b', '/a/b'],
    ['/a/../../../b', '/b'],
    ['/..', '/'],
    ['/a b?c', '/a b?c'],
  ])('of …/proxy%s is %j', (rest, path) => expect(behind(`${PROXY}${rest}`)).toBe(path));

  it.each([
    ['/a b?c#d', '/a%20b%3Fc%23d'],
    ["/a'(b)*!", '/a%27%28b%29%2A%21'],
    ['/a;b=c&d@e:f+g,$', '/a;b=c&d@e:f+g,$'],
    ['/grün', '/gr%C3%BCn'],
    ['/100%', '/100%25'],
    ['/a\r\nHost: b', '/a%0D%0AHost:%20b'],
  ])('%j is sent as %s', (path, sent) => expect(escapedPath(path)).toBe(sent));

  it.each([
    [`${PROXY}/a/b`, '/a/b', PROXY],
    [`${PROXY}/`, '/', PROXY],
    [`${PROXY}/a//b`, '/a/b', `${PROXY}/a//b`],
  ])('%s with %s has %s in front', (path, proxied, before) => expect(pathBefore(path, proxied)).toBe(before));
});

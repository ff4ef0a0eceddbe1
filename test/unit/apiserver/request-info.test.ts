import { describe, expect, it } from 'vitest';
import { isLongRunning, isMutating, type RequestInfo, requestInfo } from '../../../src/apiserver/request-info.ts';

const info = (method: string, url: string): RequestInfo => {
  const [path = '', query = ''] = url.split('?');
  return requestInfo(method, path, new URLSearchParams(query));
};

/** method, url, and: verb, group, version, namespace, resource, subresource, name. */
const RESOURCES: readonly (readonly [string, string, readonly string[]])[] = [
  ['GET', '/api/v1/namespaces', ['list', '', 'v1', '', 'namespaces', '', '']],
  ['GET', '/api/v1/namespaces/other', ['get', '', 'v1', 'other', 'namespaces', '', 'other']],
  ['GET', '/api/v1/namespaces/other/pods', ['list', '', 'v1', 'other', 'pods', '', '']],
  ['GET', '/api/v1/namespaces/other/pods/foo', ['get', '', 'v1', 'other', 'pods', '', 'foo']],
  ['HEAD', '/api/v1/namespaces/other/pods/foo', ['get', '', 'v1', 'other', 'pods', '', 'foo']],
  ['GET', '/api/v1/pods', ['list', '', 'v1', '', 'pods', '', '']],
  ['GET', '/api/v1/pods/', ['list', '', 'v1', '', 'pods', '', '']],
  ['GET', '/api/v1/nodes/n/status', ['get', '', 'v1', '', 'nodes', 'status', 'n']],
  ['POST', '/api/v1/namespaces/a/pods', ['create', '', 'v1', 'a', 'pods', '', '']],
  ['POST', '/api/v1/namespaces/a/pods/p/binding', ['create', '', 'v1', 'a', 'pods', 'binding', 'p']],
  ['PUT', '/api/v1/namespaces/a/pods/p', ['update', '', 'v1', 'a', 'pods', '', 'p']],
  ['PATCH', '/api/v1/namespaces/a/pods/p/status', ['patch', '', 'v1', 'a', 'pods', 'status', 'p']],
  ['DELETE', '/api/v1/namespaces/a/pods/p', ['delete', '', 'v1', 'a', 'pods', '', 'p']],
  ['DELETE', '/api/v1/namespaces/a/pods', ['deletecollection', '', 'v1', 'a', 'pods', '', '']],
  ['DELETE', '/api/v1/namespaces/a', ['delete', '', 'v1', 'a', 'namespaces', '', 'a']],
  ['PUT', '/api/v1/namespaces/a/finalize', ['update', '', 'v1', 'a', 'namespaces', 'finalize', 'a']],
  ['PUT', '/api/v1/namespaces/a/status', ['update', '', 'v1', 'a', 'namespaces', 'status', 'a']],
  ['GET', '/apis/apps/v1/namespaces/a/deployments/d/scale', ['get', 'apps', 'v1', 'a', 'deployments', 'scale', 'd']],
  ['GET', '/apis/apps/v1/deployments', ['list', 'apps', 'v1', '', 'deployments', '', '']],
  ['GET', '/api/v1/watch/pods', ['watch', '', 'v1', '', 'pods', '', '']],
  ['GET', '/api/v1/watch/namespaces/a/pods/p', ['watch', '', 'v1', 'a', 'pods', '', 'p']],
  ['GET', '/api/v1/proxy/namespaces/a/pods/p/x/y', ['proxy', '', 'v1', 'a', 'pods', '', 'p']],
  ['GET', '/api/v1/namespaces/a/pods/p/proxy/x/y', ['get', '', 'v1', 'a', 'pods', 'proxy', 'p']],
  ['GET', '/api/v1/pods?watch=true', ['watch', '', 'v1', '', 'pods', '', '']],
  ['GET', '/api/v1/pods?watch=', ['watch', '', 'v1', '', 'pods', '', '']],
  ['GET', '/api/v1/pods?watch=0', ['list', '', 'v1', '', 'pods', '', '']],
  ['GET', '/api/v1/pods?watch=False', ['list', '', 'v1', '', 'pods', '', '']],
  ['GET', '/api/v1/nodes?fieldSelector=metadata.name%3Dn1&watch=1', ['watch', '', 'v1', '', 'nodes', '', 'n1']],
  ['GET', '/api/v1/nodes?fieldSelector=metadata.name%3Da%2Fb', ['list', '', 'v1', '', 'nodes', '', '']],
  ['GET', '/api/v1/nodes?fieldSelector=metadata.name%3Dn1&labelSelector=%3D', ['list', '', 'v1', '', 'nodes', '', '']],
  ['DELETE', '/api/v1/pods?fieldSelector=metadata.name%3Dx', ['deletecollection', '', 'v1', '', 'pods', '', '']],
  ['TRACE', '/api/v1/pods', ['', '', 'v1', '', 'pods', '', '']],
  ['GET', '/api/v1/__proto__/constructor', ['get', '', 'v1', '', '__proto__', '', 'constructor']],
];

const OTHERS: readonly string[] = [
  '/',
  '',
  '/api',
  '/api/v1',
  '/apis',
  '/apis/apps',
  '/apis/apps/v1',
  '/healthz',
  '/version',
  '/foo/v1/pods',
];

describe('request info', () => {
  it.each(RESOURCES)('%s %s', (method, url, expected) => {
    const { isResourceRequest, verb, apiGroup, apiVersion, namespace, resource, subresource, name } = info(method, url);
    expect(isResourceRequest).toBe(true);
    expect([verb, apiGroup, apiVersion, namespace, resource, subresource, name]).toEqual(expected);
  });

  it.each(OTHERS)('%j is about no resource', path => {
    expect(info('GET', path)).toMatchObject({ isResourceRequest: false, verb: 'get', path });
  });

  it('keeps the selectors of lists, not those of the old watch paths', () => {
    expect(info('GET', '/api/v1/pods?fieldSelector=a%3Db&labelSelector=c')).toMatchObject({
      fieldSelector: 'a=b',
      labelSelector: 'c',
    });
    expect(info('GET', '/api/v1/watch/pods?fieldSelector=a%3Db')).toMatchObject({ fieldSelector: '' });
    expect(info('GET', '/api/v1/pods/x?fieldSelector=a%3Db')).toMatchObject({ fieldSelector: '' });
  });

  it('refuses a special verb with nothing behind it', () => {
    expect(() => info('GET', '/api/v1/watch')).toThrow(
      'unable to determine kind and namespace from url, /api/v1/watch',
    );
  });

  it('knows what runs long', () => {
    const long = [
      '/api/v1/pods?watch=1',
      '/api/v1/namespaces/a/pods/p/log',
      '/api/v1/namespaces/a/pods/p/exec',
      '/api/v1/proxy/nodes/n',
    ];
    expect(long.map(url => isLongRunning(info('GET', url)))).toEqual([true, true, true, true]);
    expect(isLongRunning(info('GET', '/api/v1/pods'))).toBe(false);
    expect(isLongRunning(info('GET', '/healthz'))).toBe(false);
  });

  it('knows what changes something', () => {
    expect(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].map(method => isMutating(info(method, '/api/v1/pods/x')))).toEqual(
      [false, true, true, true, true],
    );
  });
});

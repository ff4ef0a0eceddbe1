import { get } from 'node:http';
import { describe, expect, it } from 'vitest';
import { healthServer } from '../../../src/daemon/health-server.ts';
import { Registry } from '../../../src/daemon/metrics.ts';
import { requestUrl } from '../../../src/daemon/request-url.ts';

describe('the target of a request', () => {
  it.each([
    ['/healthz?verbose', '/healthz'],
    ['//', '//'],
    ['//evil/healthz', '//evil/healthz'],
    ['http://other:99999999/x', undefined],
    ['http://other/x', '/x'],
    ['*', undefined],
    ['/%zz', '/%zz'],
  ])('%s', (target, expected) => {
    expect(requestUrl(target)?.pathname).toBe(expected);
  });

  it.each([
    ['//', 404],
    ['//[', 404],
    ['http://x:99999999', 400],
  ])('that is %s is answered, and the server lives on', async (path, expected) => {
    const ending = new AbortController();
    const port = await new Promise<number>(resolve => {
      const options = { host: '127.0.0.1', port: 0, checks: [], registry: new Registry(), onListening: resolve };
      void healthServer(options).run(ending.signal, () => {});
    });
    const status = (asked: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        get({ host: '127.0.0.1', port, path: asked, agent: false }, response => {
          response.resume();
          resolve(response.statusCode);
        }).on('error', reject);
      });
    expect(await status(path)).toBe(expected);
    expect(await status('/healthz')).toBe(200);
    ending.abort();
  });
});

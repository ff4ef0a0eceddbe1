import { describe, expect, it } from 'vitest';
import { notFoundResponse } from '../../../../src/apiserver/http.ts';
import { newContext } from '../../../../src/apiserver/pipeline/context.ts';
import { type NamedCheck, pingCheck, shutdownCheck } from '../../../../src/apiserver/serve/health.ts';
import { metaEndpoints } from '../../../../src/apiserver/serve/meta-endpoints.ts';
import { createLogger } from '../../../../src/daemon/logger.ts';
import { Registry } from '../../../../src/daemon/metrics.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { requestOf } from '../requests.ts';

const version = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.0+gantry.1',
  gitCommit: '',
  gitTreeState: '',
  buildDate: '',
  goVersion: '',
  compiler: '',
  platform: 'linux/amd64',
};
const clock = new FakeClock();
const stopping = new AbortController();
const etcd = { name: 'etcd', check: () => Promise.reject(new Error('connection refused')) };
const serverOf = (liveness: readonly NamedCheck[]) => {
  const handler = metaEndpoints(
    {
      version,
      registry: new Registry(),
      livenessChecks: liveness,
      readinessChecks: [...liveness, shutdownCheck(stopping.signal)],
      otherPaths: ['/api', '/apis'],
      clock,
      log: createLogger({ daemon: 'test', level: 'silent' }),
    },
    async () => notFoundResponse(),
  );
  return (url: string) => handler(newContext(requestOf({ url })));
};
const well = serverOf([pingCheck]);
const ill = serverOf([pingCheck, etcd]);

describe('the index', () => {
  it.each(['/', '/index.html'])('is at %s and lists every path in order', async url => {
    const { body } = await well(url);
    expect(JSON.parse(String(body))).toEqual({
      paths: [
        '/api',
        '/apis',
        '/healthz',
        '/healthz/ping',
        '/livez',
        '/livez/ping',
        '/metrics',
        '/readyz',
        '/readyz/ping',
        '/readyz/shutdown',
        '/version',
      ],
    });
  });
});

describe('health', () => {
  it.each([
    ['/healthz', 'ok'],
    ['/livez/', 'ok'],
    ['/livez?verbose', '[+]ping ok\nlivez check passed\n'],
    ['/readyz?verbose', '[+]ping ok\n[+]shutdown ok\nreadyz check passed\n'],
    [
      '/readyz?verbose&exclude=ping&exclude=nothing',
      '[+]ping excluded: ok\n[+]shutdown ok\nwarn: some health checks cannot be excluded: no matches for "nothing"\nreadyz check passed\n',
    ],
    ['/livez/ping', 'ok'],
  ])('%s', async (url, body) => {
    expect(await well(url)).toMatchObject({ status: 200, body });
  });

  it('tells every check when one fails, but not why', async () => {
    expect(await ill('/livez')).toMatchObject({
      status: 500,
      body: '[+]ping ok\n[-]etcd failed: reason withheld\nlivez check failed\n',
    });
  });

  it('tells why to who asks for that check', async () => {
    expect(await ill('/livez/etcd')).toMatchObject({
      status: 500,
      body: 'internal server error: connection refused\n',
    });
    expect(await ill('/livez?exclude=etcd')).toMatchObject({ status: 200 });
    expect(await ill('/livez/other')).toMatchObject({ status: 404 });
  });

  it('is told within 2 s, whatever the checks wait for', async () => {
    const silent = ['etcd', 'other'].map(name => ({ name, check: () => new Promise<void>(() => {}) }));
    const answer = serverOf([pingCheck, ...silent])('/livez');
    await clock.advance(2000);
    expect(await answer).toMatchObject({
      status: 500,
      body: '[+]ping ok\n[-]etcd failed: reason withheld\n[-]other failed: reason withheld\nlivez check failed\n',
    });
    expect(clock.pending).toBe(0);
  });

  it('is not ready once it stops, and alive all the same', async () => {
    stopping.abort();
    expect((await well('/readyz')).status).toBe(500);
    expect((await well('/livez')).status).toBe(200);
  });
});

describe('what else is about the server', () => {
  it('answers its version and its metrics, and leaves the rest to others', async () => {
    expect(JSON.parse(String((await well('/version')).body))).toEqual(version);
    expect((await well('/metrics')).headers['content-type']).toContain('text/plain');
    expect(await well('/nothing')).toMatchObject({ status: 404, body: '404 page not found\n' });
  });
});

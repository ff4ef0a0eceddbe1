import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ApiConnection } from '../../../../src/client/connection.ts';
import { serverAccess } from '../../../../src/cmd/kubelet-server.ts';
import { createLogger } from '../../../../src/daemon/logger.ts';
import { defaultKubeletConfiguration } from '../../../../src/kubelet/configuration.ts';
import { subresourcesOf, verbOf } from '../../../../src/kubelet/serve/rights.ts';
import { servingCertificate } from '../../../../src/kubelet/serve/serving-certificate.ts';
import { TimedCache } from '../../../../src/kubelet/serve/timed-cache.ts';
import { parseCertificate } from '../../../../src/pki/certificate.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { TestAuthority } from '../../../harness/test-authority.ts';

const log = createLogger({ daemon: 'test', level: 'silent' });

describe('what a request touches', () => {
  it.each([
    ['/pods', 'pods,proxy'],
    ['/pods/', 'pods,proxy'],
    ['/podsx', 'proxy'],
    ['/healthz', 'healthz,proxy'],
    ['/metrics/cadvisor', 'metrics'],
    ['/stats/summary', 'stats'],
    ['/logs/syslog', 'log'],
    ['/containerLogs/a/b/c', 'proxy'],
    ['/exec/a/b/c', 'proxy'],
    ['/attach/a/b/c', 'proxy'],
    ['/run/a/b/c', 'proxy'],
    ['/portForward/a/b', 'proxy'],
    ['/runningpods', 'pods,proxy'],
    ['/runningpods/', 'pods,proxy'],
    ['/stats', 'stats'],
    ['/stats/', 'stats'],
    ['/statsx', 'proxy'],
    ['/metrics', 'metrics'],
    ['/metrics/resource', 'metrics'],
    ['/metrics/probes', 'metrics'],
    ['/metricsx', 'proxy'],
    ['/', 'proxy'],
  ])('%s is %s', (path, subresources) => expect(subresourcesOf(path).join()).toBe(subresources));

  it.each([
    ['GET', 'get'],
    ['POST', 'create'],
    ['PUT', 'update'],
    ['PATCH', 'patch'],
    ['DELETE', 'delete'],
    ['OPTIONS', ''],
  ])('%s stands for %j', (method, verb) => expect(verbOf(method)).toBe(verb));
});

describe('whom a kubelet lets into pods', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-access-'));
    writeFileSync(`${directory}/ca.crt`, new TestAuthority().pem);
  });
  afterEach(() => rmSync(directory, { recursive: true }));
  const api = {} as ApiConnection;

  it.each<[string, { api?: ApiConnection; ca?: boolean; anonymous?: boolean; mode?: string }, string, boolean]>([
    ['nobody without an API server and a client CA', {}, '127.0.0.1', false],
    ['all of the machine then, where its configuration says so', { mode: 'AlwaysAllow' }, '127.0.0.1', true],
    ['who has a certificate of its client CA', { ca: true }, '0.0.0.0', true],
    ['nobody with a client CA where nobody has to show one', { ca: true, anonymous: true }, '0.0.0.0', false],
    ['all then, where its configuration says so', { ca: true, anonymous: true, mode: 'AlwaysAllow' }, '0.0.0.0', true],
    ['whom the API server lets', { api }, '0.0.0.0', true],
    ['anonymous users whom the API server lets', { api, anonymous: true }, '0.0.0.0', true],
  ])('is %s', (_sentence, { api: connection, ca = false, anonymous = false, mode = 'Webhook' }, host, entersPods) => {
    const config = defaultKubeletConfiguration();
    const access = serverAccess(
      ca ? { clientCaFile: `${directory}/ca.crt` } : {},
      {
        ...config,
        authentication: { ...config.authentication, anonymous: { enabled: anonymous } },
        authorization: { ...config.authorization, mode },
      },
      {
        connection,
        nodeName: 'n1',
        ips: ['192.0.2.1'],
        certificateDir: directory,
        servingLifeMs: 86_400_000,
        onRotationFailure: () => {},
        log,
      },
    );
    expect([access.host, access.entersPods]).toEqual([host, entersPods]);
    expect(access.rights !== undefined).toBe(connection !== undefined);
  });
});

describe('a cache of answers', () => {
  it('asks once while an answer holds, shares a question, and forgets the oldest', async () => {
    const clock = new FakeClock();
    const cache = new TimedCache<number>(2, clock);
    let asked = 0;
    const ask = async () => {
      asked += 1;
      return { value: asked, ttlMs: 1000 };
    };
    expect(await Promise.all([cache.get('a', ask), cache.get('a', ask)])).toEqual([1, 1]);
    expect(await cache.get('a', ask)).toBe(1);
    await clock.advance(1001);
    expect(await cache.get('a', ask)).toBe(2);
    await cache.get('b', ask);
    await cache.get('c', ask);
    expect(await cache.get('a', ask)).toBe(5);
  });

  it('does not keep a failure', async () => {
    const cache = new TimedCache<number>(2, new FakeClock());
    await expect(cache.get('a', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(await cache.get('a', async () => ({ value: 1, ttlMs: 1 }))).toBe(1);
  });
});

describe('the serving certificate of a kubelet', () => {
  const NOW = Date.parse('2026-01-02T03:04:05Z');
  const node = { name: 'n1', ips: ['192.0.2.1'] };
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-serving-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is made for the names of the node, and kept', () => {
    const made = servingCertificate(directory, node, NOW);
    const certificate = parseCertificate(made.cert);
    expect([certificate.checkHost('n1'), certificate.checkIP('192.0.2.1')]).toEqual(['n1', '192.0.2.1']);
    expect(servingCertificate(directory, node, NOW)).toEqual(made);
  });

  it.each<[string, () => { name: string; ips: string[] }, number]>([
    ['for another address', () => ({ name: 'n1', ips: ['192.0.2.2'] }), NOW],
    ['when it is about to be over', () => ({ name: 'n1', ips: ['192.0.2.1'] }), NOW + 365 * 86_400_000],
    [
      'when its key is another',
      () => {
        const other = mkdtempSync(join(directory, 'other-'));
        writeFileSync(`${directory}/kubelet.key`, servingCertificate(other, node, NOW).key);
        return { name: 'n1', ips: ['192.0.2.1'] };
      },
      NOW,
    ],
    [
      'when it cannot be read',
      () => {
        writeFileSync(`${directory}/kubelet.crt`, 'no certificate');
        return { name: 'n1', ips: ['192.0.2.1'] };
      },
      NOW,
    ],
  ])('is made anew %s', (_what, change, now) => {
    const before = servingCertificate(directory, node, NOW);
    const wanted = change();
    const made = servingCertificate(directory, wanted, now);
    expect(made.cert).not.toBe(before.cert);
    expect(readFileSync(`${directory}/kubelet.crt`, 'utf8')).toBe(made.cert);
  });
});

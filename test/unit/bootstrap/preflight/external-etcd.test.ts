import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readExternalEtcd } from '../../../../src/bootstrap/preflight/external-etcd.ts';
import {
  type EndpointFailure,
  type ExternalEtcdAccess,
  type ExternalEtcdFacts,
  endpointProblem,
  externalEtcdFindings,
} from '../../../../src/bootstrap/preflight/external-etcd-plan.ts';
import { TestAuthority } from '../../../harness/test-authority.ts';

const ACCESS: ExternalEtcdAccess = {
  endpoints: ['https://e:2379'],
  httpEndpoints: ['https://e:2379'],
  caFile: '/e/ca.crt',
  certFile: '/e/client.crt',
  keyFile: '/e/client.key',
  isOurs: false,
};
const PLAIN: ExternalEtcdAccess = { ...ACCESS, caFile: '', certFile: '', keyFile: '' };

describe('what is said of an external etcd', () => {
  const WELL: ExternalEtcdFacts = {
    access: ACCESS,
    fileProblems: [],
    versions: [{ endpoint: 'https://e:2379', version: '3.5.0' }],
    stores: [{ endpoint: 'https://e:2379', keys: 0 }],
  };
  const found = (facts: Partial<ExternalEtcdFacts>) =>
    externalEtcdFindings({ ...WELL, ...facts }).map(
      ({ severity, check, message }) => `${severity} ${check}: ${message}`,
    );

  it('is nothing where it is new enough, serves, and is empty', () => {
    expect(found({})).toEqual([]);
  });

  it.each<[string, Partial<ExternalEtcdFacts>, string]>([
    ['of a file', { fileProblems: ['/e/ca.crt is bad'] }, 'error ExternalEtcdClientCertificates: /e/ca.crt is bad'],
    [
      'of an old one',
      { versions: [{ endpoint: 'https://e:2379', version: '3.3.25' }] },
      'error ExternalEtcdVersion: this version requires etcd version >= 3.4. Current version of https://e:2379: 3.3.25',
    ],
    [
      'of something else',
      { versions: [{ endpoint: 'https://e:2379', version: '' }] },
      'error ExternalEtcdVersion: https://e:2379: what answers there tells no version of an etcd',
    ],
    [
      'of one that is not there',
      { versions: [{ endpoint: 'https://e:2379', failure: { code: 'ECONNREFUSED', message: 'x' } }], stores: [] },
      'error ExternalEtcdVersion: https://e:2379: nothing listens there (connection refused): does etcd run, and listen for clients on this address?',
    ],
    [
      'of one without a leader',
      { stores: [{ endpoint: 'https://e:2379', failure: { code: '', message: 'no leader' } }] },
      'error ExternalEtcdHealth: https://e:2379 tells its version and does not serve keys: no leader',
    ],
    [
      'of one with a cluster in it',
      { stores: [{ endpoint: 'https://e:2379', keys: 7 }] },
      'warning ExternalEtcdData: there are 7 keys below /registry/ in the external etcd already, of an older cluster or of one that runs: two clusters cannot share one',
    ],
  ])('%s', (_, facts, expected) => {
    expect(found(facts)).toEqual([expected]);
  });

  it('is nothing of the keys of a cluster that was begun here', () => {
    const stores = [{ endpoint: 'https://e:2379', keys: 7 }];
    expect(found({ stores, access: { ...ACCESS, isOurs: true } })).toEqual([]);
  });
});

describe('why an endpoint was asked in vain', () => {
  it.each<[string, Partial<EndpointFailure>, ExternalEtcdAccess, string]>([
    ['https://e:2379', { code: 'ENOTFOUND' }, ACCESS, 'the name e does not resolve (ENOTFOUND)'],
    ['https://e:2379', { code: 'ENETUNREACH' }, ACCESS, 'there is no route to e (ENETUNREACH)'],
    ['https://e:2379', { code: 'ETIMEDOUT', message: 'no answer within 5 s' }, ACCESS, 'no answer within 5 s: is the'],
    ['https://e:2379', { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }, ACCESS, 'its certificate does not hold for e'],
    ['https://e:2379', { code: 'CERT_HAS_EXPIRED' }, ACCESS, "its certificate has expired, by this machine's clock"],
    ['https://e:2379', { code: 'CERT_NOT_YET_VALID' }, ACCESS, 'its certificate does not hold yet'],
    ['https://e:2379', { code: 'SELF_SIGNED_CERT_IN_CHAIN' }, ACCESS, 'not signed by the CA in /e/ca.crt'],
    ['https://e:2379', { code: 'ERR_SSL_WRONG_VERSION_NUMBER' }, ACCESS, 'it does not speak TLS'],
    [
      'https://e:2379',
      {
        code: 'ECONNRESET',
        message: 'Client network socket disconnected before secure TLS connection was established',
      },
      ACCESS,
      'it does not speak TLS',
    ],
    ['https://e:2379', { code: 'ECONNRESET', plainHttp: true }, ACCESS, 'it does not speak TLS'],
    ['https://e:2379', { code: 'ECONNRESET', plainHttp: false }, ACCESS, 'it does not take the client certificate'],
    [
      'https://e:2379',
      { code: 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE' },
      ACCESS,
      'it does not take the client certificate /e/client.crt',
    ],
    [
      'https://e:2379',
      { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' },
      { ...ACCESS, certFile: '', keyFile: '' },
      'where it asks for client certificates, give certFile and keyFile',
    ],
    ['http://e:2379', { code: 'ECONNRESET' }, PLAIN, 'where etcd is set up for TLS, write https://'],
    ['http://e:2379', { message: 'it answers HTTP 400' }, PLAIN, 'where etcd is set up for TLS, write https://'],
    ['http://e:2379', { message: 'it answers HTTP 500' }, PLAIN, 'it answers HTTP 500'],
  ])('%s %j', (endpoint, failure, access, expected) => {
    expect(endpointProblem(endpoint, { code: '', message: 'x', ...failure }, access)).toContain(expected);
  });
});

describe('an external etcd', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'gantry-external-etcd-'));
    const authority = new TestAuthority();
    const client = authority.issue('c', [], 'clientAuth');
    const other = authority.issue('o', [], 'serverAuth');
    const past = { notBefore: new Date(Date.now() - 7_200_000), notAfter: new Date(Date.now() - 3_600_000) };
    const old = authority.issue('c', [], 'clientAuth', past);
    const ahead = { notBefore: new Date(Date.now() + 3_600_000), notAfter: new Date(Date.now() + 7_200_000) };
    const early = authority.issue('c', [], 'clientAuth', ahead);
    const files = {
      'ca.crt': authority.pem,
      'client.crt': client.cert,
      'client.key': client.key,
      'server.crt': other.cert,
      'server.key': other.key,
      'old.crt': old.cert,
      'old.key': old.key,
      'early.crt': early.cert,
      'early.key': early.key,
      'text.crt': 'hello',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each<[string, string, string, string]>([
    ['none.crt', 'client.crt', 'client.key', "/none.crt doesn't exist"],
    ['text.crt', 'client.crt', 'client.key', '/text.crt: '],
    ['ca.crt', 'client.crt', 'server.key', '/server.key is not the key of '],
    ['ca.crt', 'server.crt', 'server.key', '/server.crt is no certificate of a client'],
    ['ca.crt', 'old.crt', 'old.key', '/old.crt has expired at '],
    ['ca.crt', 'early.crt', 'early.key', '/early.crt is not valid before '],
  ])('is not asked with the files %s, %s, %s', async (ca, cert, key, problem) => {
    const [caFile, certFile, keyFile] = [ca, cert, key].map(name => join(folder, name)) as [string, string, string];
    const facts = await readExternalEtcd({ ...ACCESS, caFile, certFile, keyFile });
    expect(facts).toMatchObject({ fileProblems: [expect.stringContaining(problem)], versions: [], stores: [] });
  });

  it('says its version, or why not', async () => {
    const server = createServer((request, response) => {
      response.statusCode = request.url === '/version' ? 200 : 500;
      response.end('{"etcdserver":"3.5.21","etcdcluster":"3.5.0"}');
    }).listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const endpoint = `http://127.0.0.1:${port}`;
    const ask = (httpEndpoint: string) =>
      readExternalEtcd({ ...PLAIN, endpoints: [endpoint], httpEndpoints: [httpEndpoint] });
    const well = await ask(endpoint);
    expect(well.versions).toEqual([{ endpoint, version: '3.5.21' }]);
    // it is no etcd
    expect(well.stores).toEqual([{ endpoint, failure: expect.objectContaining({ code: 'unavailable' }) }]);
    expect((await ask(`${endpoint}/x`)).versions).toEqual([
      { endpoint: `${endpoint}/x`, failure: { code: '', message: 'it answers HTTP 500' } },
    ]);
    server.close();
  });
  it.each([true, false])('that resets connections by TLS is asked without: answered %s', async answers => {
    const server = createTcpServer(socket => {
      socket.on('error', () => {});
      socket.once('data', ([first]) => {
        // a handshake begins with 22
        if (first === 22 || !answers) socket.resetAndDestroy();
        else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n{"etcdserver":"3.4.23"}');
      });
    }).listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));
    const endpoint = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { versions } = await readExternalEtcd({ ...PLAIN, endpoints: [endpoint], httpEndpoints: [endpoint] });
    expect(versions).toEqual([
      { endpoint, failure: { code: 'ECONNRESET', message: expect.any(String), plainHttp: answers } },
    ]);
    server.close();
  });
});

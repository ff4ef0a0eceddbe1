import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkDiscoveryFile, discoverByFile } from '../../../../src/bootstrap/discovery/file.ts';
import { clusterOfKubeconfig } from '../../../../src/bootstrap/discovery/kubeconfig-cluster.ts';
import { TestAuthority } from '../../../harness/test-authority.ts';

const authority = new TestAuthority();
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const ca = base64(authority.pem);
const clusterAt = (server: string, data = ca) => `{cluster: {server: '${server}', certificate-authority-data: ${data}}`;
const cluster = clusterAt('https://10.0.0.5:6443/');
const context = 'contexts: [{name: c, context: {cluster: k, user: u}}]\ncurrent-context: c';

describe('a kubeconfig to find a cluster by', () => {
  it.each<[string, string]>([
    ['that names nobody', `clusters: [${cluster}, name: ''}]`],
    ['whose cluster has no name', `clusters: [${cluster}}]`],
    [
      'by its current context',
      `clusters: [{name: x, cluster: {}}, ${cluster}, name: k}]\ncontexts: [{name: c, context: {cluster: k}}]\ncurrent-context: c`,
    ],
    ['among what is none', `clusters: [null, 5, ${cluster}, name: k}]\n${context.replace('[', '[null, 5, ')}`],
  ])('%s tells server and CA', (_, text) => {
    expect(clusterOfKubeconfig(text, 'x')).toEqual({ server: 'https://10.0.0.5:6443', ca: authority.pem });
  });

  const NEEDS = 'it needs a cluster with a server and certificate-authority-data';
  it.each<[string, string]>([
    ['', 'it is empty'],
    [' \n\n', 'it is empty'],
    ['a: [', 'it is no YAML'],
    ['# only words', NEEDS],
    ['hello', NEEDS],
    ['[]', NEEDS],
    ['clusters: []', NEEDS],
    ['clusters: 5', NEEDS],
    ['clusters: {}', NEEDS],
    ['clusters: [null]', NEEDS],
    ["clusters: [{name: ''}]", NEEDS],
    ["clusters: [{name: '', cluster: 5}]", NEEDS],
    ["clusters: [{name: '', cluster: {server: 'https://a'}}]", NEEDS],
    [`clusters: [${cluster}, name: k}]\ncontexts: 5`, NEEDS],
    [`clusters: [${cluster}, name: k}]\ncontexts: [null]`, NEEDS],
    [`clusters: [${cluster}, name: k}]\ncontexts: [{name: c, context: null}]\ncurrent-context: c`, NEEDS],
    [
      `clusters: [${clusterAt('http://10.0.0.5:6443')}}]`,
      'the server "http://10.0.0.5:6443" of its cluster is no https://',
    ],
    [`clusters: [${clusterAt('10.0.0.5:6443')}}]`, 'the server "10.0.0.5:6443" of its cluster is no https:// URL'],
    [`clusters: [${clusterAt('https://10.0.0.5:99999')}}]`, 'of its cluster is no https:// URL'],
    [`clusters: [${clusterAt('https://10.0.0.5', '"%%%"')}}]`, 'is no certificate (PEM, in base64)'],
    [`clusters: [${clusterAt('https://10.0.0.5', base64('hello'))}}]`, 'is no certificate (PEM, in base64)'],
    [
      `clusters: [${clusterAt('https://10.0.0.5', base64('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'))}}]`,
      'is no certificate (PEM, in base64)',
    ],
  ])('of %j is refused', (text, because) => {
    expect(() => clusterOfKubeconfig(text, '/x')).toThrow(`malformed kubeconfig in /x: `);
    expect(() => clusterOfKubeconfig(text, '/x')).toThrow(because);
  });
});

describe('the user of a file to find a cluster by', () => {
  const pair = authority.issue('me', [], 'clientAuth');
  const other = authority.issue('me', [], 'clientAuth');
  const user = (cert: string, key: string) =>
    `[{name: u, user: {client-certificate-data: ${base64(cert)}, client-key-data: ${base64(key)}}}]`;
  it.each<[string, string, string]>([
    ['among users that are no list', '5', 'its users are no list'],
    ['that is not there', '[null]', 'users has no "u"'],
    ['whose certificate is none', user('hello', pair.key), 'the client certificate of its user'],
    ['whose key is of another pair', user(pair.cert, other.key), 'the client certificate of its user'],
  ])('%s is refused before anybody is asked', async (_, users, because) => {
    const folder = mkdtempSync(join(tmpdir(), 'gantry-discovery-'));
    const path = join(folder, 'x.conf');
    const text = `kind: Config\nclusters: [${cluster}, name: k}]\n${context.replace('[', '[null, ')}\nusers: ${users}`;
    writeFileSync(path, text);
    const { signal } = new AbortController();
    const asked = discoverByFile(path, { patienceMs: 1, onClock: () => {}, signal });
    await expect(asked).rejects.toThrow(because);
    await expect(asked).rejects.toThrow(path);
    expect(() => checkDiscoveryFile(path)).toThrow(because);
    rmSync(folder, { recursive: true });
  });
});

describe('a discovery file of this machine', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-discovery-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'x.conf');

  it.each<[string, () => void, string]>([
    ['that is not there', () => rmSync(path, { force: true }), '--discovery-file: ENOENT'],
    ['that is empty', () => writeFileSync(path, ''), 'it is empty'],
    ['whose clusters are no list', () => writeFileSync(path, 'clusters: 5'), 'it needs a cluster'],
    [
      'whose users are no list',
      () => writeFileSync(path, `clusters: [${cluster}}]\nusers: 5`),
      'its users are no list',
    ],
  ])('%s is bad input', (_, make, because) => {
    make();
    expect(() => checkDiscoveryFile(path)).toThrow(
      expect.objectContaining({ code: 'invalid-argument', message: expect.stringContaining(because) }),
    );
  });

  it('that tells a cluster is taken, and one at a server is not looked at', () => {
    writeFileSync(path, `clusters: [${cluster}}]`);
    checkDiscoveryFile(path);
    checkDiscoveryFile('https://nobody.example/x');
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseKubeconfig, readKubeconfig } from '../../../src/client/kubeconfig.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function config(changes: { cluster?: object; user?: object; context?: object; top?: object } = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1:6443/', ...changes.cluster } }],
    users: [{ name: 'u', user: { token: 'secret-token', ...changes.user } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', ...changes.context } }],
    'current-context': 'x',
    ...changes.top,
  });
}

describe('a kubeconfig', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'gantry-kubeconfig-'));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('gives the server, the namespace and the token of its current context', () => {
    expect(parseKubeconfig(config(), { path: 'f' })).toEqual({
      server: 'https://10.0.0.1:6443',
      namespace: 'default',
      token: 'secret-token',
    });
  });

  it('gives another context when it is named', () => {
    const text = config({
      top: {
        contexts: [
          { name: 'x', context: { cluster: 'c', user: 'u' } },
          { name: 'y', context: { cluster: 'c', user: 'u', namespace: 'team' } },
        ],
      },
    });
    expect(parseKubeconfig(text, { path: 'f', context: 'y' }).namespace).toBe('team');
  });

  it('takes certificates as data and as files beside it', () => {
    writeFileSync(join(folder, 'ca.crt'), 'CA');
    const text = config({
      cluster: { 'certificate-authority': 'ca.crt', 'tls-server-name': 'kubernetes' },
      user: { token: undefined, 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') },
    });
    const path = join(folder, 'config');
    writeFileSync(path, text);
    expect(readKubeconfig(path)).toEqual({
      server: 'https://10.0.0.1:6443',
      namespace: 'default',
      ca: 'CA',
      serverName: 'kubernetes',
      certificate: { cert: 'CERT', key: 'KEY' },
    });
  });

  it.each([
    ['no YAML', 'a: [secret', 'it is no YAML'],
    ['a list', '[]', 'it is no object'],
    ['another kind', config({ top: { kind: 'Pod' } }), 'its kind is "Pod", not "Config"'],
    [
      'no current context',
      config({ top: { 'current-context': '' } }),
      'it has no current-context; name the context to use',
    ],
    ['a context that is not there', config({ top: { 'current-context': 'z' } }), 'contexts has no "z"'],
    ['a cluster that is not there', config({ context: { cluster: 'z' } }), 'clusters has no "z"'],
    ['plain HTTP', config({ cluster: { server: 'http://a' } }), 'the server "http://a" of its cluster is no https URL'],
    [
      'a key alone',
      config({ user: { 'client-key-data': base64('K') } }),
      'the user has a client key without its certificate',
    ],
    ['a plugin', config({ user: { exec: {} } }), 'users.exec is not supported; use a client certificate or a token'],
    [
      'a file that is not there',
      config({ cluster: { 'certificate-authority': '/none/ca' } }),
      'certificate-authority: ENOENT',
    ],
  ])('is refused in one line that names the file: %s', (_, text, expected) => {
    const parse = (): unknown => parseKubeconfig(text, { path: '/etc/k.conf' });
    expect(parse).toThrow(`kubeconfig /etc/k.conf: ${expected}`);
    expect(parse).not.toThrow(/secret/);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { parseKubeconfig } from '../../../src/client/kubeconfig.ts';
import { type KubeconfigUserFlags, kubeconfigUserCommand } from '../../../src/cmd/kubeconfig-user.ts';
import { TestAuthority } from '../../harness/test-authority.ts';

const CA = new TestAuthority();
let certDir: string;
let written: string;
beforeEach(() => {
  certDir = mkdtempSync(join(tmpdir(), 'gantry-user-'));
  writeFileSync(join(certDir, 'ca.crt'), CA.pem);
  written = '';
  vi.spyOn(process.stdout, 'write').mockImplementation(text => {
    written += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(certDir, { recursive: true });
});

const run = (more: Partial<KubeconfigUserFlags>) =>
  kubeconfigUserCommand({
    clientName: 'me',
    org: '',
    token: 'abc',
    validityPeriod: '1h',
    certDir,
    server: 'https://10.0.0.5:6443',
    ...more,
  });

it.each(['https://10.0.0.5:6443', 'https://[fd00::5]:6443', 'https://api.example/clusters/one', 'HTTPS://api.example'])(
  'gantry kubeconfig user writes a kubeconfig for the server %s, which clients can read',
  async server => {
    expect(await run({ server })).toBe(0);
    expect(parseKubeconfig(written, { path: 'it' })).toMatchObject({ server, token: 'abc' });
  },
);

it.each<[string, Partial<KubeconfigUserFlags>, string]>([
  ['words', { server: 'not a url' }, '"not a url" is no URL of an API server: it is https://HOST:PORT'],
  ['nothing', { server: '' }, '"" is no URL of an API server: it is https://HOST:PORT'],
  ['no scheme', { server: '10.0.0.5:6443' }, 'did you mean "https://10.0.0.5:6443"?'],
  ['a name alone', { server: 'api.example' }, 'did you mean "https://api.example"?'],
  ['http://', { server: 'http://10.0.0.5:6443' }, 'give https://'],
  ['another scheme', { server: 'ftp://10.0.0.5' }, 'it is https://HOST:PORT'],
  ['a blank behind it', { server: 'https://10.0.0.5:6443 ' }, 'it is https://HOST:PORT'],
  ['a port that is none', { server: 'https://10.0.0.5:99999' }, 'it is https://HOST:PORT'],
  ['a password', { server: 'https://me:pw@10.0.0.5' }, 'it is https://HOST:PORT'],
  ['an empty token', { token: '' }, '--token: it is empty'],
])('gantry kubeconfig user refuses %s, and writes nothing', async (_, more, said) => {
  await expect(run(more)).rejects.toMatchObject({ code: 'invalid-argument', message: expect.stringContaining(said) });
  expect(written).toBe('');
});

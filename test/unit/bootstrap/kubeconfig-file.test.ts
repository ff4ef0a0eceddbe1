import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  certificateData,
  ensureKubeconfig,
  kubeconfigCertificate,
  kubeconfigText,
} from '../../../src/bootstrap/kubeconfig-file.ts';
import { parseKubeconfig } from '../../../src/client/kubeconfig.ts';
import { TestAuthority } from '../../harness/test-authority.ts';

const SPEC = {
  clusterName: 'kubernetes',
  server: 'https://10.0.0.5:6443',
  ca: 'the CA',
  user: 'kubernetes-admin',
  credentials: certificateData({ cert: 'a certificate', key: 'a key' }),
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-kubeconfig-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a kubeconfig', () => {
  it('names server, CA, user and context', () => {
    const text = kubeconfigText(SPEC);
    expect(text).toContain('current-context: kubernetes-admin@kubernetes');
    expect(parseKubeconfig(text, { path: 'admin.conf' })).toMatchObject({
      server: SPEC.server,
      ca: 'the CA',
      certificate: { cert: 'a certificate', key: 'a key' },
    });
  });

  it('is written once, for its owner alone', () => {
    const path = join(folder, 'admin.conf');
    expect(ensureKubeconfig(path, SPEC, () => kubeconfigText(SPEC))).toBe(true);
    expect(ensureKubeconfig(path, SPEC, () => 'another')).toBe(false);
    expect(readFileSync(path, 'utf8')).toBe(kubeconfigText(SPEC));
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['another CA', { ...SPEC, ca: 'another CA' }, 'has got the wrong CA cert'],
    ['another server', { ...SPEC, server: 'https://10.0.0.6:6443' }, 'has got the wrong API Server URL'],
  ])('of %s is not taken for this one', (_, wanted, because) => {
    const path = join(folder, 'admin.conf');
    ensureKubeconfig(path, SPEC, () => kubeconfigText(SPEC));
    expect(() => ensureKubeconfig(path, wanted, () => '')).toThrow(because);
  });

  it('holds the certificate of its user, or names a file', () => {
    const path = join(folder, 'admin.conf');
    const pair = new TestAuthority().issue('admin', [], 'clientAuth');
    const write = (credentials: Record<string, string>) =>
      writeFileSync(path, kubeconfigText({ ...SPEC, credentials }));
    write(certificateData(pair));
    expect(kubeconfigCertificate(path)?.subject).toBe('CN=admin');
    write({ 'client-certificate': '/var/lib/kubelet/pki/kubelet-client-current.pem' });
    expect(kubeconfigCertificate(path)).toBeUndefined();
    write(certificateData({ cert: 'none', key: 'none' }));
    expect(() => kubeconfigCertificate(path)).toThrow('admin.conf cannot be read');
  });
});

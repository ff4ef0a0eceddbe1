import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, describe, expect, it } from 'vitest';
import { hasCredentials } from '../../../../src/bootstrap/join/find-cluster.ts';
import { kubeconfigText } from '../../../../src/bootstrap/kubeconfig-file.ts';

describe('the credentials of a kubelet', () => {
  const folder = mkdtempSync(`${tmpdir()}/gantry-find-cluster-`);
  const kubeletConf = `${folder}/kubelet.conf`;
  const write = (credentials: Readonly<Record<string, string>>): void =>
    writeFileSync(
      kubeletConf,
      kubeconfigText({ clusterName: 'k', server: 'https://10.0.0.5:6443', ca: 'ca', user: 'u', credentials }),
    );

  afterAll(() => rmSync(folder, { recursive: true }));

  it('are not there', () => {
    expect(hasCredentials({ kubeletConf })).toBe(false);
  });

  it('are gone where the file names a pair that is', () => {
    const pem = `${folder}/gone.pem`;
    write({ 'client-certificate': pem, 'client-key': pem });
    expect(hasCredentials({ kubeletConf })).toBe(false);
  });

  it('are there as a token', () => {
    write({ token: 'abc' });
    expect(hasCredentials({ kubeletConf })).toBe(true);
  });

  it('are not guessed from what is no kubeconfig', () => {
    writeFileSync(kubeletConf, 'kind: Pod\n');
    expect(() => hasCredentials({ kubeletConf })).toThrow(/its kind is "Pod"/);
  });
});

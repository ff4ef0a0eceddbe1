import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureCertificates } from '../../../src/bootstrap/certificates/certificates.ts';
import { certificatePlan } from '../../../src/bootstrap/certificates/plan.ts';
import { managedCertificates } from '../../../src/bootstrap/certificates/renewal/inventory.ts';
import { filesBelow } from '../../../src/bootstrap/files.ts';
import { isAnyOf, renewCommand } from '../../../src/cmd/certs.ts';
import { initSettings } from '../bootstrap/init-settings.ts';

const DAY = 86_400_000;
let pkiDir: string;
beforeEach(() => {
  pkiDir = mkdtempSync(join(tmpdir(), 'gantry-certs-'));
  const lives = { leafMs: 90 * DAY, caMs: 3650 * DAY };
  ensureCertificates(certificatePlan(initSettings()), { pkiDir, lives, now: Date.now() }, () => {});
});
afterEach(() => rmSync(pkiDir, { recursive: true }));

it.each([
  ['0', 'certificates have to hold for 10 seconds at least'],
  ['0s', 'certificates have to hold for 10 seconds at least'],
  ['-8760h', 'certificates have to hold for 10 seconds at least'],
  ['9.9s', 'certificates have to hold for 10 seconds at least'],
  ['a year', 'time: invalid duration "a year"'],
])('gantry certs renew refuses to make certificates that hold for %s, and touches none', async (period, said) => {
  const contents = (): readonly string[] =>
    readdirSync(pkiDir, { withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(({ name }) => readFileSync(`${pkiDir}/${name}`, 'utf8'));
  const before = contents();
  const renewing = renewCommand('apiserver', { certDir: pkiDir, certificateValidityPeriod: period });
  await expect(renewing).rejects.toMatchObject({ code: 'invalid-argument', message: expect.stringContaining(said) });
  await expect(renewing).rejects.toThrow('--certificate-validity-period');
  expect(contents()).toEqual(before);
});

describe('gantry certs renew holds the node', () => {
  const ofNode = () => managedCertificates(filesBelow(pkiDir, { certificatesDir: '' }), true);
  const chosenAt = (directory: string, name = 'all') =>
    managedCertificates({ ...filesBelow(pkiDir), pkiDir: directory }, true).filter(
      each => name === 'all' || each.name === name,
    );

  it('for its own certificates', () => {
    expect(isAnyOf(chosenAt(pkiDir), ofNode())).toBe(true);
  });

  it('for its own by a link', () => {
    symlinkSync(pkiDir, `${pkiDir}/link`);
    expect(isAnyOf(chosenAt(`${pkiDir}/link`, 'apiserver'), ofNode())).toBe(true);
  });

  it('for its kubeconfigs, wherever the CA is', () => {
    mkdirSync(`${pkiDir}/etc/kubernetes`, { recursive: true });
    writeFileSync(`${pkiDir}/etc/kubernetes/admin.conf`, '');
    expect(isAnyOf(chosenAt('/nowhere'), ofNode())).toBe(true);
  });

  it('not for those of another directory', () => {
    mkdirSync(`${pkiDir}/other`);
    writeFileSync(`${pkiDir}/other/apiserver.crt`, '');
    expect(isAnyOf(chosenAt(`${pkiDir}/other`), ofNode())).toBe(false);
  });
});

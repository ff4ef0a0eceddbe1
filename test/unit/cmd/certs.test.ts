import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureCertificates } from '../../../src/bootstrap/certificates/certificates.ts';
import { certificatePlan } from '../../../src/bootstrap/certificates/plan.ts';
import { managedCertificates } from '../../../src/bootstrap/certificates/renewal/inventory.ts';
import { type Files, filesBelow } from '../../../src/bootstrap/files.ts';
import { holdFor, ownOf, renewCommand } from '../../../src/cmd/certs.ts';
import { NoLock } from '../../../src/cmd/hold-node.ts';
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

const at = (directory: string): Files => ({ ...filesBelow(pkiDir), pkiDir: directory });
const chosenAt = (directory: string, name = 'all') =>
  managedCertificates(at(directory), true).filter(each => name === 'all' || each.name === name);

describe('gantry certs renew holds the node', () => {
  const isOwn = (directory: string, name?: string): boolean =>
    ownOf(chosenAt(directory, name), [at(`${pkiDir}/pki`), at(`${pkiDir}/earlier`)]).length > 0;

  it('for its own certificates, though none is there yet', () => {
    expect(isOwn(`${pkiDir}/pki`, 'apiserver')).toBe(true);
  });

  it('for its own by a link, though nothing is there yet', () => {
    symlinkSync(`${pkiDir}/pki`, `${pkiDir}/link`);
    expect(isOwn(`${pkiDir}/link`, 'apiserver')).toBe(true);
    mkdirSync(`${pkiDir}/pki`);
    expect(isOwn(`${pkiDir}/link`, 'apiserver')).toBe(true);
    writeFileSync(`${pkiDir}/pki/apiserver.crt`, '');
    expect(isOwn(`${pkiDir}/link`, 'apiserver')).toBe(true);
  });

  it('for those that commands before had elsewhere, which a reset takes', () => {
    expect(isOwn(`${pkiDir}/earlier`, 'etcd-server')).toBe(true);
  });

  it('for its kubeconfigs, wherever the CA is, and there or not', () => {
    expect(isOwn('/nowhere')).toBe(true);
    expect(isOwn('/nowhere', 'admin.conf')).toBe(true);
  });

  it('not for those of another directory', () => {
    expect(isOwn(`${pkiDir}/other`, 'apiserver')).toBe(false);
    mkdirSync(`${pkiDir}/other`);
    writeFileSync(`${pkiDir}/other/apiserver.crt`, '');
    expect(isOwn(`${pkiDir}/other`, 'apiserver')).toBe(false);
  });
});

describe('where /run is read-only, gantry certs renew', () => {
  const fails = () => Promise.reject(new NoLock(Object.assign(new Error('EROFS: read-only'), { code: 'EROFS' })));

  it('goes on for what is of another directory, though kubeconfigs of the node would be renewed, too, if there were any', async () => {
    await holdFor([], fails);
    await holdFor(chosenAt('/nowhere'), fails);
  });

  it('ends where one of its own certificates is there', async () => {
    await expect(holdFor(chosenAt(pkiDir, 'apiserver'), fails)).rejects.toThrow('/run/gantry.lock');
  });

  it('ends where another command has the node, whatever is there', async () => {
    const inUse = () => Promise.reject(new Error('in use'));
    await expect(holdFor(chosenAt('/nowhere', 'apiserver'), inUse)).rejects.toThrow('in use');
  });
});

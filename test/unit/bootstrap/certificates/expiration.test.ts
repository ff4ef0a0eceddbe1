import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureCertificates } from '../../../../src/bootstrap/certificates/certificates.ts';
import { certificatePlan } from '../../../../src/bootstrap/certificates/plan.ts';
import {
  expirationDocument,
  expirations,
  expirationTables,
} from '../../../../src/bootstrap/certificates/renewal/expiration.ts';
import { filesBelow } from '../../../../src/bootstrap/files.ts';
import { initSettings } from '../init-settings.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 5, 1, 12);

describe('the end of certificates', () => {
  let root: string;
  const files = () => filesBelow(root);
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'gantry-expiration-'));
    const lives = { leafMs: 365 * DAY, caMs: 3650 * DAY };
    ensureCertificates(certificatePlan(initSettings()), { pkiDir: files().pkiDir, lives, now: NOW }, () => {});
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it("is kubeadm's two tables, to the column", () => {
    rmSync(`${files().pkiDir}/front-proxy-ca.key`);
    writeFileSync(`${files().pkiDir}/etcd/peer.crt`, 'x');
    const lines = expirationTables(expirations(files()), NOW + 360 * DAY).split('\n');
    expect(lines.map(line => line.trimEnd())).toEqual([
      'CERTIFICATE                         EXPIRES                  RESIDUAL TIME   CERTIFICATE AUTHORITY   EXTERNALLY MANAGED',
      '!MISSING! admin.conf',
      'apiserver                           Jun 01, 2027 11:55 UTC   4d23h           ca                      no',
      'apiserver-etcd-client               Jun 01, 2027 11:55 UTC   4d23h           etcd-ca                 no',
      'apiserver-kubelet-client            Jun 01, 2027 11:55 UTC   4d23h           ca                      no',
      '!MISSING! controller-manager.conf',
      'etcd-healthcheck-client             Jun 01, 2027 11:55 UTC   4d23h           etcd-ca                 no',
      '!UNREADABLE! etcd-peer',
      'etcd-server                         Jun 01, 2027 11:55 UTC   4d23h           etcd-ca                 no',
      'front-proxy-client                  Jun 01, 2027 11:55 UTC   4d23h           front-proxy-ca          yes',
      '!MISSING! scheduler.conf',
      '!MISSING! super-admin.conf',
      '',
      'CERTIFICATE AUTHORITY   EXPIRES                  RESIDUAL TIME   EXTERNALLY MANAGED',
      'ca                      May 29, 2036 11:55 UTC   9y              no',
      'etcd-ca                 May 29, 2036 11:55 UTC   9y              no',
      'front-proxy-ca          May 29, 2036 11:55 UTC   9y              yes',
      '',
    ]);
  });

  it("is kubeadm's CertificateExpirationInfo as JSON", () => {
    const document = expirationDocument(expirations(files()), NOW) as Record<string, readonly object[]>;
    expect(document).toMatchObject({
      kind: 'CertificateExpirationInfo',
      apiVersion: 'output.kubeadm.k8s.io/v1alpha3',
    });
    expect(document['certificates']?.slice(0, 2)).toEqual([
      { name: 'admin.conf', expirationDate: null, residualTime: 0, externallyManaged: false, missing: true },
      {
        name: 'apiserver',
        expirationDate: '2027-06-01T11:55:00Z',
        residualTime: 365 * 86_400 - 300,
        externallyManaged: false,
        caName: 'ca',
        missing: false,
      },
    ]);
  });

  it('is told of a machine that is no control plane as far as it has any', () => {
    const ca = readFileSync(`${files().pkiDir}/ca.crt`);
    rmSync(files().pkiDir, { recursive: true });
    expect(expirations(files()).certificates).toEqual([]);
    expect(ca.length).toBeGreaterThan(0);
  });
});

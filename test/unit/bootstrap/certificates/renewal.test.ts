import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureCertificates, readIssuer } from '../../../../src/bootstrap/certificates/certificates.ts';
import { issueClientPair } from '../../../../src/bootstrap/certificates/issue.ts';
import { certificatePlan } from '../../../../src/bootstrap/certificates/plan.ts';
import { renewalPlan, type SeenCertificate } from '../../../../src/bootstrap/certificates/renewal/plan.ts';
import { renewDueCertificates } from '../../../../src/bootstrap/certificates/renewal/renew-due.ts';
import { filesBelow } from '../../../../src/bootstrap/files.ts';
import { certificateData, kubeconfigText } from '../../../../src/bootstrap/kubeconfig-file.ts';
import { ensureMarker } from '../../../../src/bootstrap/marker.ts';
import { readKubeconfig } from '../../../../src/client/kubeconfig.ts';
import { parseCertificate } from '../../../../src/pki/certificate.ts';
import type { KeyAlgorithm } from '../../../../src/pki/key-algorithms.ts';
import { readPrivateKey } from '../../../../src/pki/keys.ts';
import { initSettings } from '../init-settings.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 5, 1, 12);

describe('the plan of renewals', () => {
  const row = (more: Partial<SeenCertificate>): SeenCertificate => ({
    name: 'x',
    notBefore: NOW - 80 * DAY,
    notAfter: NOW + 20 * DAY,
    caNotAfter: NOW + 3650 * DAY,
    onlyExpired: false,
    ...more,
  });
  const young = { notBefore: NOW - 10 * DAY, notAfter: NOW + 80 * DAY };

  it.each<[string, Partial<SeenCertificate>, string]>([
    ['renews what has lived two thirds of its life', {}, 'due: two thirds of its life are over'],
    ['leaves alone what has not, and says when to look again', young, `next: ${50}`],
    ['renews what is over', { notAfter: NOW - DAY }, 'due: it expired at 2026-05-31'],
    ['leaves the kubelet to ask for its own', { onlyExpired: true }, 'next: 20'],
    ['renews that of a kubelet that cannot ask any more', { onlyExpired: true, notAfter: NOW }, 'due: it expired'],
    [
      'warns where the key of the CA is not here',
      { caNotAfter: undefined },
      'warns: x holds until 2026-06-21T12:00:00.000Z and cannot be renewed here',
    ],
    [
      'warns where the CA ends as early',
      { caNotAfter: NOW + 20 * DAY },
      'warns: x holds until 2026-06-21T12:00:00.000Z and cannot be renewed for longer',
    ],
  ])('%s', (_, more, expected) => {
    const { due, warnings, nextAt } = renewalPlan([row(more)], NOW, 100 * DAY);
    const said = [
      ...due.map(({ because }) => `due: ${because}`),
      ...warnings.map(warning => `warns: ${warning}`),
      ...(nextAt === undefined ? [] : [`next: ${Math.round((nextAt - NOW) / DAY)}`]),
    ];
    expect(said).toEqual([expect.stringContaining(expected)]);
  });
});

describe('the certificates of a control plane on disk', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'gantry-renewal-'));
    const lives = { leafMs: 90 * DAY, caMs: 3650 * DAY };
    ensureCertificates(certificatePlan(initSettings()), { pkiDir: files().pkiDir, lives, now: NOW }, () => {});
    const issuer = readIssuer(files().pkiDir, 'ca');
    const pair = issueClientPair(issuer, { commonName: 'kubernetes-admin', organizations: ['a'] }, NOW, 90 * DAY);
    const text = kubeconfigText({
      clusterName: 'kubernetes',
      server: 'https://10.0.0.5:6443',
      ca: issuer.certificate.toString(),
      user: 'kubernetes-admin',
      credentials: certificateData(pair),
    });
    writeFileSync(files().adminConf, `# kept\n${text}`);
  });
  afterEach(() => rmSync(root, { recursive: true }));
  const files = () => filesBelow(root);
  const crt = (name: string) => parseCertificate(readFileSync(`${files().pkiDir}/${name}.crt`));
  const renew = (now: number) => renewDueCertificates(files(), { now, lifeMs: 90 * DAY });

  it('are left alone while they are young', async () => {
    const { renewed, failed, nextAt } = await renew(NOW + 59 * DAY);
    expect([renewed, failed]).toEqual([[], []]);
    expect(Math.round(((nextAt ?? 0) - NOW) / DAY)).toBe(60);
  });

  it('are renewed at two thirds of their life, the CAs and the keys beside them are not', async () => {
    const ca = crt('ca').fingerprint256;
    const key = readFileSync(`${files().pkiDir}/apiserver.key`, 'utf8');
    const { renewed, failed, ends } = await renew(NOW + 61 * DAY);
    expect(failed).toEqual([]);
    expect(renewed.map(({ name }) => name)).toEqual([
      'admin.conf',
      'apiserver',
      'apiserver-etcd-client',
      'apiserver-kubelet-client',
      'etcd-healthcheck-client',
      'etcd-peer',
      'etcd-server',
      'front-proxy-client',
    ]);
    expect(crt('ca').fingerprint256).toBe(ca);
    expect(readFileSync(`${files().pkiDir}/apiserver.key`, 'utf8')).toBe(key);
    expect(crt('apiserver').checkPrivateKey(readPrivateKey(key))).toBe(true);
    expect(crt('apiserver').checkIP('10.0.0.5')).toBe('10.0.0.5');
    expect(Math.round(((ends.get('apiserver') ?? 0) - NOW) / DAY)).toBe(151);
    expect((await renew(NOW + 61 * DAY)).renewed).toEqual([]);
  });

  it('are not those of an etcd of somebody else, whatever their names', async () => {
    ensureMarker(files(), 'init', { etcd: { endpoints: ['https://e:2379'], files: [] } });
    const client = crt('apiserver-etcd-client').fingerprint256;
    const { renewed, warnings } = await renew(NOW + 61 * DAY);
    expect(renewed.map(({ name }) => name)).toEqual([
      'admin.conf',
      'apiserver',
      'apiserver-kubelet-client',
      'front-proxy-client',
    ]);
    expect(warnings).toEqual([]);
    expect(crt('apiserver-etcd-client').fingerprint256).toBe(client);
  });

  it.each<[KeyAlgorithm, object]>([
    ['RSA-2048', { modulusLength: 2048 }],
    ['ECDSA-P384', { namedCurve: 'secp384r1' }],
    ['ECDSA-P256', { namedCurve: 'prime256v1' }],
  ])('in a kubeconfig keep the kind of their key: %s', async (algorithm, details) => {
    const issuer = readIssuer(files().pkiDir, 'ca');
    const pair = issueClientPair(issuer, { commonName: 'a', organizations: [] }, NOW, 90 * DAY, algorithm);
    const text = readFileSync(files().adminConf, 'utf8');
    const { 'client-certificate-data': cert, 'client-key-data': key } = certificateData(pair);
    writeFileSync(
      files().adminConf,
      text.replace(/(client-certificate-data: ).*/, `$1${cert}`).replace(/(client-key-data: ).*/, `$1${key}`),
    );
    expect((await renew(NOW + 61 * DAY)).renewed.map(({ name }) => name)).toContain('admin.conf');
    const after = readPrivateKey(readKubeconfig(files().adminConf).certificate?.key ?? '');
    expect(after.asymmetricKeyDetails).toMatchObject(details);
    expect(after.equals(readPrivateKey(pair.key))).toBe(false);
  });

  it('in a kubeconfig get another key too, and the rest of the file stays', async () => {
    const before = readKubeconfig(files().adminConf);
    await renew(NOW + 200 * DAY);
    const after = readKubeconfig(files().adminConf);
    expect(readFileSync(files().adminConf, 'utf8')).toMatch(/^# kept\n/);
    expect(after).toEqual({ ...before, certificate: expect.anything() });
    expect(after.certificate?.key).not.toBe(before.certificate?.key);
    const cert = parseCertificate(after.certificate?.cert ?? '');
    expect(cert.subject).toBe(parseCertificate(before.certificate?.cert ?? '').subject);
    expect(cert.checkPrivateKey(readPrivateKey(after.certificate?.key ?? ''))).toBe(true);
  });

  it.each<[string, () => void, 'warnings' | 'failed', RegExp]>([
    [
      'whose CA has no key here',
      () => rmSync(`${files().pkiDir}/front-proxy-ca.key`),
      'warnings',
      /^front-proxy-client holds until .* cannot be renewed here/,
    ],
    [
      'that another CA signed in place of ours',
      () => {
        for (const end of ['crt', 'key'])
          writeFileSync(
            `${files().pkiDir}/front-proxy-client.${end}`,
            readFileSync(`${files().pkiDir}/apiserver.${end}`),
          );
      },
      'warnings',
      /^front-proxy-client holds until .* cannot be renewed here/,
    ],
    [
      'that cannot be read',
      () => writeFileSync(`${files().pkiDir}/front-proxy-client.crt`, 'x'),
      'failed',
      /front-proxy-client/,
    ],
    ['whose key is gone', () => rmSync(`${files().pkiDir}/front-proxy-client.key`), 'failed', /front-proxy-client.key/],
  ])('%s does not keep back the others, and is told of', async (_, spoil, list, said) => {
    spoil();
    const result = await renew(NOW + 61 * DAY);
    expect(result.renewed.map(({ name }) => name)).toEqual(expect.arrayContaining(['admin.conf', 'etcd-server']));
    expect(result.renewed.map(({ name }) => name)).not.toContain('front-proxy-client');
    expect(result[list].map(entry => JSON.stringify(entry).replace(/^"/, ''))).toEqual([expect.stringMatching(said)]);
  });

  it('keep the mode and the group that somebody has given their files', async () => {
    const group = process.getuid?.() === 0 ? 4242 : (process.getgroups?.()[0] ?? 0);
    chownSync(files().adminConf, process.getuid?.() ?? 0, group);
    chmodSync(files().adminConf, 0o640);
    chmodSync(`${files().pkiDir}/apiserver.crt`, 0o400);
    expect((await renew(NOW + 61 * DAY)).renewed.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['admin.conf', 'apiserver']),
    );
    const { mode, gid } = statSync(files().adminConf);
    expect([mode & 0o7777, gid]).toEqual([0o640, group]);
    expect(statSync(`${files().pkiDir}/apiserver.crt`).mode & 0o7777).toBe(0o400);
  });

  it('are renewed where links lead, and the links stay', async () => {
    const elsewhere = `${root}/elsewhere.conf`;
    renameSync(files().adminConf, elsewhere);
    symlinkSync(elsewhere, files().adminConf);
    const before = readFileSync(elsewhere, 'utf8');
    expect((await renew(NOW + 61 * DAY)).renewed.map(({ name }) => name)).toContain('admin.conf');
    expect(readlinkSync(files().adminConf)).toBe(elsewhere);
    expect(readFileSync(elsewhere, 'utf8')).not.toBe(before);
    expect(readdirSync(root)).toEqual(expect.not.arrayContaining([expect.stringContaining('.tmp-')]));
  });

  it('that an admin has put elsewhere are warned of once two thirds of their life are over, and stay as they are', async () => {
    const path = `${root}/corp.crt`;
    const text = readFileSync(`${files().pkiDir}/apiserver.crt`, 'utf8');
    writeFileSync(path, text);
    const look = (now: number) =>
      renewDueCertificates(files(), { now, lifeMs: 90 * DAY, others: [path, `${root}/none`] });
    const early = await look(NOW + 59 * DAY);
    expect([early.warnings, early.ends.get(path)]).toEqual([[], Date.parse(crt('apiserver').validTo)]);
    expect((await look(NOW + 61 * DAY)).warnings).toEqual([
      expect.stringMatching(
        /corp.crt holds until .* and is not renewed here: .* whoever put it there has to replace it$/,
      ),
    ]);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('of a kubelet are renewed here once they are over, in the file that the link leads to', async () => {
    const issuer = readIssuer(files().pkiDir, 'ca');
    const subject = { commonName: 'system:node:n1', organizations: ['system:nodes'] };
    const { cert, key } = issueClientPair(issuer, subject, NOW, 30 * DAY);
    mkdirSync(dirname(files().kubeletClientPem), { recursive: true });
    writeFileSync(files().kubeletClientPem, `${cert}${key}`);
    expect((await renew(NOW + 25 * DAY)).renewed).toEqual([]);
    expect((await renew(NOW + 31 * DAY)).renewed.map(({ name }) => name)).toEqual(['kubelet-client']);
    const pem = readFileSync(files().kubeletClientPem, 'utf8');
    expect(parseCertificate(pem).subject).toBe('O=system:nodes\nCN=system:node:n1');
    expect(parseCertificate(pem).checkPrivateKey(readPrivateKey(pem))).toBe(true);
  });
});

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureCertificates, ensureServiceAccountKey } from '../../../src/bootstrap/certificates/certificates.ts';
import { certificatePlan } from '../../../src/bootstrap/certificates/plan.ts';
import { serviceAccountKeyProblems } from '../../../src/bootstrap/certificates/service-account-key.ts';
import { certificateProblems } from '../../../src/bootstrap/certificates/standing.ts';
import { certificateIdentity, parseCertificate } from '../../../src/pki/certificate.ts';
import { generateKey, publicKeyPem } from '../../../src/pki/keys.ts';
import { initSettings } from './init-settings.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const DAY = 24 * 3600 * 1000;
const rows = certificatePlan(initSettings());

let folder: string;
let said: string[];
const say = (line: string): void => {
  said.push(line);
};
const lives = { leafMs: 365 * DAY, caMs: 3650 * DAY };
const ensure = (now = NOW, plan = rows): void => ensureCertificates(plan, { pkiDir: folder, lives, now }, say);
const certificateAt = (name: string) => parseCertificate(readFileSync(join(folder, `${name}.crt`)));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-pki-'));
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the certificates of a control plane', () => {
  it("have kubeadm's names, subjects, issuers and usages", () => {
    const server = '1.3.6.1.5.5.7.3.1';
    const client = '1.3.6.1.5.5.7.3.2';
    ensure();
    const seen = rows.map(({ baseName }) => {
      const certificate = certificateAt(baseName);
      const { commonName, organizations, extensions } = certificateIdentity(certificate.raw);
      return [
        baseName,
        commonName,
        certificate.issuer.replace('CN=', ''),
        organizations,
        extensions.extendedKeyUsages,
        extensions.isCa,
      ];
    });
    expect(seen).toEqual([
      ['ca', 'kubernetes', 'kubernetes', [], [], true],
      ['apiserver', 'kube-apiserver', 'kubernetes', [], [server], false],
      ['apiserver-kubelet-client', 'kube-apiserver-kubelet-client', 'kubernetes', [], [client], false],
      ['front-proxy-ca', 'front-proxy-ca', 'front-proxy-ca', [], [], true],
      ['front-proxy-client', 'front-proxy-client', 'front-proxy-ca', [], [client], false],
      ['etcd/ca', 'etcd-ca', 'etcd-ca', [], [], true],
      ['etcd/server', 'n1', 'etcd-ca', [], [server, client], false],
      ['etcd/peer', 'n1', 'etcd-ca', [], [server, client], false],
      ['etcd/healthcheck-client', 'kube-etcd-healthcheck-client', 'etcd-ca', [], [client], false],
      ['apiserver-etcd-client', 'kube-apiserver-etcd-client', 'etcd-ca', [], [client], false],
    ]);
  });

  it('are made one by one, too, each after its CA', () => {
    const row = (name: string) => rows.filter(each => each.name === name);
    expect(() => ensure(NOW, row('etcd-peer'))).toThrow(
      `${folder}/etcd/ca.crt is not there: for a new cluster make it first (phase "certs etcd-ca"), in one that stands put it back from a backup`,
    );
    ensure(NOW, row('etcd-ca'));
    ensure(NOW, row('etcd-peer'));
    expect(certificateAt('etcd/peer').verify(certificateAt('etcd/ca').publicKey)).toBe(true);
  });

  it('hold for the names by which the API server is reached, those that were asked for too', () => {
    ensure(NOW, certificatePlan(initSettings({ certificateSans: ['api.example', '192.0.2.9'] })));
    const { subjectAltNames } = certificateIdentity(certificateAt('apiserver').raw).extensions;
    expect(subjectAltNames.dnsNames).toEqual([
      'n1',
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
      'api.example',
    ]);
    expect(subjectAltNames.ipAddresses).toEqual(['10.96.0.1', '10.0.0.5', '192.0.2.9']);
  });

  it('hold a year, CAs ten, from five minutes ago on; keys are for their owner alone', () => {
    ensure();
    const span = (name: string): [number, number] => {
      const { validFrom, validTo } = certificateAt(name);
      return [NOW - Date.parse(validFrom), (Date.parse(validTo) - Date.parse(validFrom)) / DAY];
    };
    expect(span('ca')).toEqual([300_000, 3650]);
    expect(span('apiserver')).toEqual([300_000, 365]);
    expect(statSync(join(folder, 'ca.key')).mode & 0o777).toBe(0o600);
  });

  it('are left as they are by a second run, which says so', () => {
    ensure();
    const before = rows.map(({ baseName }) => certificateAt(baseName).fingerprint256);
    said = [];
    ensure();
    expect(rows.map(({ baseName }) => certificateAt(baseName).fingerprint256)).toEqual(before);
    expect(said.slice(0, 2)).toEqual([
      'Using existing ca certificate authority',
      'Using existing apiserver certificate and key on disk',
    ]);
  });

  it('use a key that stands alone, as an interrupted run leaves it', () => {
    ensure();
    const key = readFileSync(join(folder, 'apiserver.key'), 'utf8');
    rmSync(join(folder, 'apiserver.crt'));
    ensure();
    expect(readFileSync(join(folder, 'apiserver.key'), 'utf8')).toBe(key);
    expect(certificateAt('apiserver').subject).toBe('CN=kube-apiserver');
  });

  it.each([
    ['a certificate without its key', 'its key .*ca.key is not', () => rmSync(join(folder, 'ca.key'))],
    ['text that is no certificate', 'is no certificate', () => writeFileSync(join(folder, 'apiserver.crt'), 'x')],
    [
      "another pair's key",
      'is not of the key',
      () => writeFileSync(join(folder, 'apiserver.key'), readFileSync(join(folder, 'ca.key'))),
    ],
    [
      'a certificate of another CA',
      'is not signed by the ca',
      () =>
        ['crt', 'key'].forEach(end => {
          writeFileSync(join(folder, `apiserver.${end}`), readFileSync(join(folder, `etcd/server.${end}`)));
        }),
    ],
  ])('are refused with %s', (_, because, spoil) => {
    ensure();
    spoil();
    expect(() => ensure()).toThrow(new RegExp(because));
  });

  it('and keys of CAs that are spoilt are to be put back where a cluster stands', () => {
    ensure();
    const [crt, key] = [join(folder, 'ca.crt'), join(folder, 'ca.key')];
    writeFileSync(key, 'x');
    expect(() => ensure()).toThrow(
      /ca\.key: .*; put the right one there from a backup, or, where nothing goes by it yet, remove it to have a new one made$/,
    );
    writeFileSync(crt, 'x');
    expect(() => ensure()).toThrow(
      /ca\.crt is no certificate \(.*\); put the right one and its key there from a backup, or, for a new cluster, remove both, and run this again$/,
    );
  });

  it('are refused once they have expired, and before they hold', () => {
    ensure();
    expect(() => ensure(NOW + 366 * DAY)).toThrow(
      /apiserver.crt has expired at Jun {2}1 11:55:00 2027 GMT: run "gantry certs renew all", and this again$/,
    );
    expect(() => ensure(NOW + 3651 * DAY)).toThrow(/ca.crt has expired at .*, and CAs are not renewed: "gantry reset"/);
    expect(() => ensure(NOW - DAY)).toThrow('is the clock right?');
  });

  describe('that lack a name which an admin asks for later', () => {
    const later = certificatePlan(initSettings({ certificateSans: ['new.example', '192.0.2.9'] }));
    const crt = () => join(folder, 'apiserver.crt');
    const again = (plan: typeof rows, made: readonly string[]) =>
      ensureCertificates(plan, { pkiDir: folder, lives, now: NOW + DAY, made }, say);
    const problems = (made: readonly string[]) => certificateProblems(later, { pkiDir: folder, now: NOW, made });

    it('are made anew with it where they were made here, with their key and all their names', () => {
      ensure(NOW, certificatePlan(initSettings({ certificateSans: ['old.example'] })));
      const key = readFileSync(join(folder, 'apiserver.key'), 'utf8');
      expect(problems([crt()])).toEqual([]);
      said = [];
      again(later, [crt()]);
      expect(said).toContain('Making the apiserver certificate anew with the same key, for new.example, 192.0.2.9 too');
      const certificate = certificateAt('apiserver');
      const { dnsNames, ipAddresses } = certificateIdentity(certificate.raw).extensions.subjectAltNames;
      expect(dnsNames).toEqual(expect.arrayContaining(['n1', 'kubernetes', 'old.example', 'new.example']));
      expect(ipAddresses).toEqual(expect.arrayContaining(['10.96.0.1', '10.0.0.5', '192.0.2.9']));
      expect(certificate.verify(certificateAt('ca').publicKey)).toBe(true);
      expect(readFileSync(join(folder, 'apiserver.key'), 'utf8')).toBe(key);
      said = [];
      again(later, [crt()]);
      expect(said).toContain('Using existing apiserver certificate and key on disk');
    });

    it('are refused where an admin has put them there', () => {
      ensure();
      const because = `${crt()} does not hold for new.example, 192.0.2.9; remove it and its key, and run this again`;
      expect(problems([]).map(({ message }) => message)).toEqual([because]);
      expect(() => again(later, [])).toThrow(because);
    });

    it('are refused where they lack a name that every cluster has, too', () => {
      ensure();
      const moved = certificatePlan(
        initSettings({ certificateSans: ['new.example'] }, { advertiseAddress: '10.0.0.6' }),
      );
      expect(() => again(moved, [crt()])).toThrow('does not hold for new.example, 10.0.0.6; remove it');
    });
  });

  it('are refused where the node got another address meanwhile', () => {
    ensure();
    expect(() => ensure(NOW, certificatePlan(initSettings({}, { advertiseAddress: '10.0.0.6' })))).toThrow(
      'apiserver.crt does not hold for 10.0.0.6',
    );
  });
});

describe('the key of service accounts', () => {
  it('is made once, with its public half', () => {
    ensureServiceAccountKey({ pkiDir: folder }, say);
    const first = readFileSync(join(folder, 'sa.pub'), 'utf8');
    ensureServiceAccountKey({ pkiDir: folder }, say);
    expect(readFileSync(join(folder, 'sa.pub'), 'utf8')).toBe(first);
    expect(first).toContain('BEGIN PUBLIC KEY');
    expect(said).toEqual(['Generating "sa" key and public key', 'Using the existing "sa" key']);
  });

  const there = () => readdirSync(folder).map(name => [name, readFileSync(join(folder, name), 'utf8')]);
  const ensureKey = () => ensureServiceAccountKey({ pkiDir: folder }, say);

  it('gets the public half that a killed run has not written', () => {
    ensureKey();
    const whole = there();
    rmSync(join(folder, 'sa.pub'));
    expect(serviceAccountKeyProblems({ pkiDir: folder })).toEqual([]);
    ensureKey();
    expect(there()).toEqual(whole);
  });

  it('is not made anew beside the public half of one that was lost', () => {
    ensureKey();
    rmSync(join(folder, 'sa.key'));
    const left = there();
    const message = `${folder}/sa.pub is there and its key ${folder}/sa.key is not: put the key there from a backup; or remove ${folder}/sa.pub, and a new pair is made, by which all tokens of service accounts that the old one has signed end`;
    expect(ensureKey).toThrow(message);
    expect(there()).toEqual(left);
    expect(serviceAccountKeyProblems({ pkiDir: folder })).toEqual([{ path: join(folder, 'sa.pub'), message }]);
  });

  it.each([
    ['of another key', publicKeyPem(generateKey())],
    ['that is no key', 'hello'],
  ])('is refused beside a public half %s, and taken with that and its own', (_, other) => {
    ensureKey();
    const own = readFileSync(join(folder, 'sa.pub'), 'utf8');
    writeFileSync(join(folder, 'sa.pub'), other);
    expect(ensureKey).toThrow(`${folder}/sa.pub has not the public half of ${folder}/sa.key`);
    expect(serviceAccountKeyProblems({ pkiDir: folder })).toHaveLength(1);
    writeFileSync(join(folder, 'sa.pub'), `${other}\n${own}`);
    ensureKey();
  });
});

describe('a pki directory as it stands', () => {
  const problems = (now = NOW) => certificateProblems(rows, { pkiDir: folder, now }).map(({ message }) => message);

  it('is well where nothing stands, and where all of it does', () => {
    expect(problems()).toEqual([]);
    ensure();
    expect(problems()).toEqual([]);
  });

  it('is told of when half of it is missing', () => {
    ensure();
    rmSync(join(folder, 'ca.crt'));
    rmSync(join(folder, 'etcd/ca.key'));
    expect(problems()).toEqual([
      `${folder}/apiserver.crt is there, and ${folder}/ca.crt that signed it is not: put that and its key beside it, or remove ${folder}/apiserver.crt`,
      `${folder}/apiserver-kubelet-client.crt is there, and ${folder}/ca.crt that signed it is not: put that and its key beside it, or remove ${folder}/apiserver-kubelet-client.crt`,
      `${folder}/etcd/ca.crt is there and its key ${folder}/etcd/ca.key is not: put the key of this CA there, for gantry init signs certificates and kubeconfigs by it itself and takes none that were signed elsewhere (kubeadm's external CA mode); or remove ${folder}/etcd/ca.crt, and gantry init makes a CA of its own`,
    ]);
  });

  it('is told of when a certificate is foreign, or over', () => {
    ensure();
    writeFileSync(join(folder, 'front-proxy-client.crt'), readFileSync(join(folder, 'apiserver.crt')));
    expect(problems()).toEqual([
      `${folder}/front-proxy-client.crt is not of the key in ${folder}/front-proxy-client.key; remove it and its key, and run this again`,
    ]);
    expect(problems(NOW + 366 * DAY)).toHaveLength(7);
  });
});

import type { KeyObject } from 'node:crypto';
import { failedPrecondition } from '../../base/errors.ts';
import { type Issuer, parseCertificate, selfSignedCertificate } from '../../pki/certificate.ts';
import { generateKeyOf, type KeyAlgorithm } from '../../pki/key-algorithms.ts';
import { privateKeyPem, publicKeyPem } from '../../pki/keys.ts';
import { type Disk, realDisk } from '../disk.ts';
import type { Say } from '../phases.ts';
import { issueLeaf, specOfCertificate, validity } from './issue.ts';
import { type CertificateRow, certificateBaseName } from './plan.ts';
import { serviceAccountFiles, serviceAccountKeyProblems } from './service-account-key.ts';
import { type StandingPair, standingKey, standingPair } from './standing.ts';

/** How long new certificates hold, in ms. */
export interface CertificateLives {
  readonly leafMs: number;
  readonly caMs: number;
}

export interface EnsureOptions {
  readonly pkiDir: string;
  readonly lives: CertificateLives;
  /** Ms since the epoch. */
  readonly now: number;
  /** Of new keys. */
  readonly algorithm?: KeyAlgorithm;
  readonly disk?: Disk;
  /** Files that were made here: a certificate among them gets the names that an admin has added since, with its key and all its names. None unless given. */
  readonly made?: readonly string[];
}

/**
 * Makes every certificate that is not there, and checks those that are: that the key is theirs, that their CA signed them, that they hold now and
 * for the names that are wanted. Safe to repeat and to interrupt: a key is written before its certificate, and one that stands alone is used.
 * Throws `failed-precondition` that names the file and what to do with it.
 */
export function ensureCertificates(rows: readonly CertificateRow[], options: EnsureOptions, say: Say): void {
  const { pkiDir, disk = realDisk } = options;
  const issuers = new Map<string, Issuer>();
  for (const row of rows) {
    const crt = `${pkiDir}/${row.baseName}.crt`;
    const issuer =
      row.issuer === undefined ? undefined : (issuers.get(row.issuer) ?? standingIssuer(pkiDir, row.issuer, disk));
    if (disk.exists(crt)) {
      const found = standingPair(row, issuer, options);
      if (issuer === undefined) issuers.set(row.name, found);
      if (issuer !== undefined && found.lacks.length > 0) {
        say(`Making the ${row.name} certificate anew with the same key, for ${found.lacks.join(', ')} too`);
        disk.replace(crt, withNames(row, found, issuer, options));
        continue;
      }
      say(
        issuer === undefined
          ? `Using existing ${row.name} certificate authority`
          : `Using existing ${row.name} certificate and key on disk`,
      );
      continue;
    }
    say(`Generating "${row.name}" certificate and key`);
    const made = make(row, issuer, options);
    disk.write(crt, made.certificate.toString(), 0o644);
    if (issuer === undefined) issuers.set(row.name, made);
    if (row.names.dnsNames.length > 0 && issuer !== undefined)
      say(
        `${row.baseName} serving cert is signed for DNS names [${row.names.dnsNames.join(' ')}] and IPs [${row.names.ipAddresses.join(' ')}]`,
      );
  }
}

/** The pair that signs tokens of service accounts. Safe to repeat and to interrupt. Throws `failed-precondition` with what to do where the half or the pair that stands cannot be used. */
export function ensureServiceAccountKey(
  { pkiDir, algorithm, disk = realDisk }: Pick<EnsureOptions, 'pkiDir' | 'algorithm' | 'disk'>,
  say: Say,
): void {
  const [problem] = serviceAccountKeyProblems({ pkiDir, disk });
  if (problem !== undefined) throw failedPrecondition(problem.message);
  const { keyFile, publicFile } = serviceAccountFiles(pkiDir);
  say(disk.exists(keyFile) ? 'Using the existing "sa" key' : 'Generating "sa" key and public key');
  const key = keyAt(keyFile, disk, algorithm);
  if (!disk.exists(publicFile)) disk.write(publicFile, publicKeyPem(key), 0o644);
}

/** The CA of a run before, where this one makes what it signs alone. */
function standingIssuer(pkiDir: string, name: string, disk: Disk): Issuer {
  const path = `${pkiDir}/${certificateBaseName(name)}.crt`;
  if (!disk.exists(path))
    throw failedPrecondition(
      `${path} is not there: for a new cluster make it first (phase "certs ${name}"), in one that stands put it back from a backup`,
    );
  return readIssuer(pkiDir, certificateBaseName(name), disk);
}

/** The CA that is in the files, to sign with. Throws `failed-precondition` that names what is missing. */
export function readIssuer(pkiDir: string, baseName: string, disk: Disk = realDisk): Issuer {
  const path = `${pkiDir}/${baseName}`;
  for (const file of [`${path}.crt`, `${path}.key`])
    if (!disk.exists(file)) throw failedPrecondition(`${file} is not there: nothing can be signed without it`);
  return { certificate: parseCertificate(disk.read(`${path}.crt`)), key: standingKey(`${path}.key`, disk) };
}

/** The certificate with all the names that it has, and those that it lacks. */
function withNames(
  row: CertificateRow,
  { certificate, key, lacks }: StandingPair,
  issuer: Issuer,
  { now, lives }: EnsureOptions,
): string {
  const spec = specOfCertificate(certificate.toString(), key);
  const added = (of: 'dnsNames' | 'ipAddresses'): string[] => [
    ...(spec.names?.[of] ?? []),
    ...row.names[of].filter(name => lacks.includes(name)),
  ];
  const names = { dnsNames: added('dnsNames'), ipAddresses: added('ipAddresses') };
  return issueLeaf({ ...spec, names }, issuer, now, lives.leafMs);
}

function make(
  row: CertificateRow,
  issuer: Issuer | undefined,
  { pkiDir, lives, now, algorithm, disk = realDisk }: EnsureOptions,
): Issuer {
  const key = keyAt(`${pkiDir}/${row.baseName}.key`, disk, algorithm);
  const { subject, names, usages } = row;
  const made =
    issuer === undefined
      ? selfSignedCertificate(
          {
            subject,
            publicKey: key,
            subjectAltNames: names,
            ...validity(now, lives.caMs),
            keyUsages: ['digitalSignature', 'keyEncipherment', 'keyCertSign'],
            ca: {},
          },
          key,
        )
      : issueLeaf({ subject, publicKey: key, usages, names }, issuer, now, lives.leafMs);
  return { certificate: parseCertificate(made), key };
}

/** The key in the file, or a new one that is in it now. */
function keyAt(file: string, disk: Disk, algorithm: KeyAlgorithm | undefined): KeyObject {
  if (disk.exists(file)) return standingKey(file, disk);
  const key = generateKeyOf(algorithm);
  disk.write(file, privateKeyPem(key), 0o600);
  return key;
}

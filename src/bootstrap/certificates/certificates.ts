import type { KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { errorMessage, failedPrecondition } from '../../base/errors.ts';
import { writeFileAtomic } from '../../linux/atomic-file.ts';
import { certificateIdentity, type Issuer, parseCertificate, selfSignedCertificate } from '../../pki/certificate.ts';
import { generateKey, privateKeyPem, publicKeyPem, readPrivateKey } from '../../pki/keys.ts';
import type { Say } from '../phases.ts';
import { issueLeaf, validity } from './issue.ts';
import { type CertificateRow, certificateBaseName } from './plan.ts';

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
}

/**
 * Makes every certificate that is not there, and checks those that are: that the key is theirs, that their CA signed them, that they hold now and
 * for the names that are wanted. Safe to repeat and to interrupt: a key is written before its certificate, and one that stands alone is used.
 * Throws `failed-precondition` that names the file and what to do with it.
 */
export function ensureCertificates(
  rows: readonly CertificateRow[],
  { pkiDir, lives, now }: EnsureOptions,
  say: Say,
): void {
  const issuers = new Map<string, Issuer>();
  for (const row of rows) {
    const crt = `${pkiDir}/${row.baseName}.crt`;
    const keyFile = `${pkiDir}/${row.baseName}.key`;
    const issuer =
      row.issuer === undefined ? undefined : (issuers.get(row.issuer) ?? standingIssuer(pkiDir, row.issuer));
    if (existsSync(crt)) {
      const found = checkPair(row, crt, keyFile, issuer, now);
      if (issuer === undefined) issuers.set(row.name, found);
      say(
        issuer === undefined
          ? `Using existing ${row.name} certificate authority`
          : `Using existing ${row.name} certificate and key on disk`,
      );
      continue;
    }
    say(`Generating "${row.name}" certificate and key`);
    const made = make(row, keyFile, issuer, { lives, now });
    writeFileAtomic(crt, made.certificate.toString(), { mode: 0o644, durable: true });
    if (issuer === undefined) issuers.set(row.name, made);
    if (row.names.dnsNames.length > 0 && issuer !== undefined)
      say(
        `${row.baseName} serving cert is signed for DNS names [${row.names.dnsNames.join(' ')}] and IPs [${row.names.ipAddresses.join(' ')}]`,
      );
  }
}

/** The pair that signs tokens of service accounts. Safe to repeat. */
export function ensureServiceAccountKey(pkiDir: string, say: Say): void {
  const keyFile = `${pkiDir}/sa.key`;
  const publicFile = `${pkiDir}/sa.pub`;
  const isThere = existsSync(keyFile);
  say(isThere ? 'Using the existing "sa" key' : 'Generating "sa" key and public key');
  const key = keyAt(keyFile);
  if (!existsSync(publicFile)) writeFileAtomic(publicFile, publicKeyPem(key), { mode: 0o644, durable: true });
}

/** The CA of a run before, where this one makes what it signs alone. */
function standingIssuer(pkiDir: string, name: string): Issuer {
  const path = `${pkiDir}/${certificateBaseName(name)}.crt`;
  if (!existsSync(path)) throw failedPrecondition(`${path} is not there yet: make it first (phase "certs ${name}")`);
  return readIssuer(pkiDir, certificateBaseName(name));
}

/** The CA that is in the files, to sign with. */
export function readIssuer(pkiDir: string, baseName: string): Issuer {
  return {
    certificate: parseCertificate(readFileSync(`${pkiDir}/${baseName}.crt`)),
    key: readPrivateKey(readFileSync(`${pkiDir}/${baseName}.key`, 'utf8')),
  };
}

function make(
  row: CertificateRow,
  keyFile: string,
  issuer: Issuer | undefined,
  { lives, now }: Pick<EnsureOptions, 'lives' | 'now'>,
): Issuer {
  const key = keyAt(keyFile);
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
function keyAt(file: string): KeyObject {
  if (existsSync(file)) {
    try {
      return readPrivateKey(readFileSync(file, 'utf8'));
    } catch (error) {
      throw failedPrecondition(`${file}: ${errorMessage(error)}; remove it to have a new one made`);
    }
  }
  const key = generateKey();
  writeFileAtomic(file, privateKeyPem(key), { mode: 0o600, durable: true });
  return key;
}

function checkPair(row: CertificateRow, crt: string, keyFile: string, issuer: Issuer | undefined, now: number): Issuer {
  const wrong = (what: string): Error =>
    failedPrecondition(`${crt} ${what}; remove it and its key, and run this again`);
  let certificate: Issuer['certificate'];
  let names: CertificateRow['names'];
  try {
    certificate = parseCertificate(readFileSync(crt));
    names = certificateIdentity(certificate.raw).extensions.subjectAltNames;
  } catch (error) {
    throw wrong(`is no certificate (${errorMessage(error)})`);
  }
  if (!existsSync(keyFile))
    throw failedPrecondition(`${crt} is there and its key ${keyFile} is not: put the key beside it, or remove it`);
  const key = keyAt(keyFile);
  if (!certificate.checkPrivateKey(key)) throw wrong(`is not of the key in ${keyFile}`);
  if (issuer !== undefined && !certificate.verify(publicOf(issuer))) throw wrong(`is not signed by the ${row.issuer}`);
  if (Date.parse(certificate.validTo) <= now) throw wrong(`has expired at ${certificate.validTo}`);
  if (Date.parse(certificate.validFrom) > now)
    throw wrong(`is not valid before ${certificate.validFrom}: is the clock right?`);
  const missing = [
    ...row.names.dnsNames.filter(name => !names.dnsNames.includes(name)),
    ...row.names.ipAddresses.filter(ip => !names.ipAddresses.includes(ip)),
  ];
  if (issuer !== undefined && missing.length > 0) throw wrong(`does not hold for ${missing.join(', ')}`);
  return { certificate, key };
}

function publicOf({ certificate }: Issuer): KeyObject {
  return certificate.publicKey;
}

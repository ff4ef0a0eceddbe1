import type { KeyObject } from 'node:crypto';
import { errorMessage, failedPrecondition } from '../../base/errors.ts';
import { certificateIdentity, type Issuer, parseCertificate } from '../../pki/certificate.ts';
import { readPrivateKey } from '../../pki/keys.ts';
import { type Disk, realDisk } from '../disk.ts';
import { type CertificateRow, certificateBaseName } from './plan.ts';

export interface StandingOptions {
  readonly pkiDir: string;
  /** Ms since the epoch. */
  readonly now: number;
  readonly disk?: Disk;
  /** Files that were made here, as the marker has them: a certificate among them that lacks names an admin asks for is made anew with them. */
  readonly made?: readonly string[];
}

/** A pair that stands, and the names that it is to get; the latter of such as were made here alone. */
export interface StandingPair extends Issuer {
  readonly lacks: readonly string[];
}

/** A pair that stands on disk, checked: that the key is its, that its CA signed it, that it holds now and for the names that are wanted. Throws `failed-precondition` with what to do. */
export function standingPair(row: CertificateRow, issuer: Issuer | undefined, options: StandingOptions): StandingPair {
  const { pkiDir, now, disk = realDisk, made = [] } = options;
  const crt = `${pkiDir}/${row.baseName}.crt`;
  const keyFile = `${pkiDir}/${row.baseName}.key`;
  const remedy =
    issuer === undefined
      ? 'put the right one and its key there from a backup, or, for a new cluster, remove both'
      : 'remove it and its key';
  const wrong = (what: string): Error => failedPrecondition(`${crt} ${what}; ${remedy}, and run this again`);
  let certificate: Issuer['certificate'];
  let names: CertificateRow['names'];
  try {
    certificate = parseCertificate(disk.read(crt));
    names = certificateIdentity(certificate.raw).extensions.subjectAltNames;
  } catch (error) {
    throw wrong(`is no certificate (${errorMessage(error)})`);
  }
  if (!disk.exists(keyFile))
    throw failedPrecondition(
      issuer === undefined
        ? `${crt} is there and its key ${keyFile} is not: put the key of this CA there, for gantry init signs certificates and kubeconfigs by it itself and takes none that were signed elsewhere (kubeadm's external CA mode); or remove ${crt}, and gantry init makes a CA of its own`
        : `${crt} is there and its key ${keyFile} is not: put the key beside it, or remove it`,
    );
  const key = standingKey(keyFile, disk);
  if (!certificate.checkPrivateKey(key)) throw wrong(`is not of the key in ${keyFile}`);
  if (issuer !== undefined && !certificate.verify(issuer.certificate.publicKey))
    throw wrong(`is not signed by the ${row.issuer}`);
  if (Date.parse(certificate.validTo) <= now)
    throw failedPrecondition(
      issuer === undefined
        ? `${crt} has expired at ${certificate.validTo}, and CAs are not renewed: "gantry reset" and "gantry init" make a new cluster`
        : expiredMessage(crt, certificate),
    );
  if (Date.parse(certificate.validFrom) > now)
    throw wrong(`is not valid before ${certificate.validFrom}: is the clock right?`);
  if (issuer === undefined) return { certificate, key, lacks: [] };
  const lacks = [
    ...row.names.dnsNames.filter(name => !names.dnsNames.includes(name)),
    ...row.names.ipAddresses.filter(ip => !names.ipAddresses.includes(ip)),
  ];
  const mayGetThem = made.includes(crt) && lacks.every(name => row.furtherNames.includes(name));
  if (lacks.length > 0 && !mayGetThem) throw wrong(`does not hold for ${lacks.join(', ')}`);
  return { certificate, key, lacks };
}

/** What to do about one that is over and can be made anew as it was. */
export function expiredMessage(path: string, { validTo }: Pick<Issuer['certificate'], 'validTo'>): string {
  return `${path} has expired at ${validTo}: run "gantry certs renew all", and this again`;
}

/** The private key in a file. Throws `failed-precondition` that names it. */
export function standingKey(file: string, disk: Disk): KeyObject {
  try {
    return readPrivateKey(disk.read(file));
  } catch (error) {
    throw failedPrecondition(
      `${file}: ${errorMessage(error)}; put the right one there from a backup, or, where nothing goes by it yet, remove it to have a new one made`,
    );
  }
}

/** A file of a pki directory that is in the way. */
export interface CertificateProblem {
  readonly path: string;
  /** The whole sentence, with what to do. */
  readonly message: string;
}

/** All that speaks against a pki directory as it stands: pairs of others, half of one, what has expired. Nothing where nothing stands. Changes nothing. */
export function certificateProblems(
  rows: readonly CertificateRow[],
  options: StandingOptions,
): readonly CertificateProblem[] {
  const { pkiDir, disk = realDisk } = options;
  const issuers = new Map<string, Issuer>();
  return rows.flatMap(row => {
    const path = `${pkiDir}/${row.baseName}.crt`;
    if (!disk.exists(path)) return [];
    const authority = row.issuer === undefined ? undefined : `${pkiDir}/${certificateBaseName(row.issuer)}.crt`;
    if (authority !== undefined && !disk.exists(authority)) {
      const message = `${path} is there, and ${authority} that signed it is not: put that and its key beside it, or remove ${path}`;
      return [{ path, message }];
    }
    try {
      const issuer = row.issuer === undefined ? undefined : issuers.get(row.issuer);
      // a CA that is wrong itself is told of once
      if (row.issuer !== undefined && issuer === undefined) return [];
      const pair = standingPair(row, issuer, options);
      if (row.issuer === undefined) issuers.set(row.name, pair);
      return [];
    } catch (error) {
      return [{ path, message: errorMessage(error) }];
    }
  });
}

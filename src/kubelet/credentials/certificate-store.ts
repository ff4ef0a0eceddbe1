import { mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { errnoName } from '../../base/errors.ts';
import { writeFileAtomic } from '../../linux/atomic-file.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import { parseCertificate } from '../../pki/certificate.ts';
import { readPrivateKey } from '../../pki/keys.ts';

/** Where a certificate with its key is found, whichever is the newest: `<dir>/<name>-current.pem`. */
export function currentPath(directory: string, name: string): string {
  return `${directory}/${name}-current.pem`;
}

/**
 * Keeps a certificate with its key in one file that says when it came, and turns the link `<name>-current.pem` to it in one step. A reader sees the old pair or
 * the new one. Older files stay, as upstream leaves them.
 */
export function storeCertificate(directory: string, name: string, pem: string, now: Date): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const stamp = now.toISOString().slice(0, 19).replace(/[T:]/g, '-');
  const file = `${name}-${stamp}.pem`;
  writeFileAtomic(`${directory}/${file}`, pem, { mode: 0o600, durable: true });
  faultPoint('node-credentials/certificate-written');
  const current = currentPath(directory, name);
  const temporary = `${current}.new`;
  rmSync(temporary, { force: true });
  symlinkSync(`${directory}/${file}`, temporary);
  renameSync(temporary, current);
  return current;
}

/** A certificate with its key that is kept. Times in ms since the epoch. */
export interface StoredCertificate {
  readonly cert: string;
  readonly key: string;
  readonly notAfter: number;
  /** When its life began: signers date back, by more than a short life is long, so not before it was stored. */
  readonly since: number;
}

/** The newest of them; undefined where there is none, or none whose parts go together. */
export function readStored(directory: string, name: string): StoredCertificate | undefined {
  const path = currentPath(directory, name);
  const pem = readIfThere(path);
  if (pem === undefined) return undefined;
  try {
    const certificate = parseCertificate(pem);
    if (!certificate.checkPrivateKey(readPrivateKey(pem))) return undefined;
    const [notBefore, notAfter] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
    const stored = statSync(path).mtimeMs;
    return { cert: pem, key: pem, notAfter, since: stored < notAfter ? Math.max(notBefore, stored) : notBefore };
  } catch {
    return undefined;
  }
}

/** The text of a file; undefined where there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return undefined;
    throw error;
  }
}

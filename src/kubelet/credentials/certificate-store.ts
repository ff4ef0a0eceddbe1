import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { errnoName } from '../../base/errors.ts';
import { writeFileAtomic } from '../../linux/atomic-file.ts';
import { faultPoint } from '../../linux/fault-point.ts';

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

/** The text of a file; undefined where there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return undefined;
    throw error;
  }
}

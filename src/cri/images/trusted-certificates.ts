import { readFileSync, type Stats, statSync } from 'node:fs';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';

/** The bundle that Debian's ca-certificates keeps; SSL_CERT_FILE names another, as for other programs. */
const SYSTEM_CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

let last: { readonly version: string; readonly context: SecureContext } | undefined;

/**
 * The certificates of registries that are trusted, those that Node brings where the machine has no bundle. Made once and again when the file is another
 * one: parsing a bundle stops the process for some 40 ms, which every connection would cost otherwise.
 */
export function trustedCertificates(): SecureContext {
  const file = process.env['SSL_CERT_FILE'] ?? SYSTEM_CERTIFICATES;
  const found = statSync(file, { throwIfNoEntry: false });
  const version = `${file} ${found === undefined ? '' : versionOf(found)}`;
  if (last?.version !== version) last = { version, context: createSecureContext({ ca: read(file) }) };
  return last.context;
}

function versionOf({ dev, ino, size, mtimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs].join(' ');
}

function read(file: string): string | string[] {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return [...rootCertificates];
  }
}

import { readFileSync, type Stats, statSync } from 'node:fs';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { errnoName, errorMessage, failedPrecondition } from '../../base/errors.ts';
import type { RegistryTls } from './registry-access.ts';

/** The bundle that Debian's ca-certificates keeps; SSL_CERT_FILE names another, as for other programs. */
const SYSTEM_CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
/** Contexts that are kept: one for each set of files of hosts.toml, and that of the machine. */
const MAX_CONTEXTS = 32;

const contexts = new Map<string, { readonly version: string; readonly context: SecureContext }>();

/**
 * What connections to registries trust and show: the certificates of the machine (those that Node brings where it has no bundle) and, beside them, the
 * files of `tls`. Made once and again when a file is another one: parsing a bundle stops the process for some 40 ms, which every connection would cost
 * otherwise. Throws `failed-precondition` naming a file that cannot be read or is no certificate.
 */
export function contextFor(tls: RegistryTls | undefined): SecureContext {
  const bundle = process.env['SSL_CERT_FILE'] ?? SYSTEM_CERTIFICATES;
  const caFiles = tls?.caFiles ?? [];
  const pairs = tls?.clientPairs ?? [];
  const files = [bundle, ...caFiles, ...pairs.flat()];
  const key = JSON.stringify([caFiles, pairs]);
  const version = JSON.stringify(files.map(file => [file, versionOf(statSync(file, { throwIfNoEntry: false }))]));
  const known = contexts.get(key);
  if (known?.version === version) return known.context;
  const context = createContext(bundle, caFiles, pairs);
  contexts.delete(key);
  contexts.set(key, { version, context });
  const [oldest] = contexts.keys();
  if (contexts.size > MAX_CONTEXTS && oldest !== undefined) contexts.delete(oldest);
  return context;
}

function createContext(
  bundle: string,
  caFiles: readonly string[],
  pairs: readonly (readonly [string, string])[],
): SecureContext {
  const own = caFiles.map(file => {
    const text = readText(file, 'the certificate authority');
    if (!text.includes('-----BEGIN CERTIFICATE-----'))
      throw failedPrecondition(`the certificate authority ${file} of a registry holds no PEM certificate`);
    return text;
  });
  const cert = pairs.map(([file]) => readText(file, 'the client certificate'));
  const key = pairs.map(([, file]) => readText(file, 'the client key'));
  try {
    return createSecureContext({
      ca: [...systemCertificates(bundle), ...own],
      ...(pairs.length === 0 ? {} : { cert, key }),
    });
  } catch (error) {
    const files = [...caFiles, ...pairs.flat()].join(', ');
    throw failedPrecondition(`certificates of a registry cannot be used (${files}): ${errorMessage(error)}`);
  }
}

function versionOf(found: Stats | undefined): string {
  return found === undefined ? '' : [found.dev, found.ino, found.size, found.mtimeMs].join(' ');
}

function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw failedPrecondition(
      `${what} ${file} of a registry cannot be read: ${errnoName(error) ?? errorMessage(error)}`,
    );
  }
}

function systemCertificates(bundle: string): readonly string[] {
  try {
    return [readFileSync(bundle, 'utf8')];
  } catch {
    return rootCertificates;
  }
}

import { stringify } from 'yaml';
import { errorMessage } from '../../base/errors.ts';
import { certificateIdentity, parseCertificate } from '../../pki/certificate.ts';
import type { Disk } from '../disk.ts';
import type { Services } from '../services.ts';

/** What a dry run takes for the machine: it reads what stands, keeps in memory what would be written, and tells it without secrets. Nothing is changed. */

/** A disk whose changes are told and forgotten. */
export function dryDisk(real: Disk, print: (text: string) => void): Disk {
  const written = new Map<string, string>();
  const tell = (path: string, text: string, how: string): void => {
    const before = written.get(path) ?? (real.exists(path) ? real.read(path) : undefined);
    written.set(path, text);
    const verb = before === undefined ? 'write' : before === text ? 'leave' : 'replace';
    print(`[dryrun] Would ${verb} file "${path}"${how}`);
    if (verb !== 'leave') print(indented(shownText(text)));
  };
  return {
    exists: path => written.has(path) || real.exists(path),
    read: path => written.get(path) ?? real.read(path),
    write: (path, text, mode) => tell(path, text, ` (mode ${mode.toString(8).padStart(4, '0')})`),
    replace: (path, text) => tell(path, text, ''),
    makeDirectory(path, mode) {
      if (!real.exists(path)) print(`[dryrun] Would make the directory "${path}" (mode ${mode.toString(8)})`);
    },
  };
}

/** Services that are told and not started. */
export function dryServices(real: Services, print: (text: string) => void): Services {
  return {
    ...real,
    async start({ name, argv }) {
      const running = (await real.isRunning(name)) ? 'which runs already, if that differs' : 'and enable it';
      print(`[dryrun] Would start ${name}, ${running}, as:`);
      print(indented(argv.join(' \\\n  ')));
    },
  };
}

/** An object as it would be written. */
export function dryObject(object: {
  readonly kind?: string | undefined;
  readonly metadata: { readonly name?: string | undefined };
}): string {
  return `[dryrun] Would write the ${object.kind} "${object.metadata.name}":\n${indented(shownText(stringify(shownObject(object), { lineWidth: 0 })))}`;
}

const WITHHELD = '(not shown)';

function shownObject(object: object): object {
  const { kind, data } = object as { readonly kind?: string; readonly data?: Readonly<Record<string, unknown>> };
  if (kind !== 'Secret') return object;
  return { ...object, data: Object.fromEntries(Object.keys(data ?? {}).map(key => [key, WITHHELD])) };
}

/** A text for people: certificates by what they say, keys and tokens not at all. Pure but for nothing. */
export function shownText(text: string): string {
  return text
    .replace(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n?/g, pem => `${certificateLine(pem)}\n`)
    .replace(/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?-----END \1-----\n?/g, `a private key ${WITHHELD}\n`)
    .replace(/^(\s*(?:client-key-data|token|password):).*$/gm, `$1 ${WITHHELD}`)
    .replace(
      /^(\s*(?:certificate-authority|client-certificate)-data:) (\S+)$/gm,
      (_, name: string, data: string) => `${name} ${certificateLine(Buffer.from(data, 'base64').toString())}`,
    );
}

function certificateLine(pem: string): string {
  try {
    const certificate = parseCertificate(pem);
    const { commonName, organizations, extensions } = certificateIdentity(certificate.raw);
    const { dnsNames, ipAddresses } = extensions.subjectAltNames;
    const names = [...dnsNames, ...ipAddresses];
    const parts = [
      `${extensions.isCa === true ? 'a CA' : 'a certificate'} of ${[`CN=${commonName}`, ...organizations.map(name => `O=${name}`)].join(', ')}`,
      ...(names.length === 0 ? [] : [`for ${names.join(', ')}`]),
      `until ${certificate.validTo}`,
    ];
    return parts.join(' ');
  } catch (error) {
    return `a certificate that cannot be read (${errorMessage(error)})`;
  }
}

function indented(text: string): string {
  return text.trimEnd().replace(/^/gm, '\t');
}

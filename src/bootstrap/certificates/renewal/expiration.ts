import { existsSync } from 'node:fs';
import { humanDuration } from '../../../api/human-duration.ts';
import type { Files } from '../../files.ts';
import { formatTable } from '../../table.ts';
import {
  AUTHORITIES,
  type AuthorityName,
  managedAuthorities,
  managedCertificates,
  readAuthority,
  readManaged,
} from './inventory.ts';

/** A row of what `check-expiration` shows. */
export interface ExpirationRow {
  readonly name: string;
  readonly state: 'present' | 'missing' | 'unreadable';
  /** Ms since the epoch; NaN unless it is present. */
  readonly notAfter: number;
  /** Of a certificate; undefined of a CA. */
  readonly authority?: AuthorityName;
  /** The key of its CA is not here, so that it cannot be renewed here. */
  readonly external: boolean;
}

/** The certificates of this machine and their CAs. On a machine that is no control plane those of its kubelet alone. */
export function expirations(files: Files): {
  readonly certificates: readonly ExpirationRow[];
  readonly authorities: readonly ExpirationRow[];
} {
  const isControlPlane = existsSync(files.adminConf) || existsSync(`${files.pkiDir}/apiserver.crt`);
  const hasKey = (name: AuthorityName): boolean => existsSync(`${files.pkiDir}/${AUTHORITIES[name]}.key`);
  const certificates = managedCertificates(files).flatMap((managed): readonly ExpirationRow[] => {
    const { name, authority, ofKubelet } = managed;
    const found = readManaged(managed);
    // the kubelet has one of two, and kubeadm shows neither where there is none
    if (found.state === 'missing' && (ofKubelet || !isControlPlane)) return [];
    const notAfter = found.state === 'present' ? found.notAfter : Number.NaN;
    return [{ name, state: found.state, notAfter, authority, external: !hasKey(authority) }];
  });
  const names = managedAuthorities(files);
  const authorities = (isControlPlane ? names : names.filter(name => name === 'ca')).map((name): ExpirationRow => {
    const found = readAuthority(files, name);
    const notAfter = found.state === 'present' ? found.notAfter : Number.NaN;
    return { name, state: found.state, notAfter, external: !hasKey(name) };
  });
  return { certificates, authorities };
}

/** kubeadm's two tables. */
export function expirationTables({ certificates, authorities }: ReturnType<typeof expirations>, now: number): string {
  const cells = (row: ExpirationRow): readonly string[] => {
    const { name, state, notAfter, authority, external } = row;
    const more = authority === undefined ? [] : [authority];
    if (state !== 'present')
      return [`${state === 'missing' ? '!MISSING!' : '!UNREADABLE!'} ${name}`, '', '', ...more.map(() => ''), ''];
    return [name, dateText(notAfter), humanDuration(notAfter - now), ...more, (external ? 'yes' : 'no').padEnd(8)];
  };
  return formatTable([
    ['CERTIFICATE', 'EXPIRES', 'RESIDUAL TIME', 'CERTIFICATE AUTHORITY', 'EXTERNALLY MANAGED'],
    ...certificates.map(cells),
  ]).concat(
    '\n',
    formatTable([
      ['CERTIFICATE AUTHORITY', 'EXPIRES', 'RESIDUAL TIME', 'EXTERNALLY MANAGED'],
      ...authorities.map(cells),
    ]),
  );
}

/** kubeadm's CertificateExpirationInfo. */
export function expirationDocument({ certificates, authorities }: ReturnType<typeof expirations>, now: number): object {
  const entry = ({ name, state, notAfter, authority, external }: ExpirationRow): object =>
    state === 'present'
      ? {
          name,
          expirationDate: new Date(notAfter).toISOString().replace(/\.\d+Z$/, 'Z'),
          residualTime: Math.trunc((notAfter - now) / 1000),
          externallyManaged: external,
          ...(authority === undefined ? {} : { caName: authority }),
          missing: false,
        }
      : { name, expirationDate: null, residualTime: 0, externallyManaged: false, missing: true };
  return {
    kind: 'CertificateExpirationInfo',
    apiVersion: 'output.kubeadm.k8s.io/v1alpha3',
    certificates: certificates.map(entry),
    certificateAuthorities: authorities.map(entry),
  };
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Jan 02, 2006 15:04 UTC`. */
function dateText(ms: number): string {
  const date = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${MONTHS[date.getUTCMonth()]} ${two(date.getUTCDate())}, ${date.getUTCFullYear()}`;
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())} UTC`;
}

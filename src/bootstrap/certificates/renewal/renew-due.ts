import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { errorMessage } from '../../../base/errors.ts';
import { kubeconfigReferences } from '../../../client/kubeconfig.ts';
import type { Issuer } from '../../../pki/certificate.ts';
import { parseCertificate } from '../../../pki/certificate.ts';
import type { Files } from '../../files.ts';
import {
  type AuthorityName,
  authorityOf,
  isIssuedBy,
  type ManagedCertificate,
  managedCertificates,
  readCertificateFile,
  readManaged,
} from './inventory.ts';
import { renewalPlan, type SeenCertificate } from './plan.ts';
import { renewCertificate } from './renew.ts';

export interface RenewedCertificate {
  readonly name: string;
  readonly because: string;
  /** Ms since the epoch. */
  readonly notAfter: number;
}

export interface RenewalResult {
  readonly renewed: readonly RenewedCertificate[];
  readonly failed: readonly { readonly name: string; readonly because: string }[];
  readonly warnings: readonly string[];
  /** When there is something to do next, in ms since the epoch. */
  readonly nextAt: number | undefined;
  /** Name and end of each that is there now. */
  readonly ends: ReadonlyMap<string, number>;
}

export interface RenewDueOptions {
  readonly now: number;
  readonly lifeMs: number;
  /** Certificates that are used here and kept elsewhere, by paths: they are warned of, in place of being renewed. */
  readonly others?: readonly string[];
  /** Whether the directories of the kubelet's certificates can be read, which may be on a disk that hangs: a control plane must not wait for that. False leaves them out; all can unless given. */
  readonly answers?: ((directory: string) => Promise<boolean>) | false;
}

/** Renews on disk what is due of the certificates of this control plane. Safe to repeat and to be killed in; one that fails does not keep back the others. */
export async function renewDueCertificates(
  files: Files,
  { now, lifeMs, others = [], answers = () => Promise.resolve(true) }: RenewDueOptions,
): Promise<RenewalResult> {
  const failed: { name: string; because: string }[] = [];
  const authorities = new Map<AuthorityName, Issuer | undefined>();
  const issuerOf = (name: AuthorityName): Issuer | undefined => {
    if (!authorities.has(name)) authorities.set(name, authorityOf(files, name));
    return authorities.get(name);
  };
  const found = new Map<string, { readonly managed: ManagedCertificate; readonly pem: string }>();
  const seen: SeenCertificate[] = [];
  const silent: string[] = [];
  for (const managed of managedCertificates(files)) {
    const { name, authority, ofKubelet, at } = managed;
    if (ofKubelet && answers === false) continue;
    try {
      const hung = ofKubelet && answers !== false ? await firstSilent(directoriesOf(at), answers) : undefined;
      if (hung !== undefined) {
        silent.push(`${name} is not looked at: the disk or server of ${hung} does not answer`);
        continue;
      }
      const present = readManaged(managed);
      if (present.state === 'unreadable') failed.push({ name, because: present.because });
      if (present.state !== 'present') continue;
      const issuer = issuerOf(authority);
      const isOurs = issuer !== undefined && isIssuedBy(present.pem, issuer);
      found.set(name, { managed, pem: present.pem });
      seen.push({
        name,
        notBefore: present.notBefore,
        notAfter: present.notAfter,
        caNotAfter: isOurs ? Date.parse(issuer.certificate.validTo) : undefined,
        onlyExpired: ofKubelet,
      });
    } catch (error) {
      failed.push({ name, because: errorMessage(error) });
    }
  }
  for (const path of others) {
    const present = readCertificateFile(path);
    if (present.state !== 'present') continue;
    const { notBefore, notAfter } = present;
    seen.push({ name: path, notBefore, notAfter, caNotAfter: undefined, onlyExpired: false, isForeign: true });
  }
  const { due, warnings, nextAt } = renewalPlan(seen, now, lifeMs);
  const ends = new Map(seen.map(({ name, notAfter }) => [name, notAfter]));
  const renewed: RenewedCertificate[] = [];
  for (const { name, because } of due) {
    const { managed, pem } = found.get(name) ?? {};
    const issuer = managed === undefined ? undefined : issuerOf(managed.authority);
    if (managed === undefined || pem === undefined || issuer === undefined) continue;
    // each waits for the disk, and others want the event loop, too
    await setImmediate();
    try {
      const cert = renewCertificate(managed, pem, issuer, { now, lifeMs });
      const notAfter = Date.parse(parseCertificate(cert).validTo);
      ends.set(name, notAfter);
      renewed.push({ name, because, notAfter });
    } catch (error) {
      failed.push({ name, because: errorMessage(error) });
    }
  }
  return { renewed, failed, warnings: [...silent, ...warnings], nextAt, ends };
}

/** Where what is read of a certificate lies: a kubeconfig names files in other places. */
function directoriesOf(at: ManagedCertificate['at']): readonly string[] {
  if (at.form === 'pair') return [dirname(at.certificate)];
  return [...new Set([at.path, ...(at.form === 'kubeconfig' ? kubeconfigReferences(at.path) : [])].map(dirname))];
}

async function firstSilent(
  directories: readonly string[],
  answers: (directory: string) => Promise<boolean>,
): Promise<string | undefined> {
  for (const directory of directories) if (!(await answers(directory))) return directory;
  return undefined;
}

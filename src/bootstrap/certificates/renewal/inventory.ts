import { existsSync, readFileSync } from 'node:fs';
import { errnoName, errorMessage } from '../../../base/errors.ts';
import { readKubeconfig } from '../../../client/kubeconfig.ts';
import { type Issuer, parseCertificate } from '../../../pki/certificate.ts';
import type { Files } from '../../files.ts';
import { readMarker } from '../../marker.ts';
import { readIssuer } from '../certificates.ts';

/** The CAs of a control plane by kubeadm's names, and where they are below its certificate directory. */
export const AUTHORITIES = { ca: 'ca', 'etcd-ca': 'etcd/ca', 'front-proxy-ca': 'front-proxy-ca' } as const;
export type AuthorityName = keyof typeof AUTHORITIES;

/** A certificate that is kept new. */
export interface ManagedCertificate {
  /** kubeadm's. */
  readonly name: string;
  /** For people; kubeadm's. */
  readonly longName: string;
  readonly authority: AuthorityName;
  /** Where it is: with its key in two files, within a kubeconfig, or with its key in one file. */
  readonly at:
    | { readonly form: 'pair'; readonly certificate: string; readonly key: string }
    | { readonly form: 'kubeconfig'; readonly path: string }
    | { readonly form: 'bundle'; readonly path: string };
  /** It belongs to the kubelet, which asks for its next one itself. */
  readonly ofKubelet: boolean;
}

/** kubeadm's, in its order, and those of the kubelet, which it leaves alone. Where the etcd is somebody else's, so are its certificates: none of them is among these. */
export function managedCertificates(
  files: Files,
  isOurEtcd: boolean = hasOurEtcd(files),
): readonly ManagedCertificate[] {
  const names = managedAuthorities(files, isOurEtcd);
  return allCertificates(files).filter(({ authority }) => names.includes(authority));
}

/** The CAs that sign what is kept new here. */
export function managedAuthorities(files: Files, isOurEtcd: boolean = hasOurEtcd(files)): readonly AuthorityName[] {
  return (Object.keys(AUTHORITIES) as AuthorityName[]).filter(name => isOurEtcd || name !== 'etcd-ca');
}

/** False where the etcd of the cluster is somebody else's. */
export function hasOurEtcd(files: Files): boolean {
  return readMarker(files)?.externalEtcd === undefined;
}

function allCertificates(files: Files): readonly ManagedCertificate[] {
  const pair = (name: string, authority: AuthorityName, longName: string, base = name): ManagedCertificate => ({
    name,
    longName,
    authority,
    at: { form: 'pair', certificate: `${files.pkiDir}/${base}.crt`, key: `${files.pkiDir}/${base}.key` },
    ofKubelet: false,
  });
  const kubeconfig = (path: string, longName: string, ofKubelet = false): ManagedCertificate => ({
    name: path.slice(path.lastIndexOf('/') + 1),
    longName,
    authority: 'ca',
    at: { form: 'kubeconfig', path },
    ofKubelet,
  });
  return [
    kubeconfig(
      files.adminConf,
      'certificate embedded in the kubeconfig file for the admin to use and for kubeadm itself',
    ),
    pair('apiserver', 'ca', 'certificate for serving the Kubernetes API'),
    pair('apiserver-etcd-client', 'etcd-ca', 'certificate the apiserver uses to access etcd'),
    pair('apiserver-kubelet-client', 'ca', 'certificate for the API server to connect to kubelet'),
    kubeconfig(
      files.controllerManagerConf,
      'certificate embedded in the kubeconfig file for the controller manager to use',
    ),
    pair(
      'etcd-healthcheck-client',
      'etcd-ca',
      'certificate for liveness probes to healthcheck etcd',
      'etcd/healthcheck-client',
    ),
    pair('etcd-peer', 'etcd-ca', 'certificate for etcd nodes to communicate with each other', 'etcd/peer'),
    pair('etcd-server', 'etcd-ca', 'certificate for serving etcd', 'etcd/server'),
    pair('front-proxy-client', 'front-proxy-ca', 'certificate for the front proxy client'),
    kubeconfig(files.schedulerConf, 'certificate embedded in the kubeconfig file for the scheduler manager to use'),
    kubeconfig(files.superAdminConf, 'certificate embedded in the kubeconfig file for the super-admin'),
    kubeconfig(files.kubeletConf, 'certificate embedded in the kubeconfig file for the kubelet to use', true),
    {
      name: 'kubelet-client',
      longName: 'certificate for the kubelet to connect to the API server',
      authority: 'ca',
      at: { form: 'bundle', path: files.kubeletClientPem },
      ofKubelet: true,
    },
  ];
}

/** What is at its place. A kubeconfig that names files, as the kubelet's does, has no certificate of its own: it is missing there. */
export type FoundCertificate =
  | { readonly state: 'missing' }
  | { readonly state: 'unreadable'; readonly because: string }
  | { readonly state: 'present'; readonly pem: string; readonly notBefore: number; readonly notAfter: number };

export function readManaged({ at }: ManagedCertificate): FoundCertificate {
  return readPem(() => pemAt(at));
}

/** The same for a certificate in a file of its own. */
export function readCertificateFile(path: string): FoundCertificate {
  return readPem(() => readFileSync(path, 'utf8'));
}

/** The same for a CA. */
export function readAuthority(files: Files, name: AuthorityName): FoundCertificate {
  return readCertificateFile(`${files.pkiDir}/${AUTHORITIES[name]}.crt`);
}

function readPem(read: () => string | undefined): FoundCertificate {
  try {
    const pem = read();
    if (pem === undefined) return { state: 'missing' };
    const { validFrom, validTo } = parseCertificate(pem);
    return { state: 'present', pem, notBefore: Date.parse(validFrom), notAfter: Date.parse(validTo) };
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return { state: 'missing' };
    return { state: 'unreadable', because: errorMessage(error) };
  }
}

function pemAt(at: ManagedCertificate['at']): string | undefined {
  if (at.form === 'pair') return readFileSync(at.certificate, 'utf8');
  if (at.form === 'bundle') return readFileSync(at.path, 'utf8');
  if (!existsSync(at.path)) return undefined;
  const { certificate, certificateFiles } = readKubeconfig(at.path);
  return certificateFiles === undefined ? certificate?.cert : undefined;
}

/** The CA with its key; undefined where either is not there, as with a CA that is kept elsewhere. Throws where they cannot be read. */
export function authorityOf(files: Files, name: AuthorityName): Issuer | undefined {
  const base = `${files.pkiDir}/${AUTHORITIES[name]}`;
  return existsSync(`${base}.crt`) && existsSync(`${base}.key`)
    ? readIssuer(files.pkiDir, AUTHORITIES[name])
    : undefined;
}

/** True where this CA signed it, and not another in its place. */
export function isIssuedBy(pem: string, { certificate }: Issuer): boolean {
  return parseCertificate(pem).verify(certificate.publicKey);
}

import type { X509Certificate } from 'node:crypto';
import { parse, stringify } from 'yaml';
import { errorMessage, failedPrecondition } from '../base/errors.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { type Disk, realDisk } from './disk.ts';

/** A kubeconfig with one cluster, one user and one context, as kubeadm writes them. */
export interface KubeconfigSpec {
  readonly clusterName: string;
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly user: string;
  readonly credentials: Readonly<Record<string, string>>;
}

/** Credentials that stand in the file itself. */
export function certificateData(pair: { readonly cert: string; readonly key: string }): Record<string, string> {
  return { 'client-certificate-data': base64(pair.cert), 'client-key-data': base64(pair.key) };
}

/** Its text. The context is `user@cluster`. */
export function kubeconfigText({ clusterName, server, ca, user, credentials }: KubeconfigSpec): string {
  const context = `${user}@${clusterName}`;
  return stringify(
    {
      apiVersion: 'v1',
      clusters: [{ cluster: { 'certificate-authority-data': base64(ca), server }, name: clusterName }],
      contexts: [{ context: { cluster: clusterName, user }, name: context }],
      'current-context': context,
      kind: 'Config',
      preferences: {},
      users: [{ name: user, user: credentials }],
    },
    { lineWidth: 0 },
  );
}

/** The kubeconfig of cluster-info: server and CA, nobody's name. */
export function clusterInfoKubeconfig(server: string, ca: string): string {
  return stringify(
    {
      apiVersion: 'v1',
      clusters: [{ cluster: { 'certificate-authority-data': base64(ca), server }, name: '' }],
      contexts: null,
      'current-context': '',
      kind: 'Config',
      preferences: {},
      users: null,
    },
    { lineWidth: 0 },
  );
}

/**
 * Writes the file, or finds that the one that is there is of the same server and CA. True when it was written. Throws `failed-precondition` where it is
 * of another cluster.
 */
export function ensureKubeconfig(
  path: string,
  wanted: Pick<KubeconfigSpec, 'server' | 'ca'>,
  text: () => string,
  disk: Disk = realDisk,
): boolean {
  if (!disk.exists(path)) {
    disk.write(path, text(), 0o600);
    return true;
  }
  const { server, ca } = clusterOf(path, disk);
  const wrong =
    ca !== base64(wanted.ca) ? 'the wrong CA cert' : server !== wanted.server ? 'the wrong API Server URL' : '';
  if (wrong !== '')
    throw failedPrecondition(
      `a kubeconfig file "${path}" exists already but has got ${wrong}; remove it and run this again`,
    );
  return false;
}

/** The client certificate in a kubeconfig; undefined where it names a file, or has none. Throws `failed-precondition` where it cannot be read. */
export function kubeconfigCertificate(path: string, disk: Disk = realDisk): X509Certificate | undefined {
  try {
    const config = parse(disk.read(path)) as { users?: readonly { user?: Record<string, unknown> }[] } | null;
    const data = config?.users?.[0]?.user?.['client-certificate-data'];
    return typeof data === 'string' ? parseCertificate(Buffer.from(data, 'base64').toString()) : undefined;
  } catch (error) {
    throw failedPrecondition(`${path} cannot be read (${errorMessage(error)}): remove it and run this again`);
  }
}

function clusterOf(path: string, disk: Disk): { readonly server: unknown; readonly ca: unknown } {
  try {
    const config = parse(disk.read(path)) as {
      clusters?: readonly { cluster?: Record<string, unknown> }[];
    } | null;
    const cluster = config?.clusters?.[0]?.cluster ?? {};
    return { server: cluster['server'], ca: cluster['certificate-authority-data'] };
  } catch (error) {
    throw failedPrecondition(`${path} cannot be read (${errorMessage(error)}): remove it and run this again`);
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

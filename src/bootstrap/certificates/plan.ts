import type { DistinguishedName } from '../../pki/distinguished-name.ts';
import type { ExtendedKeyUsage, SubjectAltNames } from '../../pki/extensions.ts';
import { isIpAddress } from '../address.ts';
import { apiServiceAddress, type InitSettings } from '../settings.ts';

/** One certificate with its key: `<pki>/<baseName>.crt` and `.key`. */
export interface CertificateRow {
  /** As kubeadm's phases name it. */
  readonly name: string;
  readonly baseName: string;
  /** Whose key signs it, by name; undefined for a CA, which signs itself. */
  readonly issuer: string | undefined;
  readonly subject: DistinguishedName;
  readonly usages: readonly ExtendedKeyUsage[];
  readonly names: SubjectAltNames;
  /** Those of them that an admin has asked for beside what every cluster has: a certificate that was made here gets them later, too. */
  readonly furtherNames: readonly string[];
}

const NO_NAMES: SubjectAltNames = { dnsNames: [], ipAddresses: [] };

/** kubeadm's certificates in the order in which they can be made, with its subjects, names and usages. */
export function certificatePlan(settings: InitSettings): readonly CertificateRow[] {
  const { nodeName } = settings;
  const { etcd } = settings.cluster;
  const client = (name: string, issuer: string, commonName: string, organizations: readonly string[] = []) =>
    leaf({
      name,
      issuer,
      subject: { commonName, organizations },
      usages: ['clientAuth'],
      names: NO_NAMES,
      furtherNames: [],
    });
  const etcdServer = (name: string, sans: readonly string[]) =>
    leaf({
      name,
      issuer: 'etcd-ca',
      subject: { commonName: nodeName, organizations: [] },
      // etcd checks its own certificate as a client's, too
      usages: ['serverAuth', 'clientAuth'],
      names: etcdNames(settings, sans),
      furtherNames: sans,
    });
  return [
    authority('ca', 'kubernetes'),
    leaf({
      name: 'apiserver',
      issuer: 'ca',
      subject: { commonName: 'kube-apiserver', organizations: [] },
      usages: ['serverAuth'],
      names: apiServerNames(settings),
      furtherNames: settings.cluster.certificateSans,
    }),
    client('apiserver-kubelet-client', 'ca', 'kube-apiserver-kubelet-client'),
    authority('front-proxy-ca', 'front-proxy-ca'),
    client('front-proxy-client', 'front-proxy-ca', 'front-proxy-client'),
    // the certificates of an etcd of somebody else are theirs
    ...(etcd.kind === 'external'
      ? []
      : [
          authority('etcd-ca', 'etcd-ca'),
          etcdServer('etcd-server', etcd.serverSans),
          etcdServer('etcd-peer', etcd.peerSans),
          client('etcd-healthcheck-client', 'etcd-ca', 'kube-etcd-healthcheck-client'),
          client('apiserver-etcd-client', 'etcd-ca', 'kube-apiserver-etcd-client'),
        ]),
  ];
}

function leaf(row: Omit<CertificateRow, 'baseName'>): CertificateRow {
  return { ...row, baseName: certificateBaseName(row.name) };
}

/** Its common name is its DNS name too, as Go has wanted it of CAs. */
function authority(name: string, commonName: string): CertificateRow {
  return {
    name,
    baseName: certificateBaseName(name),
    issuer: undefined,
    subject: { commonName, organizations: [] },
    usages: [],
    names: { dnsNames: [commonName], ipAddresses: [] },
    furtherNames: [],
  };
}

/** `etcd-server` is `etcd/server`. */
export function certificateBaseName(name: string): string {
  return name.replace(/^etcd-/, 'etcd/');
}

function apiServerNames(settings: InitSettings): SubjectAltNames {
  const { cluster, nodeName, advertiseAddress } = settings;
  const further = [...cluster.certificateSans, ...endpointHost(cluster.controlPlaneEndpoint)];
  return {
    dnsNames: unique([
      nodeName,
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      `kubernetes.default.svc.${cluster.dnsDomain}`,
      ...further.filter(name => !isIpAddress(name)),
    ]),
    ipAddresses: unique([apiServiceAddress(cluster), advertiseAddress, ...further.filter(name => isIpAddress(name))]),
  };
}

/** The host of `host:port`, without the brackets of IPv6. */
function endpointHost(endpoint: string): readonly string[] {
  const host = endpoint.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return host === '' ? [] : [host];
}

function etcdNames({ nodeName, advertiseAddress }: InitSettings, sans: readonly string[]): SubjectAltNames {
  return {
    dnsNames: unique([nodeName, 'localhost', ...sans.filter(name => !isIpAddress(name))]),
    ipAddresses: unique([advertiseAddress, '127.0.0.1', '::1', ...sans.filter(name => isIpAddress(name))]),
  };
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

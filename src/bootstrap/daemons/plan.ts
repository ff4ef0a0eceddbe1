import { controlPlaneArguments } from '../component-arguments.ts';
import type { Files } from '../files.ts';
import { CONTROL_PLANE_SERVICE, ETCD_SERVICE, type ServiceUnit } from '../services.ts';
import { argumentWords, type EtcdSettings, hostInUrl, type InitSettings, validityText } from '../settings.ts';

/** The command lines of the daemons, as kubeadm writes them into its static pods. `gantry` is how this program is called. */

export function etcdUnit(settings: InitSettings, files: Files): ServiceUnit {
  const { nodeName, advertiseAddress } = settings;
  const client = `https://${hostInUrl(advertiseAddress)}:2379`;
  const peer = `https://${hostInUrl(advertiseAddress)}:2380`;
  const pki = `${files.pkiDir}/etcd`;
  const args = settings.cluster.etcd.kind === 'local' ? settings.cluster.etcd.args : [];
  return {
    name: ETCD_SERVICE,
    argv: [
      'etcd',
      `--name=${nodeName}`,
      `--data-dir=${files.etcdDataDir}`,
      `--listen-client-urls=https://127.0.0.1:2379,${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=${nodeName}=${peer}`,
      `--cert-file=${pki}/server.crt`,
      `--key-file=${pki}/server.key`,
      `--trusted-ca-file=${pki}/ca.crt`,
      '--client-cert-auth=true',
      `--peer-cert-file=${pki}/peer.crt`,
      `--peer-key-file=${pki}/peer.key`,
      `--peer-trusted-ca-file=${pki}/ca.crt`,
      '--peer-client-cert-auth=true',
      '--snapshot-count=10000',
      '--listen-metrics-urls=http://127.0.0.1:2381',
      ...argumentWords(args),
    ],
  };
}

/** `leadsTo` is where a path is without links: what the unit may write to is decided by that. */
export function controlPlaneUnit(
  settings: InitSettings,
  files: Files,
  gantry: readonly string[],
  leadsTo: (path: string) => string = path => path,
): ServiceUnit {
  const { cluster, nodeName, advertiseAddress, bindPort } = settings;
  const { pkiDir } = files;
  const life = validityText(cluster.certificateValidityMs);
  return {
    name: CONTROL_PLANE_SERVICE,
    // it renews what is in it; the unit lets it write to the first
    writes: `${leadsTo(pkiDir)}/`.startsWith(`${leadsTo(files.kubernetesDir)}/`) ? [] : [pkiDir],
    argv: [
      ...gantry,
      'run',
      'control-plane',
      `--advertise-address=${advertiseAddress}`,
      `--secure-port=${bindPort}`,
      `--service-cluster-ip-range=${cluster.serviceSubnet}`,
      `--service-account-issuer=https://kubernetes.default.svc.${cluster.dnsDomain}`,
      `--service-account-signing-key-file=${pkiDir}/sa.key`,
      `--service-account-key-file=${pkiDir}/sa.pub`,
      `--client-ca-file=${pkiDir}/ca.crt`,
      `--tls-cert-file=${pkiDir}/apiserver.crt`,
      `--tls-private-key-file=${pkiDir}/apiserver.key`,
      `--kubelet-client-certificate=${pkiDir}/apiserver-kubelet-client.crt`,
      `--kubelet-client-key=${pkiDir}/apiserver-kubelet-client.key`,
      '--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname',
      ...etcdWords(cluster.etcd, pkiDir),
      `--controller-manager-kubeconfig=${files.controllerManagerConf}`,
      `--scheduler-kubeconfig=${files.schedulerConf}`,
      `--root-ca-file=${pkiDir}/ca.crt`,
      `--cluster-signing-cert-file=${pkiDir}/ca.crt`,
      `--cluster-signing-key-file=${pkiDir}/ca.key`,
      `--cluster-signing-duration=${life}`,
      '--renew-certificates',
      `--certificate-validity-period=${life}`,
      `--node-name=${nodeName}`,
      '--use-service-account-credentials=true',
      '--allocate-node-cidrs=true',
      `--cluster-cidr=${cluster.podSubnet}`,
      '--controllers=*,bootstrap-signer-controller,token-cleaner-controller',
      // the last of several counts: what the admin has said
      ...argumentWords(controlPlaneArguments(cluster)),
    ],
  };
}

/** How the API server reaches etcd. */
function etcdWords(etcd: EtcdSettings, pkiDir: string): readonly string[] {
  if (etcd.kind === 'local')
    return [
      '--etcd-servers=https://127.0.0.1:2379',
      `--etcd-cafile=${pkiDir}/etcd/ca.crt`,
      `--etcd-certfile=${pkiDir}/apiserver-etcd-client.crt`,
      `--etcd-keyfile=${pkiDir}/apiserver-etcd-client.key`,
    ];
  return [
    `--etcd-servers=${etcd.endpoints.join(',')}`,
    ...(etcd.caFile === '' ? [] : [`--etcd-cafile=${etcd.caFile}`]),
    ...(etcd.certFile === '' ? [] : [`--etcd-certfile=${etcd.certFile}`, `--etcd-keyfile=${etcd.keyFile}`]),
  ];
}

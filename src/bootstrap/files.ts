import { dirname } from 'node:path';

/** Where kubeadm puts what: the file names are the contract with every tool that looks there. */
export interface Files {
  readonly kubernetesDir: string;
  readonly pkiDir: string;
  /** The certificate of the cluster's CA: beside its key on a control plane, where JoinConfiguration says on others. */
  readonly caCert: string;
  readonly manifestsDir: string;
  readonly adminConf: string;
  readonly superAdminConf: string;
  readonly controllerManagerConf: string;
  readonly schedulerConf: string;
  readonly kubeletConf: string;
  readonly bootstrapKubeletConf: string;
  readonly kubeletDir: string;
  readonly kubeletConfig: string;
  /** The pair that the kubelet got by a request and renews itself. */
  readonly kubeletClientPem: string;
  /** Ours: what the node knows of its cluster, as kubeadm-config has it. */
  readonly clusterConfiguration: string;
  /** Ours: the KubeProxyConfiguration that the ConfigMap kube-proxy had when the node was made. */
  readonly proxyConfig: string;
  /** Ours: what `init` was told, for the next one here; standing/record.ts has what is in it. */
  readonly initConfiguration: string;
  readonly etcdDataDir: string;
  /** Ours: there once preflight was passed, so that what stands after it is known as made here. */
  readonly marker: string;
}

/** Places that a ClusterConfiguration can change. */
export interface ChosenPlaces {
  readonly certificatesDir?: string;
  readonly etcdDataDir?: string;
  /** A JoinConfiguration's: the certificates directory is the one that it is in. */
  readonly caCertPath?: string | undefined;
}

/** All below `root`, which is `/` but in tests. */
export function filesBelow(root: string, chosen: ChosenPlaces = {}): Files {
  const { caCertPath, certificatesDir = caCertPath === undefined ? '/etc/kubernetes/pki' : dirname(caCertPath) } =
    chosen;
  const at = (path: string): string => `${root.replace(/\/$/, '')}${path}`;
  return {
    kubernetesDir: at('/etc/kubernetes'),
    pkiDir: at(certificatesDir),
    caCert: at(caCertPath ?? `${certificatesDir}/ca.crt`),
    manifestsDir: at('/etc/kubernetes/manifests'),
    adminConf: at('/etc/kubernetes/admin.conf'),
    superAdminConf: at('/etc/kubernetes/super-admin.conf'),
    controllerManagerConf: at('/etc/kubernetes/controller-manager.conf'),
    schedulerConf: at('/etc/kubernetes/scheduler.conf'),
    kubeletConf: at('/etc/kubernetes/kubelet.conf'),
    bootstrapKubeletConf: at('/etc/kubernetes/bootstrap-kubelet.conf'),
    kubeletDir: at('/var/lib/kubelet'),
    kubeletConfig: at('/var/lib/kubelet/config.yaml'),
    kubeletClientPem: at('/var/lib/kubelet/pki/kubelet-client-current.pem'),
    clusterConfiguration: at('/etc/gantry/cluster-configuration.yaml'),
    proxyConfig: at('/etc/gantry/kube-proxy.yaml'),
    initConfiguration: at('/etc/gantry/init-configuration.yaml'),
    etcdDataDir: at(chosen.etcdDataDir ?? '/var/lib/etcd'),
    marker: at('/etc/gantry/bootstrap.json'),
  };
}

/** The kubeconfigs that `init` and `join` write, there or not. Pure. */
export function kubeconfigPaths(files: Files): readonly string[] {
  return [
    files.adminConf,
    files.superAdminConf,
    files.controllerManagerConf,
    files.schedulerConf,
    files.kubeletConf,
    files.bootstrapKubeletConf,
  ];
}

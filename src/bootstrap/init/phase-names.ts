/** A phase of `gantry init` as it is named on the command line. */
export interface PhaseName {
  readonly name: string;
  readonly description: string;
  readonly phases?: readonly PhaseName[];
}

const certificate = (name: string, what: string): PhaseName => ({ name, description: `generate ${what}` });

/**
 * The phases of `init` in their order, by kubeadm's names. Words alone, so that the command line and its completion can be made without loading what they do. A phase with
 * parts is run whole as `all`.
 */
export const INIT_PHASE_NAMES = [
  { name: 'preflight', description: 'run pre-flight checks' },
  {
    name: 'certs',
    description: 'certificate generation',
    phases: [
      certificate('ca', 'the CA of the cluster'),
      certificate('apiserver', 'the serving certificate of the API server'),
      certificate('apiserver-kubelet-client', 'the certificate with which the API server connects to kubelets'),
      certificate('front-proxy-ca', 'the CA of the front proxy'),
      certificate('front-proxy-client', 'the client certificate of the front proxy'),
      certificate('etcd-ca', 'the CA of etcd'),
      certificate('etcd-server', 'the serving certificate of etcd'),
      certificate('etcd-peer', 'the certificate with which members of etcd meet'),
      certificate('etcd-healthcheck-client', 'the certificate with which the health of etcd is asked'),
      certificate('apiserver-etcd-client', 'the certificate with which the API server connects to etcd'),
      certificate('sa', 'the key that signs tokens of service accounts'),
    ],
  },
  {
    name: 'kubeconfig',
    description: 'generate all kubeconfig files',
    phases: [
      { name: 'admin', description: 'generate the kubeconfig file of the administrator' },
      { name: 'super-admin', description: 'generate the kubeconfig file of the one who is above all rules' },
      { name: 'kubelet', description: 'generate the kubeconfig file of this node' },
      { name: 'controller-manager', description: 'generate the kubeconfig file of the controllers' },
      { name: 'scheduler', description: 'generate the kubeconfig file of the scheduler' },
    ],
  },
  { name: 'etcd', description: 'start etcd', phases: [{ name: 'local', description: "start this machine's etcd" }] },
  {
    name: 'control-plane',
    description: 'start API server, controllers and scheduler: one daemon here, so there is but "all" of it',
    phases: [],
  },
  { name: 'kubelet-start', description: 'write kubelet settings and start the runtime and the kubelet' },
  { name: 'wait-control-plane', description: 'wait for the control plane to start' },
  {
    name: 'addon',
    description: 'what the cluster needs of Services and rules',
    phases: [
      { name: 'coredns', description: 'the Service "kube-dns" and the rules of the DNS servers of nodes' },
      { name: 'kube-proxy', description: 'the configuration and the rules of the proxies of nodes' },
    ],
  },
  {
    name: 'upload-config',
    description: 'upload the configuration to ConfigMaps',
    phases: [
      { name: 'kubeadm', description: 'upload the ClusterConfiguration' },
      { name: 'kubelet', description: 'upload the KubeletConfiguration' },
    ],
  },
  { name: 'mark-control-plane', description: 'mark a node as a control-plane' },
  { name: 'bootstrap-token', description: 'make the token and the rules by which nodes join' },
  {
    name: 'kubelet-finalize',
    description: 'update settings of the kubelet after TLS bootstrap',
    phases: [{ name: 'enable-client-cert-rotation', description: 'let the kubelet renew its own client certificate' }],
  },
  { name: 'show-join-command', description: 'show how other machines join' },
] as const satisfies readonly PhaseName[];

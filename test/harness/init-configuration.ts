/**
 * The documents of a configuration for `gantry init` that stand beside its ClusterConfiguration, everything in them another than the default. `init` are further lines of
 * the InitConfiguration, `node` of its nodeRegistration.
 */
export function documentsOfNode(
  address: string,
  { init = [], node = [] }: { readonly init?: readonly string[]; readonly node?: readonly string[] } = {},
): string {
  return `apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: ${address}, bindPort: 7443}
${init.map(line => `${line}\n`).join('')}nodeRegistration:
  name: first
  ignorePreflightErrors: [NumCPU, Mem]
  kubeletExtraArgs: [{name: node-labels, value: place=here}]
${node.map(line => `  ${line}\n`).join('')}---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
maxPods: 42
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
nftables: {masqueradeAll: true}
`;
}

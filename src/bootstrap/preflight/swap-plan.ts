import { error, type Finding, warning } from './finding.ts';

export interface SwapFacts {
  /** The first swap device, where there is one. */
  readonly swap: string | undefined;
  readonly cgroupVersion: 1 | 2 | undefined;
}

/** Where the kubelet is told whether it starts with swap. */
const SAID_BY = {
  'control-plane': 'in a KubeletConfiguration of --config',
  node: 'for the nodes that join from then on: kubectl -n kube-system edit configmap kubelet-config',
  'standing-node': 'in /var/lib/kubelet/config.yaml',
} as const;

/** What speaks against the swap of this machine, by the failSwapOn that its kubelet will have: a node to be has that of its cluster. Pure. */
export function swapFindings(
  { swap, cgroupVersion }: SwapFacts,
  { failSwapOn, role }: { readonly failSwapOn: boolean; readonly role: keyof typeof SAID_BY },
): readonly Finding[] {
  if (swap === undefined) return [];
  if (failSwapOn)
    return [
      error(
        'Swap',
        `swap is on (${swap}), and the kubelet does not start with it`,
        `swapoff -a, and take its line out of /etc/fstab; or set failSwapOn: false ${SAID_BY[role]}`,
      ),
    ];
  return cgroupVersion === 2 ? [] : [warning('Swap', 'swap is supported for cgroup v2 only', 'swapoff -a')];
}

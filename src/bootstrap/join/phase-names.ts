/** The phases of `join`, by kubeadm's names, apart from what they do: the command line knows them before it loads that. */
export const JOIN_PHASE_NAMES = [
  { name: 'preflight', description: 'Run join pre-flight checks' },
  { name: 'kubelet-start', description: 'Write kubelet settings, certificates and (re)start the kubelet' },
  { name: 'kubelet-wait-bootstrap', description: 'Wait for the kubelet to bootstrap itself' },
] as const;

import type { ClusterSettings, InitSettings } from '../../../src/bootstrap/settings.ts';

/** Settings of a first node, with what the test says otherwise. */
export function initSettings(
  cluster: Partial<ClusterSettings> = {},
  more: Partial<Omit<InitSettings, 'cluster'>> = {},
): InitSettings {
  return {
    cluster: {
      clusterName: 'kubernetes',
      kubernetesVersion: 'v1.36.0',
      serviceSubnet: '10.96.0.0/12',
      podSubnet: '10.244.0.0/16',
      dnsDomain: 'cluster.local',
      certificateSans: [],
      certificateValidityMs: 365 * 86_400_000,
      caCertificateValidityMs: 3650 * 86_400_000,
      ...cluster,
    },
    nodeName: 'n1',
    nodeLabels: {},
    advertiseAddress: '10.0.0.5',
    bindPort: 6443,
    token: 'abcdef.0123456789abcdef',
    tokenTtlMs: 86_400_000,
    taintControlPlane: true,
    ...more,
  };
}

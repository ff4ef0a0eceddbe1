import { describe, expect, it } from 'vitest';
import { settingsWarnings } from '../../../../src/bootstrap/configuration/settings-warnings.ts';
import { initSettings } from '../init-settings.ts';

const warnings = (kubelet: object, more: object = {}) =>
  settingsWarnings(initSettings({ kubelet: { ...kubelet }, ...more }).cluster);

describe('a KubeletConfiguration', () => {
  it.each([
    [{}],
    [{ clusterDomain: 'cluster.local', clusterDNS: ['10.96.0.10'] }],
    [{ clusterDNS: ['169.254.20.10', '10.96.0.10'], clusterDomain: '' }],
    [{ maxPods: 20 }],
  ])('%j is the cluster’s', kubelet => {
    expect(warnings(kubelet)).toEqual([]);
  });

  it('is warned of with servers and a domain that the cluster has not', () => {
    expect(warnings({ clusterDNS: ['10.96.0.10', '1.1.1.1'], clusterDomain: 'else.local' })).toEqual([
      'KubeletConfiguration: clusterDNS is [10.96.0.10 1.1.1.1], and the DNS servers of the cluster are [169.254.20.10 10.96.0.10]: pods that ask others find no Services, unless these know them',
      'KubeletConfiguration: clusterDomain is "else.local", and the domain of the cluster is "cluster.local" (networking.dnsDomain): pods search it for Services in vain',
    ]);
    expect(warnings({ clusterDNS: [] })).toHaveLength(1);
  });

  it('has no server on its node where the cluster has none of ours', () => {
    const [line] = warnings({ clusterDNS: ['169.254.20.10'] }, { dnsDisabled: true, serviceSubnet: '10.43.0.0/16' });
    expect(line).toContain('clusterDNS is [169.254.20.10], and the DNS servers of the cluster are [10.43.0.10]');
  });
});

describe('a KubeProxyConfiguration', () => {
  it.each([[{}], [{ clusterCIDR: '' }], [{ clusterCIDR: '10.244.0.0/16' }]])('%j has the cluster’s network', proxy => {
    expect(warnings({}, { proxy, podSubnet: '10.244.0.0/16' })).toEqual([]);
  });

  it('is warned of with another network of pods than the cluster has', () => {
    expect(warnings({}, { proxy: { clusterCIDR: '10.1.0.0/16' }, podSubnet: '10.244.0.0/16' })).toEqual([
      'KubeProxyConfiguration: clusterCIDR is not heeded: it is "10.1.0.0/16", and the network of pods is "10.244.0.0/16" (networking.podSubnet)',
    ]);
  });
});

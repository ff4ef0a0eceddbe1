import { describe, expect, it } from 'vitest';
import { decodeManifest } from '../../../src/api/decode/manifest.ts';
import type { KubeProxyConfiguration } from '../../../src/api/types/gen/kubeproxy-v1alpha1.ts';
import { isIn, reasonOf } from '../../../src/api/unheeded-fields.ts';
import type { ProxyMode } from '../../../src/proxy/settings.ts';
import { type ProxyPlace, proxyFields, unheededByProxy } from '../../../src/proxy/unheeded-fields.ts';
import { fieldPaths } from '../schema-paths.ts';

const KIND = { apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration' };
const ALL = fieldPaths(KIND.apiVersion, KIND.kind);
const MODES: readonly ProxyMode[] = ['nftables', 'iptables', 'ipvs'];

const linesOf = (fields: object, place: ProxyPlace = 'beside-kubelet'): readonly string[] => {
  const [only] = decodeManifest(JSON.stringify({ ...KIND, ...fields })).objects;
  return unheededByProxy(only?.object as KubeProxyConfiguration, place);
};

describe('the table of the proxy’s fields', () => {
  it.each(MODES)('has each field of the kind in %s mode, as one that is heeded or with why it is not', mode => {
    const uses = proxyFields(mode, 'beside-kubelet');
    expect(ALL.filter(path => !isIn(path, uses.heeded) && reasonOf(path, uses) === undefined)).toEqual([]);
  });

  it.each(MODES)('has no field in %s mode that the kind has not', mode => {
    const { heeded, soAnyway } = proxyFields(mode, 'alone');
    expect([...heeded, ...Object.keys(soAnyway)].filter(path => !ALL.some(each => isIn(each, [path])))).toEqual([]);
  });
});

describe('fields of the proxy that change nothing', () => {
  it.each([
    [
      { conntrack: { tcpEstablishedTimeout: '1h' } },
      'conntrack.tcpEstablishedTimeout is not heeded: what the kernel keeps',
    ],
    [{ iptables: { masqueradeAll: true } }, 'iptables.masqueradeAll is not heeded: the proxy is in nftables mode'],
    [
      { nftables: { minSyncPeriod: '2s' } },
      'nftables.minSyncPeriod is not heeded: a change of the rules is written at once',
    ],
    [{ mode: 'ipvs', iptables: { syncPeriod: '9s' } }, 'iptables.syncPeriod is not heeded: the proxy is in ipvs mode'],
    [{ hostnameOverride: 'x' }, 'hostnameOverride is not heeded: the proxy is one process with the kubelet'],
    [{ clientConnection: { qps: 50 } }, 'clientConnection.qps is not heeded: requests are limited by no rate'],
  ])('are told: %j', (fields, line) => {
    const lines = linesOf(fields);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`KubeProxyConfiguration: ${line}`);
  });

  it.each([
    ['nothing', {}],
    ['what is heeded', { clusterCIDR: '10.0.0.0/8', nftables: { masqueradeAll: true, syncPeriod: '9s' } }],
    ['what the mode heeds', { mode: 'ipvs', ipvs: { strictARP: true }, iptables: { masqueradeBit: 15 } }],
    ['limits of the kernel that stay', { conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s' } }],
    ['what kubeadm writes', { clientConnection: { kubeconfig: '/var/lib/kube-proxy/kubeconfig.conf', burst: 0 } }],
  ])('are none for %s', (_what, fields) => {
    expect(linesOf(fields)).toEqual([]);
  });

  it('are fewer where it runs alone: then it has a name and credentials of its own', () => {
    expect(linesOf({ hostnameOverride: 'x', clientConnection: { kubeconfig: '/k' } }, 'alone')).toEqual([]);
    expect(linesOf({ hostnameOverride: 'x', clientConnection: { kubeconfig: '/k' } })).toHaveLength(2);
  });
});

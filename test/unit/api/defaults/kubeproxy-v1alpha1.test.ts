import { describe, expect, it } from 'vitest';
import { decodeManifest, validateDecoded } from '../../../../src/api/decode/manifest.ts';
import type { KubeProxyConfiguration } from '../../../../src/api/types/gen/kubeproxy-v1alpha1.ts';

const HEAD = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';
const decoded = (text: string) =>
  decodeManifest(HEAD + text).objects[0] as NonNullable<ReturnType<typeof decodeManifest>['objects'][0]>;
const config = (text: string) => decoded(text).object as KubeProxyConfiguration;

describe('the proxy’s configuration file', () => {
  it('has upstream’s defaults, and they are valid', () => {
    expect(config('')).toMatchObject({
      bindAddress: '0.0.0.0',
      healthzBindAddress: '0.0.0.0:10256',
      metricsBindAddress: '127.0.0.1:10249',
      mode: '',
      nftables: { masqueradeBit: 14, masqueradeAll: false, syncPeriod: '30s', minSyncPeriod: '1s' },
      conntrack: { maxPerCore: 32768, min: 131072, tcpEstablishedTimeout: '24h0m0s', tcpCloseWaitTimeout: '1h0m0s' },
      configSyncPeriod: '15m0s',
      oomScoreAdj: -999,
      clientConnection: { qps: 5, burst: 10 },
    });
    expect(validateDecoded(decoded(''))).toEqual([]);
  });

  it.each([
    ['an IPv6 bind address has IPv6 defaults', 'bindAddress: "::"\n', '[::]:10256', '[::1]:10249'],
    ['a bare address gets the port', 'healthzBindAddress: 10.0.0.1\n', '10.0.0.1:10256', '127.0.0.1:10249'],
    ['a bare IPv6 address gets brackets', 'metricsBindAddress: "fd00::1"\n', '0.0.0.0:10256', '[fd00::1]:10249'],
    ['a port that is given stays', 'healthzBindAddress: 10.0.0.1:99\n', '10.0.0.1:99', '127.0.0.1:10249'],
  ])('%s', (_, text, healthzBindAddress, metricsBindAddress) => {
    expect(config(text)).toMatchObject({ healthzBindAddress, metricsBindAddress });
  });

  it.each([
    ['mode: userspace\n', 'mode: Invalid value: "userspace": must be iptables, ipvs, nftables or blank'],
    ['nftables:\n  masqueradeBit: 32\n', 'nftables.masqueradeBit: Invalid value: 32: must be within the range [0, 31]'],
    ['bindAddress: here\n', 'bindAddress: Invalid value: "here": not a valid textual representation of an IP address'],
    ['healthzBindAddress: "1.2.3.4:0"\n', 'healthzBindAddress: Invalid value: "0": must be a valid port'],
    ['metricsBindAddress: nowhere\n', 'metricsBindAddress: Invalid value: "nowhere": must be IP:port'],
    [
      'nodePortAddresses: [primary, 10.0.0.0/8]\n',
      "nodePortAddresses[0]: Invalid value: \"primary\": can't use both 'primary' and CIDRs",
    ],
    ['nodePortAddresses: [10.0.0.1]\n', 'nodePortAddresses[0]: Invalid value: "10.0.0.1": must be a valid CIDR'],
    [
      'nftables:\n  minSyncPeriod: 1m\n',
      'nftables.syncPeriod: Invalid value: "30s": must be greater than or equal to nftables.minSyncPeriod',
    ],
    ['detectLocalMode: BridgeInterface\n', 'detectLocal.bridgeInterface: Invalid value: "": must not be empty'],
    ['conntrack:\n  min: -1\n', 'conntrack.min: Invalid value: -1: must be greater than or equal to 0'],
  ])('refuses %j', (text, expected) => {
    expect(validateDecoded(decoded(text)).map(({ message }) => message)).toEqual([expected]);
  });
});

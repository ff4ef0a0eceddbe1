import { parseDuration } from '../duration.ts';
import type { KubeProxyConfiguration } from '../types/gen/kubeproxy-v1alpha1.ts';
import { familyOf } from '../validation/ip.ts';
import { defaultsOf, type TypeDefaults } from './apply.ts';

const HEALTHZ_PORT = 10256;
const METRICS_PORT = 10249;

/** Upstream's defaults of the proxy's configuration file in 1.36 (pkg/proxy/apis/config/v1alpha1/defaults.go). */
export const kubeProxyConfigurationDefaults: TypeDefaults = new Map([
  defaultsOf<KubeProxyConfiguration>('kubeproxy/v1alpha1.KubeProxyConfiguration', config => ({
    ...addresses(config),
    ...modes(config),
    ...client(config),
  })),
]);

/** The duration, or the default where it is zero: Go cannot tell a zero from an absent one. */
function duration(value: string | undefined, orElse: string): string {
  return value === undefined || parseDuration(value) === 0n ? orElse : value;
}

function addresses(config: KubeProxyConfiguration): Partial<KubeProxyConfiguration> {
  const bindAddress = config.bindAddress || '0.0.0.0';
  const [anyAddress, loopback] = familyOf(bindAddress) === 6 ? ['[::]', '[::1]'] : ['0.0.0.0', '127.0.0.1'];
  return {
    bindAddress,
    healthzBindAddress: withPort(config.healthzBindAddress || anyAddress, HEALTHZ_PORT),
    metricsBindAddress: withPort(config.metricsBindAddress || loopback, METRICS_PORT),
  };
}

/** `address:port`: a bare address gets the port, an IPv6 one its brackets. */
function withPort(address: string, port: number): string {
  const family = familyOf(address.replace(/^\[(.*)\]$/, '$1'));
  if (family === undefined) return address;
  return family === 6 && !address.startsWith('[') ? `[${address}]:${port}` : `${address}:${port}`;
}

function modes(config: KubeProxyConfiguration): Partial<KubeProxyConfiguration> {
  const { iptables, ipvs, nftables, conntrack } = config;
  return {
    iptables: {
      ...iptables,
      masqueradeBit: iptables.masqueradeBit ?? 14,
      localhostNodePorts: iptables.localhostNodePorts ?? true,
      syncPeriod: duration(iptables.syncPeriod, '30s'),
      minSyncPeriod: duration(iptables.minSyncPeriod, '1s'),
    },
    ipvs: { ...ipvs, syncPeriod: duration(ipvs.syncPeriod, '30s') },
    nftables: {
      ...nftables,
      masqueradeBit: nftables.masqueradeBit ?? 14,
      syncPeriod: duration(nftables.syncPeriod, '30s'),
      minSyncPeriod: duration(nftables.minSyncPeriod, '1s'),
    },
    conntrack: {
      ...conntrack,
      maxPerCore: conntrack.maxPerCore ?? 32768,
      min: conntrack.min ?? 131072,
      tcpEstablishedTimeout: conntrack.tcpEstablishedTimeout ?? '24h0m0s',
      tcpCloseWaitTimeout: conntrack.tcpCloseWaitTimeout ?? '1h0m0s',
    },
  };
}

function client(config: KubeProxyConfiguration): Partial<KubeProxyConfiguration> {
  const { clientConnection, logging } = config;
  return {
    oomScoreAdj: config.oomScoreAdj ?? -999,
    configSyncPeriod: duration(config.configSyncPeriod, '15m0s'),
    clientConnection: {
      ...clientConnection,
      contentType: clientConnection.contentType || 'application/vnd.kubernetes.protobuf',
      qps: clientConnection.qps || 5,
      burst: clientConnection.burst || 10,
    },
    featureGates: config.featureGates ?? {},
    logging: {
      ...logging,
      format: logging.format || 'text',
      flushFrequency: logging.flushFrequency === '0s' ? '5s' : logging.flushFrequency,
    },
  };
}

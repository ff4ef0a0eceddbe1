import { parseDuration } from '../duration.ts';
import type { KubeProxyConfiguration } from '../types/gen/kubeproxy-v1alpha1.ts';
import { type FieldError, invalid, notSupported } from './field-error.ts';
import { familyOf, networkFamilyOf } from './ip.ts';

const MODES = ['iptables', 'ipvs', 'nftables'];
const LOCAL_MODES = ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix', ''];

/** The rules of a defaulted proxy configuration (pkg/proxy/apis/config/validation), by the names of the file's fields. Pure. */
export function validateKubeProxyConfiguration(config: KubeProxyConfiguration): FieldError[] {
  const errors: FieldError[] = [];
  for (const mode of ['iptables', 'nftables'] as const) {
    const bit = config[mode].masqueradeBit ?? 14;
    if (bit < 0 || bit > 31) errors.push(invalid(`${mode}.masqueradeBit`, bit, 'must be within the range [0, 31]'));
  }
  if (config.mode !== '' && !MODES.includes(config.mode))
    errors.push(invalid('mode', config.mode, `must be ${MODES.join(', ')} or blank`));
  const oomScore = config.oomScoreAdj ?? 0;
  if (oomScore < -1000 || oomScore > 1000)
    errors.push(invalid('oomScoreAdj', oomScore, 'must be within the range [-1000, 1000]'));
  if (familyOf(config.bindAddress) === undefined)
    errors.push(invalid('bindAddress', config.bindAddress, 'not a valid textual representation of an IP address'));
  return [
    ...errors,
    ...periods(config),
    ...conntrack(config),
    ...hostPort('healthzBindAddress', config.healthzBindAddress),
    ...hostPort('metricsBindAddress', config.metricsBindAddress),
    ...nodePortAddresses(config.nodePortAddresses),
    ...detectLocal(config),
  ];
}

function periods({ nftables, configSyncPeriod, clientConnection }: KubeProxyConfiguration): FieldError[] {
  const errors: FieldError[] = [];
  if (parseDuration(configSyncPeriod) <= 0n)
    errors.push(invalid('configSyncPeriod', configSyncPeriod, 'must be greater than 0'));
  const { syncPeriod, minSyncPeriod } = nftables;
  if (parseDuration(syncPeriod) <= 0n)
    errors.push(invalid('nftables.syncPeriod', syncPeriod, 'must be greater than 0'));
  if (parseDuration(minSyncPeriod) < 0n)
    errors.push(invalid('nftables.minSyncPeriod', minSyncPeriod, 'must be greater than or equal to 0'));
  if (parseDuration(minSyncPeriod) > parseDuration(syncPeriod))
    errors.push(invalid('nftables.syncPeriod', syncPeriod, 'must be greater than or equal to nftables.minSyncPeriod'));
  if (clientConnection.burst < 0)
    errors.push(invalid('clientConnection.burst', clientConnection.burst, 'must be greater than or equal to 0'));
  return errors;
}

function conntrack({ conntrack: settings }: KubeProxyConfiguration): FieldError[] {
  const counts = (['maxPerCore', 'min'] as const).filter(field => (settings[field] ?? 0) < 0);
  const times = (['tcpEstablishedTimeout', 'tcpCloseWaitTimeout', 'udpTimeout', 'udpStreamTimeout'] as const).filter(
    field => parseDuration(settings[field] ?? '0s') < 0n,
  );
  return [...counts, ...times].map(field =>
    invalid(`conntrack.${field}`, settings[field], 'must be greater than or equal to 0'),
  );
}

function hostPort(field: string, text: string): FieldError[] {
  const parts = /^(?:\[([^\]]*)\]|([^:]*)):(.*)$/.exec(text);
  if (parts === null) return [invalid(field, text, 'must be IP:port')];
  const [, bracketed, plain = '', port = ''] = parts;
  const host = bracketed ?? plain;
  const errors = familyOf(host) === undefined ? [invalid(field, host, 'must be a valid IP')] : [];
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  return number < 1 || number > 65535 ? [...errors, invalid(field, port, 'must be a valid port')] : errors;
}

function nodePortAddresses(addresses: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, address] of (addresses ?? []).entries()) {
    const field = `nodePortAddresses[${index}]`;
    if (address === 'primary') {
      if (addresses.length !== 1) errors.push(invalid(field, address, "can't use both 'primary' and CIDRs"));
    } else if (networkFamilyOf(address) === undefined) errors.push(invalid(field, address, 'must be a valid CIDR'));
  }
  return errors;
}

function detectLocal({
  detectLocalMode,
  detectLocal: { bridgeInterface, interfaceNamePrefix },
}: KubeProxyConfiguration): FieldError[] {
  if (!LOCAL_MODES.includes(detectLocalMode)) return [notSupported('detectLocalMode', detectLocalMode, LOCAL_MODES)];
  if (detectLocalMode === 'BridgeInterface' && bridgeInterface === '')
    return [invalid('detectLocal.bridgeInterface', bridgeInterface, 'must not be empty')];
  if (detectLocalMode === 'InterfaceNamePrefix' && interfaceNamePrefix === '')
    return [invalid('detectLocal.interfaceNamePrefix', interfaceNamePrefix, 'must not be empty')];
  return [];
}

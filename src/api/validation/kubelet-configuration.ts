import { parseDuration } from '../duration.ts';
import { parseQuantity } from '../quantity.ts';
import type { KubeletConfiguration } from '../types/gen/kubelet-v1beta1.ts';
import { type FieldError, invalid, invalidFor, notSupported } from './field-error.ts';
import { ipAddress } from './names.ts';

/** Numbers with a range: field, lowest, highest. */
const RANGES: readonly (readonly [keyof KubeletConfiguration, number, number])[] = [
  ['port', 1, 65535],
  ['readOnlyPort', 0, 65535],
  ['healthzPort', 0, 65535],
  ['oomScoreAdj', -1000, 1000],
  ['imageGCHighThresholdPercent', 0, 100],
  ['imageGCLowThresholdPercent', 0, 100],
  ['iptablesMasqueradeBit', 0, 31],
  ['iptablesDropBit', 0, 31],
  ['registryPullQPS', 0, 2147483647],
  ['registryBurst', 0, 2147483647],
  ['eventRecordQPS', 0, 2147483647],
  ['eventBurst', 0, 2147483647],
  ['kubeAPIQPS', 0, 2147483647],
  ['kubeAPIBurst', 0, 2147483647],
  ['maxOpenFiles', 0, Number.MAX_SAFE_INTEGER],
  ['maxPods', 0, 2147483647],
  ['podsPerCore', 0, 2147483647],
  ['nodeLeaseDurationSeconds', 1, 2147483647],
  ['nodeStatusMaxImages', -1, 2147483647],
  ['containerLogMaxFiles', 2, 2147483647],
  ['containerLogMaxWorkers', 1, 2147483647],
  ['maxParallelImagePulls', 1, 2147483647],
];

/** Words that are one of some. */
const CHOICES: readonly (readonly [keyof KubeletConfiguration, readonly string[]])[] = [
  ['cgroupDriver', ['cgroupfs', 'systemd']],
  ['hairpinMode', ['hairpin-veth', 'none', 'promiscuous-bridge']],
  ['cpuManagerPolicy', ['none', 'static']],
  ['memoryManagerPolicy', ['None', 'Static']],
  ['topologyManagerPolicy', ['none', 'best-effort', 'restricted', 'single-numa-node']],
  ['topologyManagerScope', ['container', 'pod']],
  ['configMapAndSecretChangeDetectionStrategy', ['Get', 'Cache', 'Watch']],
];

/** The rules of a defaulted kubelet configuration that do not depend on the machine. Pure. */
export function validateKubeletConfiguration(config: KubeletConfiguration): FieldError[] {
  const errors: FieldError[] = [];
  for (const [field, lowest, highest] of RANGES) {
    const value = config[field];
    if (typeof value === 'number' && (value < lowest || value > highest))
      errors.push(invalid(field, value, `must be between ${lowest} and ${highest}, inclusive`));
  }
  for (const [field, supported] of CHOICES) {
    const value = config[field];
    if (typeof value === 'string' && !supported.includes(value)) errors.push(notSupported(field, value, supported));
  }
  const { mode } = config.authorization;
  if (mode !== 'AlwaysAllow' && mode !== 'Webhook')
    errors.push(notSupported('authorization.mode', mode, ['AlwaysAllow', 'Webhook']));
  for (const field of ['address', 'healthzBindAddress'] as const)
    errors.push(...invalidFor(field, config[field], ipAddress(config[field] ?? '')));
  for (const [index, server] of (config.clusterDNS ?? []).entries())
    errors.push(...invalidFor(`clusterDNS[${index}]`, server, ipAddress(server)));
  errors.push(...combinations(config));
  return errors;
}

function combinations(config: KubeletConfiguration): FieldError[] {
  const errors: FieldError[] = [];
  const high = config.imageGCHighThresholdPercent ?? 85;
  const low = config.imageGCLowThresholdPercent ?? 80;
  if (low >= high)
    errors.push(
      invalid('imageGCLowThresholdPercent', low, `must be less than imageGCHighThresholdPercent, which is ${high}`),
    );
  if (config.serializeImagePulls === true && (config.maxParallelImagePulls ?? 0) > 1)
    errors.push(
      invalid(
        'maxParallelImagePulls',
        config.maxParallelImagePulls,
        'cannot be larger than 1 unless serializeImagePulls is false',
      ),
    );
  const period = parseDuration(config.cpuCFSQuotaPeriod ?? '100ms');
  if (period < 1_000_000n || period > 1_000_000_000n)
    errors.push(invalid('cpuCFSQuotaPeriod', config.cpuCFSQuotaPeriod, 'must be between 1ms and 1s, inclusive'));
  const factor = config.memoryThrottlingFactor ?? 0.9;
  if (factor <= 0 || factor > 1)
    errors.push(invalid('memoryThrottlingFactor', factor, 'must be greater than 0 and not greater than 1.0'));
  const reserved = config.shutdownGracePeriod;
  const critical = config.shutdownGracePeriodCriticalPods;
  if (parseDuration(critical) > parseDuration(reserved))
    errors.push(invalid('shutdownGracePeriodCriticalPods', critical, 'must not be longer than shutdownGracePeriod'));
  for (const field of ['systemReserved', 'kubeReserved'] as const)
    for (const [name, quantity] of Object.entries(config[field] ?? {})) {
      if (!['cpu', 'memory', 'ephemeral-storage', 'pid'].includes(name))
        errors.push(notSupported(`${field}[${name}]`, name, ['cpu', 'memory', 'ephemeral-storage', 'pid']));
      errors.push(...reservedQuantity(quantity, `${field}[${name}]`));
    }
  const known = [
    'none',
    'pods',
    'system-reserved',
    'system-reserved-compressible',
    'kube-reserved',
    'kube-reserved-compressible',
  ];
  for (const [index, value] of (config.enforceNodeAllocatable ?? []).entries())
    if (!known.includes(value)) errors.push(notSupported(`enforceNodeAllocatable[${index}]`, value, known));
  return errors;
}

function reservedQuantity(quantity: string, field: string): FieldError[] {
  try {
    return parseQuantity(quantity).nano < 0n ? [invalid(field, quantity, 'must be greater than or equal to 0')] : [];
  } catch (error) {
    return [invalid(field, quantity, (error as Error).message)];
  }
}

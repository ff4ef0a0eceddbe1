import type { PodSpec } from '../../api/types/gen/core-v1.ts';

/** Sysctls that stay inside the pod's namespaces (upstream's safe set). */
const SAFE_SYSCTLS = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
]);

export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

/** The first sysctl of the pod that is neither safe nor allowed, in upstream's words: such a pod is not taken. */
export function forbiddenSysctl(spec: PodSpec, allowedUnsafeSysctls: readonly string[]): Refusal | undefined {
  for (const { name } of spec.securityContext?.sysctls ?? []) {
    const allowed = allowedUnsafeSysctls.some(a => (a.endsWith('*') ? name.startsWith(a.slice(0, -1)) : a === name));
    if (!SAFE_SYSCTLS.has(name) && !allowed)
      return { reason: 'SysctlForbidden', message: `forbidden sysctl: "${name}" not allowlisted` };
  }
  return undefined;
}

/** What a pod asks for and this node does not give; a pod is never run without something that it asked for. Undefined when all is well. */
export function refusePod(spec: PodSpec, allowedUnsafeSysctls: readonly string[]): Refusal | undefined {
  const forbidden = forbiddenSysctl(spec, allowedUnsafeSysctls);
  if (forbidden !== undefined) return forbidden;
  const reason = 'CreatePodSandboxError';
  if ((spec.resourceClaims ?? []).length > 0) return { reason, message: 'resourceClaims are not supported' };
  const hugePages = hugePagesOf(spec);
  if (hugePages !== undefined)
    return { reason, message: `${hugePages} cannot be limited: huge pages are not supported` };
  for (const container of [...(spec.initContainers ?? []), ...spec.containers])
    if ((container.volumeDevices ?? []).length > 0)
      return { reason, message: `container "${container.name}": volumeDevices are not supported` };
  return undefined;
}

/** The first huge page resource that the pod or one of its containers limits (a request of one needs a limit). */
function hugePagesOf({ resources, initContainers = [], containers }: PodSpec): string | undefined {
  return [resources, ...[...initContainers, ...containers].map(c => c.resources)]
    .flatMap(r => Object.keys(r?.limits ?? {}))
    .find(name => name.startsWith('hugepages-'));
}

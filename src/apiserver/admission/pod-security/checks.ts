import { goQuote } from '../../../api/go-quote.ts';
import type { Container, Pod, PodSpec, Volume } from '../../../api/types/gen/core-v1.ts';

/** What a pod does that a level forbids: `privileged (container "a" must not set securityContext.privileged=true)`. */
export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

export type Check = (pod: Pick<Pod, 'metadata' | 'spec'>) => Violation | undefined;

const quoted = (names: readonly string[]): string => names.map(goQuote).join(', ');
const plural = (one: string, many: string, count: number): string => (count === 1 ? one : many);
const those = (names: readonly string[]): string =>
  `${plural('container', 'containers', names.length)} ${quoted(names)}`;

function containersOf(spec: PodSpec): readonly Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
}

function isWindows(spec: PodSpec): boolean {
  return spec.os?.name === 'windows';
}

/** Names of containers that do something, and what they do it with. */
function collect<T extends string | number>(
  spec: PodSpec,
  values: (container: Container) => readonly T[],
): { readonly names: string[]; readonly values: T[] } {
  const found = containersOf(spec).map(container => [container.name, values(container)] as const);
  const bad = found.filter(([, list]) => list.length > 0);
  return { names: bad.map(([name]) => name), values: [...new Set(bad.flatMap(([, list]) => [...list]))].toSorted() };
}

/** A setting that the pod and its containers can both make wrongly. */
function settings<T extends string>(
  spec: PodSpec,
  ofPod: readonly T[],
  ofContainer: (container: Container) => readonly T[],
): { readonly setters: string[]; readonly values: T[] } {
  const { names, values } = collect(spec, ofContainer);
  const setters = [...(ofPod.length > 0 ? ['pod'] : []), ...(names.length > 0 ? [those(names)] : [])];
  return { setters, values: [...new Set([...ofPod, ...values])].toSorted() };
}

const hostNamespaces: Check = ({ spec }) => {
  const used = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter(name => spec[name] === true);
  return used.length === 0
    ? undefined
    : { reason: 'host namespaces', detail: used.map(name => `${name}=true`).join(', ') };
};

const privileged: Check = ({ spec }) => {
  const { names } = collect(spec, c => (c.securityContext?.privileged === true ? ['true'] : []));
  return names.length === 0
    ? undefined
    : { reason: 'privileged', detail: `${those(names)} must not set securityContext.privileged=true` };
};

const DEFAULT_CAPABILITIES = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
];

const baselineCapabilities: Check = ({ spec }) => {
  const added = collect(spec, c =>
    (c.securityContext?.capabilities?.add ?? []).filter(name => !DEFAULT_CAPABILITIES.includes(name)),
  );
  return added.names.length === 0
    ? undefined
    : {
        reason: 'non-default capabilities',
        detail: `${those(added.names)} must not include ${quoted(added.values)} in securityContext.capabilities.add`,
      };
};

const hostPathVolumes: Check = ({ spec }) => {
  const names = (spec.volumes ?? []).filter(volume => volume.hostPath !== undefined).map(volume => volume.name);
  return names.length === 0
    ? undefined
    : { reason: 'hostPath volumes', detail: `${plural('volume', 'volumes', names.length)} ${quoted(names)}` };
};

const hostPorts: Check = ({ spec }) => {
  const { names, values } = collect(spec, c =>
    (c.ports ?? []).flatMap(({ hostPort = 0 }) => (hostPort === 0 ? [] : [String(hostPort)])),
  );
  return names.length === 0
    ? undefined
    : {
        reason: 'hostPort',
        detail: `${those(names)} ${plural('uses', 'use', names.length)} ${plural('hostPort', 'hostPorts', values.length)} ${values.join(', ')}`,
      };
};

/** By a host of its own choice a probe reaches what its pod may not. */
const probeHosts: Check = ({ spec }) => {
  const { names, values } = collect(spec, c => {
    const { livenessProbe, readinessProbe, startupProbe, lifecycle } = c;
    return [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap(handler =>
      [handler?.httpGet?.host ?? '', handler?.tcpSocket?.host ?? ''].filter(host => host !== ''),
    );
  });
  return names.length === 0
    ? undefined
    : {
        reason: 'probe or lifecycle host',
        detail: `${those(names.toSorted())} ${plural('uses', 'use', names.length)} ${plural('probe or lifecycle host', 'probe or lifecycle hosts', values.length)} ${quoted(values)}`,
      };
};

const appArmor: Check = ({ metadata, spec }) => {
  const bad = (type: string | undefined): string[] =>
    type === undefined || type === 'RuntimeDefault' || type === 'Localhost' ? [] : [type];
  const { setters, values } = settings(spec, bad(spec.securityContext?.appArmorProfile?.type), c =>
    bad(c.securityContext?.appArmorProfile?.type),
  );
  const prefix = 'container.apparmor.security.beta.kubernetes.io/';
  const annotations = Object.entries(metadata.annotations ?? {}).filter(
    ([key, value]) =>
      key.startsWith(prefix) && value !== '' && value !== 'runtime/default' && !value.startsWith('localhost/'),
  );
  const shown = annotations.map(([key, value]) => `${key}=${goQuote(value)}`).toSorted();
  if (shown.length > 0)
    return {
      reason: plural('forbidden AppArmor profile', 'forbidden AppArmor profiles', shown.length),
      detail: `${plural('annotation', 'annotations', shown.length)} ${shown.join(', ')}`,
    };
  return setters.length === 0
    ? undefined
    : {
        reason: plural('forbidden AppArmor profile', 'forbidden AppArmor profiles', values.length),
        detail: `${setters.join(' and ')} must not set AppArmor profile type to ${quoted(values)}`,
      };
};

const SELINUX_TYPES = ['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t'];

const seLinux: Check = ({ spec }) => {
  const contexts = [
    ['pod', spec.securityContext?.seLinuxOptions] as const,
    ...containersOf(spec).map(c => [c.name, c.securityContext?.seLinuxOptions] as const),
  ];
  const bad = contexts.filter(
    ([, o]) =>
      o !== undefined && (!SELINUX_TYPES.includes(o.type ?? '') || (o.user ?? '') !== '' || (o.role ?? '') !== ''),
  );
  if (bad.length === 0) return undefined;
  const inPod = bad.some(([, options]) => options === spec.securityContext?.seLinuxOptions);
  const names = bad.filter(([, options]) => options !== spec.securityContext?.seLinuxOptions).map(([name]) => name);
  const setters = [...(inPod ? ['pod'] : []), ...(names.length > 0 ? [those(names)] : [])].join(' and ');
  const types = [
    ...new Set(bad.map(([, o]) => o?.type ?? '').filter(type => !SELINUX_TYPES.includes(type))),
  ].toSorted();
  const data = [
    ...(types.length > 0 ? [`${plural('type', 'types', types.length)} ${quoted(types)}`] : []),
    ...(bad.some(([, o]) => (o?.user ?? '') !== '') ? ['user may not be set'] : []),
    ...(bad.some(([, o]) => (o?.role ?? '') !== '') ? ['role may not be set'] : []),
  ];
  return {
    reason: 'seLinuxOptions',
    detail: `${setters} set forbidden securityContext.seLinuxOptions: ${data.join('; ')}`,
  };
};

const anyProcMount: Check = ({ spec }) => {
  const { names, values } = collect(spec, c => {
    const type = c.securityContext?.procMount;
    return type === undefined || type === 'Default' ? [] : [type];
  });
  return names.length === 0
    ? undefined
    : { reason: 'procMount', detail: `${those(names)} must not set securityContext.procMount to ${quoted(values)}` };
};

/** In a user namespace of its own /proc shows nothing of others. */
const procMount: Check = pod => (pod.spec.hostUsers === false ? undefined : anyProcMount(pod));

const seccompBaseline: Check = ({ spec }) => {
  const bad = (type: string | undefined): string[] => (type === 'Unconfined' ? [type] : []);
  const { setters, values } = settings(spec, bad(spec.securityContext?.seccompProfile?.type), c =>
    bad(c.securityContext?.seccompProfile?.type),
  );
  return setters.length === 0
    ? undefined
    : {
        reason: 'seccompProfile',
        detail: `${setters.join(' and ')} must not set securityContext.seccompProfile.type to ${quoted(values)}`,
      };
};

const SAFE_SYSCTLS = [
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
];

const sysctls: Check = ({ spec }) => {
  const names = (spec.securityContext?.sysctls ?? [])
    .map(entry => entry.name)
    .filter(name => !SAFE_SYSCTLS.includes(name));
  return names.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: names.join(', ') };
};

const hostProcess: Check = ({ spec }) => {
  const set = (value: boolean | undefined): string[] => (value === true ? ['true'] : []);
  const { setters } = settings(spec, set(spec.securityContext?.windowsOptions?.hostProcess), c =>
    set(c.securityContext?.windowsOptions?.hostProcess),
  );
  return setters.length === 0
    ? undefined
    : {
        reason: 'hostProcess',
        detail: `${setters.join(' and ')} must not set securityContext.windowsOptions.hostProcess=true`,
      };
};

const ALLOWED_VOLUMES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

const restrictedVolumes: Check = ({ spec }) => {
  const typeOf = ({ name: _name, ...sources }: Volume): string =>
    Object.entries(sources).find(([, source]) => source !== undefined)?.[0] ?? 'unknown';
  const bad = (spec.volumes ?? []).filter(volume => !ALLOWED_VOLUMES.includes(typeOf(volume)));
  if (bad.length === 0) return undefined;
  const types = [...new Set(bad.map(typeOf))].toSorted();
  return {
    reason: 'restricted volume types',
    detail: `${plural('volume', 'volumes', bad.length)} ${quoted(bad.map(volume => volume.name))} ${plural('uses', 'use', bad.length)} ${plural('restricted volume type', 'restricted volume types', types.length)} ${quoted(types)}`,
  };
};

const allowPrivilegeEscalation: Check = ({ spec }) => {
  if (isWindows(spec)) return undefined;
  const { names } = collect(spec, c => (c.securityContext?.allowPrivilegeEscalation === false ? [] : ['unset']));
  return names.length === 0
    ? undefined
    : {
        reason: 'allowPrivilegeEscalation != false',
        detail: `${those(names)} must set securityContext.allowPrivilegeEscalation=false`,
      };
};

const restrictedCapabilities: Check = ({ spec }) => {
  if (isWindows(spec)) return undefined;
  const kept = collect(spec, c => (c.securityContext?.capabilities?.drop?.includes('ALL') === true ? [] : ['kept']));
  const added = collect(spec, c =>
    (c.securityContext?.capabilities?.add ?? []).filter(name => name !== 'NET_BIND_SERVICE'),
  );
  const details = [
    ...(kept.names.length > 0 ? [`${those(kept.names)} must set securityContext.capabilities.drop=["ALL"]`] : []),
    ...(added.names.length > 0
      ? [`${those(added.names)} must not include ${quoted(added.values)} in securityContext.capabilities.add`]
      : []),
  ];
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') };
};

const runAsNonRoot: Check = ({ spec }) => {
  if (spec.hostUsers === false) return undefined;
  const ofPod = spec.securityContext?.runAsNonRoot;
  const { setters } = settings(spec, ofPod === false ? ['false'] : [], c =>
    c.securityContext?.runAsNonRoot === false ? ['false'] : [],
  );
  if (setters.length > 0)
    return {
      reason: 'runAsNonRoot != true',
      detail: `${setters.join(' and ')} must not set securityContext.runAsNonRoot=false`,
    };
  const { names } = collect(spec, c => (ofPod === true || c.securityContext?.runAsNonRoot === true ? [] : ['unset']));
  return names.length === 0
    ? undefined
    : { reason: 'runAsNonRoot != true', detail: `pod or ${those(names)} must set securityContext.runAsNonRoot=true` };
};

const runAsUser: Check = ({ spec }) => {
  if (spec.hostUsers === false) return undefined;
  const { setters } = settings(spec, spec.securityContext?.runAsUser === 0 ? ['0'] : [], c =>
    c.securityContext?.runAsUser === 0 ? ['0'] : [],
  );
  return setters.length === 0
    ? undefined
    : { reason: 'runAsUser=0', detail: `${setters.join(' and ')} must not set runAsUser=0` };
};

const seccompRestricted: Check = ({ spec }) => {
  if (isWindows(spec)) return undefined;
  const good = ['RuntimeDefault', 'Localhost'];
  const ofPod = spec.securityContext?.seccompProfile?.type;
  const bad = (type: string | undefined): string[] => (type === undefined || good.includes(type) ? [] : [type]);
  const { setters, values } = settings(spec, bad(ofPod), c => bad(c.securityContext?.seccompProfile?.type));
  if (setters.length > 0)
    return {
      reason: 'seccompProfile',
      detail: `${setters.join(' and ')} must not set securityContext.seccompProfile.type to ${quoted(values)}`,
    };
  const { names } = collect(spec, c =>
    ofPod !== undefined || c.securityContext?.seccompProfile !== undefined ? [] : ['unset'],
  );
  return names.length === 0
    ? undefined
    : {
        reason: 'seccompProfile',
        detail: `pod or ${those(names)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
      };
};

/** In the order of upstream's ids, which is the order of its messages. */
export const BASELINE_CHECKS: readonly Check[] = [
  appArmor,
  baselineCapabilities,
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  probeHosts,
  privileged,
  procMount,
  seLinux,
  seccompBaseline,
  sysctls,
  hostProcess,
];

/** Restricted has its own forms of some of the baseline's checks, which stand for those. */
const STRICTER: readonly Check[] = [baselineCapabilities, seccompBaseline, hostPathVolumes, procMount];
export const RESTRICTED_CHECKS: readonly Check[] = [
  ...BASELINE_CHECKS.filter(check => !STRICTER.includes(check)),
  allowPrivilegeEscalation,
  restrictedCapabilities,
  anyProcMount,
  restrictedVolumes,
  runAsNonRoot,
  runAsUser,
  seccompRestricted,
];

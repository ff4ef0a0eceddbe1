import { goQuote } from '../../../api/go-quote.ts';
import { type Check, collect, containersOf, plural, quoted, settings, those, type VersionedCheck } from './check.ts';

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

const capabilities: Check = ({ spec }) => {
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

const SELINUX_TYPES = ['', 'container_t', 'container_init_t', 'container_kvm_t'];

const seLinux =
  (allowed: readonly string[]): Check =>
  ({ spec }) => {
    const contexts = [
      ['pod', spec.securityContext?.seLinuxOptions] as const,
      ...containersOf(spec).map(c => [c.name, c.securityContext?.seLinuxOptions] as const),
    ];
    const bad = contexts.filter(
      ([, o]) => o !== undefined && (!allowed.includes(o.type ?? '') || (o.user ?? '') !== '' || (o.role ?? '') !== ''),
    );
    if (bad.length === 0) return undefined;
    const inPod = bad.some(([, options]) => options === spec.securityContext?.seLinuxOptions);
    const names = bad.filter(([, options]) => options !== spec.securityContext?.seLinuxOptions).map(([name]) => name);
    const setters = [...(inPod ? ['pod'] : []), ...(names.length > 0 ? [those(names)] : [])].join(' and ');
    const types = [...new Set(bad.map(([, o]) => o?.type ?? '').filter(type => !allowed.includes(type)))].toSorted();
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

/** Without regard to user namespaces: what restricted asks of all pods. */
export const anyProcMount: Check = ({ spec }) => {
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

/** Before the field there were annotations. */
const seccompAnnotations: Check = ({ metadata, spec }) => {
  const keys = [
    'seccomp.security.alpha.kubernetes.io/pod',
    ...containersOf(spec).map(({ name }) => `container.seccomp.security.alpha.kubernetes.io/${name}`),
  ];
  const shown = keys.flatMap(key => {
    const value = metadata.annotations?.[key];
    const isGood =
      value === undefined || ['runtime/default', 'docker/default'].includes(value) || value.startsWith('localhost/');
    return isGood ? [] : [`${key}=${goQuote(value)}`];
  });
  return shown.length === 0
    ? undefined
    : {
        reason: 'seccompProfile',
        detail: `forbidden ${plural('annotation', 'annotations', shown.length)} ${shown.toSorted().join(', ')}`,
      };
};

const seccomp: Check = ({ spec }) => {
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

const SYSCTLS = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
];
const SYSCTLS_27 = [...SYSCTLS, 'net.ipv4.ip_local_reserved_ports'];
const SYSCTLS_29 = [
  ...SYSCTLS_27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
];
const SYSCTLS_32 = [...SYSCTLS_29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'];

const sysctls =
  (allowed: readonly string[]): Check =>
  ({ spec }) => {
    const names = (spec.securityContext?.sysctls ?? [])
      .map(entry => entry.name)
      .filter(name => !allowed.includes(name));
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

/** In the order of upstream's ids, which is the order of its messages. */
export const BASELINE_CHECKS: readonly VersionedCheck[] = [
  { id: 'appArmorProfile', versions: [{ since: 0, check: appArmor }] },
  { id: 'capabilities_baseline', versions: [{ since: 0, check: capabilities }] },
  { id: 'hostNamespaces', versions: [{ since: 0, check: hostNamespaces }] },
  { id: 'hostPathVolumes', versions: [{ since: 0, check: hostPathVolumes }] },
  { id: 'hostPorts', versions: [{ since: 0, check: hostPorts }] },
  { id: 'hostProbesAndHostLifecycle', versions: [{ since: 34, check: probeHosts }] },
  { id: 'privileged', versions: [{ since: 0, check: privileged }] },
  {
    id: 'procMount',
    versions: [
      { since: 0, check: anyProcMount },
      { since: 35, check: procMount },
    ],
  },
  {
    id: 'seLinuxOptions',
    versions: [
      { since: 0, check: seLinux(SELINUX_TYPES) },
      { since: 31, check: seLinux([...SELINUX_TYPES, 'container_engine_t']) },
    ],
  },
  {
    id: 'seccompProfile_baseline',
    versions: [
      { since: 0, check: seccompAnnotations },
      { since: 19, check: seccomp },
    ],
  },
  {
    id: 'sysctls',
    versions: [
      { since: 0, check: sysctls(SYSCTLS) },
      { since: 27, check: sysctls(SYSCTLS_27) },
      { since: 29, check: sysctls(SYSCTLS_29) },
      { since: 32, check: sysctls(SYSCTLS_32) },
    ],
  },
  { id: 'windowsHostProcess', versions: [{ since: 0, check: hostProcess }] },
];

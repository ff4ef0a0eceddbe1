import type { Container, PodSpec, SELinuxOptions, SeccompProfile } from '../../api/types/gen/core-v1.ts';
import { failedPrecondition } from '../../base/errors.ts';
import {
  LinuxContainerSecurityContext,
  LinuxSandboxSecurityContext,
  NamespaceMode,
  type NamespaceOption,
  SELinuxOption,
  SecurityProfile,
  SecurityProfile_ProfileType,
  SupplementalGroupsPolicy,
  type UserNamespace,
} from '../../rpc/cri-api.ts';
import type { PresentImage } from '../decide/pod-memory.ts';

/** What a container does not see of /proc and /sys unless procMount is Unmasked (upstream's list). */
const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export interface SecurityPolicy {
  /** Containers without a profile run under the runtime's default one. */
  readonly seccompDefault: boolean;
  /** Where Localhost profiles lie. */
  readonly seccompRoot: string;
}

/** Which namespaces the pod's containers share with each other and with the node; `pidTarget` is the container whose processes one sees that would see only its own. */
export function namespaceOptions(spec: PodSpec, userns: UserNamespace | undefined, pidTarget = ''): NamespaceOption {
  const pid =
    spec.hostPID === true
      ? NamespaceMode.NODE
      : spec.shareProcessNamespace === true
        ? NamespaceMode.POD
        : pidTarget === ''
          ? NamespaceMode.CONTAINER
          : NamespaceMode.TARGET;
  return {
    network: spec.hostNetwork === true ? NamespaceMode.NODE : NamespaceMode.POD,
    pid,
    ipc: spec.hostIPC === true ? NamespaceMode.NODE : NamespaceMode.POD,
    targetId: pid === NamespaceMode.TARGET ? pidTarget : '',
    usernsOptions: userns,
  };
}

export function sandboxSecurityContext(spec: PodSpec, userns: UserNamespace | undefined): LinuxSandboxSecurityContext {
  const pod = spec.securityContext;
  const containers = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
  return LinuxSandboxSecurityContext.fromPartial({
    namespaceOptions: namespaceOptions(spec, userns),
    runAsUser: int64(pod?.runAsUser),
    runAsGroup: int64(pod?.runAsGroup),
    supplementalGroups: supplementalGroups(spec),
    supplementalGroupsPolicy: groupsPolicy(spec),
    privileged: containers.some(c => c.securityContext?.privileged === true),
    seccomp: profile(SecurityProfile_ProfileType.RuntimeDefault),
    selinuxOptions: selinux(pod?.seLinuxOptions),
  });
}

/** The container's own settings over the pod's. Throws CreateContainerConfigError that tells `where` (pod and container) when the image would break runAsNonRoot. */
export function containerSecurityContext(
  spec: PodSpec,
  container: Container,
  image: PresentImage,
  policy: SecurityPolicy,
  where: string,
  userns: UserNamespace | undefined,
  pidTarget?: string,
): LinuxContainerSecurityContext {
  const pod = spec.securityContext;
  const own = container.securityContext;
  const runAsUser = own?.runAsUser ?? pod?.runAsUser;
  if ((own?.runAsNonRoot ?? pod?.runAsNonRoot) === true) refuseRoot(runAsUser, image, where);
  const privileged = own?.privileged === true;
  const masked = own?.procMount !== 'Unmasked' && !privileged;
  const appArmor = own?.appArmorProfile ?? pod?.appArmorProfile;
  return LinuxContainerSecurityContext.fromPartial({
    namespaceOptions: namespaceOptions(spec, userns, pidTarget),
    privileged,
    capabilities: {
      addCapabilities: own?.capabilities?.add ?? [],
      dropCapabilities: own?.capabilities?.drop ?? [],
      addAmbientCapabilities: [],
    },
    runAsUser: int64(runAsUser ?? image.uid),
    runAsGroup: int64(own?.runAsGroup ?? pod?.runAsGroup),
    runAsUsername: runAsUser === undefined && image.uid === undefined ? image.username : '',
    readonlyRootfs: own?.readOnlyRootFilesystem === true,
    noNewPrivs: own?.allowPrivilegeEscalation === false,
    supplementalGroups: supplementalGroups(spec),
    supplementalGroupsPolicy: groupsPolicy(spec),
    maskedPaths: masked ? MASKED_PATHS : [],
    readonlyPaths: masked ? READONLY_PATHS : [],
    seccomp: privileged
      ? profile(SecurityProfile_ProfileType.Unconfined)
      : seccompProfile(own?.seccompProfile ?? pod?.seccompProfile, policy),
    apparmor: appArmor === undefined ? undefined : localOr(appArmor.type, appArmor.localhostProfile ?? ''),
    selinuxOptions: selinux(own?.seLinuxOptions ?? pod?.seLinuxOptions),
  });
}

function refuseRoot(runAsUser: number | undefined, image: PresentImage, where: string): void {
  const configError = (message: string): Error =>
    failedPrecondition(`${message} (${where})`, { reason: 'CreateContainerConfigError' });
  if (runAsUser === 0) throw configError("container's runAsUser breaks non-root policy");
  if (runAsUser !== undefined) return;
  if (image.uid === undefined && image.username !== '')
    throw configError(
      `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root`,
    );
  if ((image.uid ?? 0) === 0) throw configError('container has runAsNonRoot and image will run as root');
}

function seccompProfile(wanted: SeccompProfile | undefined, policy: SecurityPolicy): SecurityProfile {
  if (wanted === undefined)
    return profile(
      policy.seccompDefault ? SecurityProfile_ProfileType.RuntimeDefault : SecurityProfile_ProfileType.Unconfined,
    );
  return localOr(wanted.type, `${policy.seccompRoot}/${wanted.localhostProfile ?? ''}`);
}

function localOr(type: 'RuntimeDefault' | 'Unconfined' | 'Localhost', localhostRef: string): SecurityProfile {
  if (type !== 'Localhost') return profile(SecurityProfile_ProfileType[type]);
  return profile(SecurityProfile_ProfileType.Localhost, localhostRef);
}

function profile(profileType: SecurityProfile_ProfileType, localhostRef = ''): SecurityProfile {
  return SecurityProfile.fromPartial({ profileType, localhostRef });
}

function supplementalGroups(spec: PodSpec): readonly bigint[] {
  const { supplementalGroups: groups = [], fsGroup } = spec.securityContext ?? {};
  return [...groups, ...(fsGroup === undefined ? [] : [fsGroup])].map(BigInt);
}

function groupsPolicy(spec: PodSpec): SupplementalGroupsPolicy {
  return spec.securityContext?.supplementalGroupsPolicy === 'Strict'
    ? SupplementalGroupsPolicy.Strict
    : SupplementalGroupsPolicy.Merge;
}

function int64(value: number | undefined): { readonly value: bigint } | undefined {
  return value === undefined ? undefined : { value: BigInt(value) };
}

function selinux(options: SELinuxOptions | undefined): SELinuxOption | undefined {
  if (options === undefined) return undefined;
  const { user = '', role = '', type = '', level = '' } = options;
  return SELinuxOption.fromPartial({ user, role, type, level });
}

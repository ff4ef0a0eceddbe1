import type { PodSecurityContext, PodSpec, SecurityContext } from '../types/gen/core-v1.ts';
import { amongIfSet, duplicate, type FieldError, forbidden, invalid, invalidFor, required } from './field-error.ts';
import { internalForm } from './internal-form.ts';
import { numericId } from './names.ts';
import { containersOf, type Kept } from './pod-options.ts';
import { validateAppArmor, validateSeccomp } from './security-profiles.ts';
import { validateWindowsOptions } from './windows-options.ts';

const SYSCTL_SEGMENT = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const SYSCTL_TEXT = `^(${SYSCTL_SEGMENT}[\\./])*${SYSCTL_SEGMENT}$`;
const SYSCTL = new RegExp(SYSCTL_TEXT);
const MAX_SYSCTL = 253;
/** Sysctls that the IPC namespace has of its own, beside those under fs.mqueue. */
const IPC_SYSCTLS = new Set([
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
  'kernel.shm',
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.msg',
]);

/** The security context of one container. `hostUsers`: the pod has no users of its own. */
export function validateSecurityContext(
  context: SecurityContext | undefined,
  hostUsers: boolean,
  path: string,
): FieldError[] {
  if (context === undefined) return [];
  const { procMount } = context;
  const errors = [...ids(context, path), ...amongIfSet(`${path}.procMount`, procMount, ['Default', 'Unmasked'])];
  if (hostUsers && procMount === 'Unmasked')
    errors.push(invalid(`${path}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`'));
  errors.push(...validateSeccomp(context.seccompProfile, `${path}.seccompProfile`));
  if (context.allowPrivilegeEscalation === false) {
    const refuse = (what: string): FieldError =>
      invalid(
        path,
        internalForm('core/v1.SecurityContext', context),
        `cannot set \`allowPrivilegeEscalation\` to false and ${what}`,
      );
    if (context.privileged === true) errors.push(refuse('`privileged` to true'));
    for (const capability of context.capabilities?.add ?? [])
      if (capability === 'CAP_SYS_ADMIN') errors.push(refuse('`capabilities.Add` CAP_SYS_ADMIN'));
  }
  return [
    ...errors,
    ...validateWindowsOptions(context.windowsOptions, `${path}.windowsOptions`),
    ...validateAppArmor(context.appArmorProfile, `${path}.appArmorProfile`),
  ];
}

/** The security context of a pod. */
export function validatePodSecurityContext(spec: PodSpec, kept: Kept, path: string): FieldError[] {
  const context: PodSecurityContext = spec.securityContext ?? {};
  const at = `${path}.securityContext`;
  const { fsGroup } = context;
  const errors = fsGroup === undefined ? [] : invalidFor(`${at}.fsGroup`, fsGroup, numericId(fsGroup));
  errors.push(...ids(context, at));
  for (const [index, group] of (context.supplementalGroups ?? []).entries())
    errors.push(...invalidFor(`${at}.supplementalGroups[${index}]`, group, numericId(group)));
  if (spec.shareProcessNamespace === true && spec.hostPID === true)
    // Upstream keeps the field inside the context.
    errors.push(
      invalid(`${at}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'),
    );
  return [
    ...errors,
    ...sysctls(spec, kept, `${at}.sysctls`),
    ...amongIfSet(`${at}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ['Always', 'OnRootMismatch']),
    ...validateSeccomp(context.seccompProfile, `${at}.seccompProfile`),
    ...validateWindowsOptions(context.windowsOptions, `${at}.windowsOptions`),
    ...validateAppArmor(context.appArmorProfile, `${at}.appArmorProfile`),
    ...amongIfSet(`${at}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, ['Merge', 'Strict']),
    ...amongIfSet(
      `${at}.seLinuxChangePolicy`,
      context.seLinuxChangePolicy,
      // Volumes are labelled by mount options in a later release.
      kept.seLinuxPolicies ? ['MountOption', 'Recursive'] : ['Recursive'],
    ),
  ];
}

/** What a pod with users of its own may not share with its host. */
export function validateUserNamespace(spec: PodSpec, kept: Kept, path: string): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const detail = 'when `hostUsers` is false';
  return [
    ...(spec.hostNetwork === true && !kept.userNamespaceHostNetwork ? [forbidden(`${path}.hostNetwork`, detail)] : []),
    // Upstream's paths have the names of Go's fields here.
    ...(spec.hostPID === true ? [forbidden(`${path}.HostPID`, detail)] : []),
    ...(spec.hostIPC === true ? [forbidden(`${path}.HostIPC`, detail)] : []),
    ...(kept.userNamespaceDevices
      ? []
      : containersOf(spec, path)
          .filter(([container]) => (container.volumeDevices ?? []).length > 0)
          .map(([, at]) => forbidden(`${at}.volumeDevices`, detail))),
  ];
}

function ids(context: SecurityContext | PodSecurityContext, path: string): FieldError[] {
  return (['runAsUser', 'runAsGroup'] as const).flatMap(name => {
    const id = context[name];
    return id === undefined ? [] : invalidFor(`${path}.${name}`, id, numericId(id));
  });
}

function sysctls(spec: PodSpec, kept: Kept, path: string): FieldError[] {
  const names = new Set<string>();
  return (spec.securityContext?.sysctls ?? []).flatMap(({ name }, index) => {
    const at = `${path}[${index}].name`;
    const errors: FieldError[] = [];
    if (name === '') errors.push(required(at));
    else if (name.length > MAX_SYSCTL || !SYSCTL.test(name))
      errors.push(invalid(at, name, `must have at most ${MAX_SYSCTL} characters and match regex ${SYSCTL_TEXT}`));
    else if (names.has(name)) errors.push(duplicate(at, name));
    if (!kept.hostSysctls) errors.push(...hostSysctl(name, spec, at));
    names.add(name);
    return errors;
  });
}

/** A sysctl of a namespace that the pod shares with the host would be the host's. */
function hostSysctl(name: string, spec: PodSpec, path: string): FieldError[] {
  const dotted = dottedSysctl(name);
  if (spec.hostNetwork === true && dotted.startsWith('net.'))
    return [invalid(path, name, "may not be specified when 'hostNetwork' is true")];
  if (spec.hostIPC === true && (IPC_SYSCTLS.has(dotted) || dotted.startsWith('fs.mqueue.')))
    return [invalid(path, name, "may not be specified when 'hostIPC' is true")];
  return [];
}

/** `net/ipv4/conf.eth0` is `net.ipv4.conf/eth0`: the first separator says which of the two spellings it is. */
function dottedSysctl(name: string): string {
  const first = name.search(/[./]/);
  if (first < 0 || name[first] === '.') return name;
  return name.replaceAll(/[./]/g, char => (char === '/' ? '.' : '/'));
}

/** True where a stored pod sets sysctls of its host. */
export function hasHostSysctls(spec: PodSpec): boolean {
  return (spec.securityContext?.sysctls ?? []).some(({ name }) => hostSysctl(name, spec, '').length > 0);
}

/** True where a stored pod has users of its own and raw devices, which never worked together. */
export function hasUserNamespaceDevices(spec: PodSpec): boolean {
  return (
    spec.hostUsers === false && containersOf(spec, '').some(([container]) => (container.volumeDevices ?? []).length > 0)
  );
}

import type { PodSecurityContext, PodSpec, SeccompProfile, SecurityContext } from '../types/gen/core-v1.ts';
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  oneOf,
  required,
} from './field-error.ts';
import { numericId } from './names.ts';

const SYSCTL = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*([a-z0-9][-_a-z0-9/]*)?[a-z0-9]$/;

/** The security context of one container. */
export function validateSecurityContext(context: SecurityContext | undefined, path: string): FieldError[] {
  if (context === undefined) return [];
  const errors = [...ids(context, path), ...seccomp(context.seccompProfile, `${path}.seccompProfile`)];
  if (context.procMount !== undefined)
    errors.push(...oneOf(`${path}.procMount`, context.procMount, ['Default', 'Unmasked']));
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged === true)
      errors.push(invalid(path, undefined, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'));
    if (context.capabilities?.add?.some(c => c === 'CAP_SYS_ADMIN') === true)
      errors.push(
        invalid(path, undefined, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN'),
      );
  }
  if (context.windowsOptions?.hostProcess === true)
    errors.push(forbidden(`${path}.windowsOptions.hostProcess`, 'this node runs Linux containers only'));
  return errors;
}

/** The security context of a pod, with what it excludes among the host's namespaces. */
export function validatePodSecurityContext(spec: PodSpec, path: string): FieldError[] {
  const context: PodSecurityContext = spec.securityContext ?? {};
  const at = `${path}.securityContext`;
  const errors = [...ids(context, at), ...seccomp(context.seccompProfile, `${at}.seccompProfile`)];
  if (context.fsGroup !== undefined)
    errors.push(...invalidFor(`${at}.fsGroup`, context.fsGroup, numericId(context.fsGroup)));
  for (const [index, group] of (context.supplementalGroups ?? []).entries())
    errors.push(...invalidFor(`${at}.supplementalGroups[${index}]`, group, numericId(group)));
  if (context.supplementalGroupsPolicy !== undefined)
    errors.push(...oneOf(`${at}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, ['Merge', 'Strict']));
  if (context.fsGroupChangePolicy !== undefined)
    errors.push(...oneOf(`${at}.fsGroupChangePolicy`, context.fsGroupChangePolicy, ['Always', 'OnRootMismatch']));
  errors.push(...sysctls(spec, context, `${at}.sysctls`));
  if (spec.shareProcessNamespace === true && spec.hostPID === true)
    errors.push(
      invalid(`${path}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'),
    );
  if (spec.hostUsers === false)
    for (const name of ['hostNetwork', 'hostPID', 'hostIPC'] as const)
      if (spec[name] === true) errors.push(forbidden(`${path}.${name}`, 'when `hostUsers` is false'));
  return errors;
}

function ids(context: SecurityContext | PodSecurityContext, path: string): FieldError[] {
  return (['runAsUser', 'runAsGroup'] as const).flatMap(name => {
    const id = context[name];
    return id === undefined ? [] : invalidFor(`${path}.${name}`, id, numericId(id));
  });
}

function sysctls(spec: PodSpec, context: PodSecurityContext, path: string): FieldError[] {
  const names = new Set<string>();
  return (context.sysctls ?? []).flatMap((sysctl, index) => {
    const at = `${path}[${index}].name`;
    const name = sysctl.name.replaceAll('/', '.');
    if (sysctl.name === '') return [required(at)];
    if (sysctl.name.length > 253 || !SYSCTL.test(sysctl.name))
      return [
        invalid(
          at,
          sysctl.name,
          'must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*([a-z0-9][-_a-z0-9/]*)?[a-z0-9]$',
        ),
      ];
    if (names.has(name)) return [duplicate(at, sysctl.name)];
    names.add(name);
    if (spec.hostNetwork === true && name.startsWith('net.'))
      return [invalid(at, sysctl.name, 'may not be specified when `hostNetwork` is true')];
    if (
      spec.hostIPC === true &&
      (name.startsWith('kernel.shm') ||
        name.startsWith('kernel.msg') ||
        name === 'kernel.sem' ||
        name.startsWith('fs.mqueue.'))
    )
      return [invalid(at, sysctl.name, 'may not be specified when `hostIPC` is true')];
    return [];
  });
}

function seccomp(profile: SeccompProfile | undefined, path: string): FieldError[] {
  if (profile === undefined) return [];
  const { localhostProfile, type } = profile;
  if (type === 'Localhost') {
    if (localhostProfile === undefined || localhostProfile === '')
      return [required(`${path}.localhostProfile`, 'must be set when seccomp type is Localhost')];
    return descendingPath(localhostProfile, `${path}.localhostProfile`);
  }
  if (localhostProfile !== undefined)
    return [invalid(`${path}.localhostProfile`, localhostProfile, 'can only be set when seccomp type is Localhost')];
  const types = ['Localhost', 'RuntimeDefault', 'Unconfined'];
  return types.includes(type) ? [] : [notSupported(`${path}.type`, type, types)];
}

/** A path that stays below where it starts. */
export function descendingPath(value: string, path: string): FieldError[] {
  return [
    ...(value.startsWith('/') ? [invalid(path, value, 'must be a relative path')] : []),
    ...noBacksteps(value, path),
  ];
}

export function noBacksteps(value: string, path: string): FieldError[] {
  return value.split('/').includes('..') ? [invalid(path, value, "must not contain '..'")] : [];
}

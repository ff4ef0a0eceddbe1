import { failedPrecondition, invalidArgument } from '../../base/errors.ts';
import { DEFAULT_APPARMOR_PROFILE } from './apparmor-default.ts';
import type { CriContainerSecurityContext, CriSecurityProfile } from './inputs.ts';
import { PROFILE_TYPE } from './inputs.ts';
import { defaultSeccomp } from './seccomp-default.ts';

/** Kernel files that tell or change too much: hidden where a request says nothing about security at all (upstream's list). */
const DEFAULT_MASKED_PATHS: readonly string[] = [
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
const DEFAULT_READONLY_PATHS: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

export interface PathProtection {
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
}

/**
 * Masked and read-only paths. A request with a security context is taken at its word (empty lists are how a kubelet says procMount Unmasked); one without gets
 * upstream's lists; privileged gets none.
 */
export function decidePathProtection(context: CriContainerSecurityContext | undefined): PathProtection {
  if (context === undefined) return { maskedPaths: DEFAULT_MASKED_PATHS, readonlyPaths: DEFAULT_READONLY_PATHS };
  if (context.privileged) return { maskedPaths: [], readonlyPaths: [] };
  return { maskedPaths: context.maskedPaths, readonlyPaths: context.readonlyPaths };
}

export interface SeccompRequest {
  readonly profile: CriSecurityProfile | undefined;
  /** The Localhost profile, read by the caller. */
  readonly loaded: object | undefined;
  readonly privileged: boolean;
  readonly architecture: string;
  /** What the container may do: some calls go with a capability. */
  readonly capabilities: readonly string[];
}

/**
 * The seccomp part of a specification: our own profile for RuntimeDefault, the one that was read for Localhost. Nothing asked for, Unconfined and privileged have
 * none. Throws `invalid-argument` for an unknown type.
 */
export function decideSeccomp(request: SeccompRequest): object | undefined {
  const { profile, loaded, privileged, architecture, capabilities } = request;
  if (profile === undefined || privileged) return undefined;
  switch (profile.profileType) {
    case PROFILE_TYPE.RUNTIME_DEFAULT:
      return defaultSeccomp(architecture, capabilities);
    case PROFILE_TYPE.UNCONFINED:
      return undefined;
    case PROFILE_TYPE.LOCALHOST:
      if (loaded === undefined) throw invalidArgument(`seccomp profile "${profile.localhostRef}" was not found`);
      return loaded;
    default:
      throw invalidArgument(`seccomp: profile type ${profile.profileType} is unknown`);
  }
}

export interface AppArmorRequest {
  readonly profile: CriSecurityProfile | undefined;
  /** The field of before Kubernetes 1.30: `runtime/default`, `unconfined`, `localhost/NAME`; empty where it is not said. */
  readonly deprecated: string;
  /** The kernel has AppArmor and profiles can be loaded. */
  readonly usable: boolean;
  readonly privileged: boolean;
}

/**
 * The AppArmor profile to confine a process to; undefined for none. Where AppArmor can be used, a container that asks for none has the default one, as with upstream's runtimes, unless it
 * is privileged. Where it cannot, only a Localhost profile is an error (`failed-precondition`). Throws `invalid-argument` for what is no profile.
 */
export function decideAppArmor(request: AppArmorRequest): string | undefined {
  const { usable, privileged } = request;
  const { profileType, localhostRef } = request.profile ?? deprecatedProfile(request.deprecated) ?? DEFAULT_PROFILE;
  const name = localhostRef.replace(/^localhost\//, '');
  if (profileType !== PROFILE_TYPE.LOCALHOST && name !== '')
    throw invalidArgument('apparmor.localhost_ref must only be set if profile_type is Localhost');
  switch (profileType) {
    case PROFILE_TYPE.UNCONFINED:
      return undefined;
    case PROFILE_TYPE.RUNTIME_DEFAULT:
      return usable && !privileged ? DEFAULT_APPARMOR_PROFILE : undefined;
    case PROFILE_TYPE.LOCALHOST:
      if (name === '') throw invalidArgument('apparmor.localhost_ref is empty');
      if (!usable)
        throw failedPrecondition(
          `AppArmor profile "${name}" is demanded, but AppArmor is not enabled in this kernel or apparmor_parser is not installed`,
        );
      return name;
    default:
      throw invalidArgument(`apparmor: profile type ${profileType} is unknown`);
  }
}

const DEFAULT_PROFILE: CriSecurityProfile = { profileType: PROFILE_TYPE.RUNTIME_DEFAULT, localhostRef: '' };

function deprecatedProfile(text: string): CriSecurityProfile | undefined {
  if (text === '') return undefined;
  if (text === 'runtime/default') return DEFAULT_PROFILE;
  if (text === 'unconfined') return { profileType: PROFILE_TYPE.UNCONFINED, localhostRef: '' };
  if (text.startsWith('localhost/')) return { profileType: PROFILE_TYPE.LOCALHOST, localhostRef: text };
  throw invalidArgument(`apparmor_profile "${text}" is none of runtime/default, unconfined and localhost/NAME`);
}

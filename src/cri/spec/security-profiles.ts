import { failedPrecondition, invalidArgument } from '../../base/errors.ts';
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

/** The AppArmor profile to confine a process to; undefined for none. `failed-precondition` when one is demanded and the kernel has no AppArmor. */
export function decideAppArmor(
  profile: CriSecurityProfile | undefined,
  kernelHasIt: boolean,
  privileged: boolean,
): string | undefined {
  if (profile === undefined || privileged || profile.profileType !== PROFILE_TYPE.LOCALHOST) return undefined;
  if (!kernelHasIt)
    throw failedPrecondition(
      `AppArmor profile "${profile.localhostRef}" is demanded, but AppArmor is not enabled in this kernel`,
    );
  return profile.localhostRef.replace(/^localhost\//, '');
}

import { failedPrecondition, invalidArgument } from '../../base/errors.ts';
import type { CriContainerSecurityContext, CriSecurityProfile } from './inputs.ts';
import { PROFILE_TYPE } from './inputs.ts';

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

/**
 * The seccomp part of a specification. Unconfined and RuntimeDefault give none (RuntimeDefault is accepted because kubelets ask for it on every sandbox; the
 * README says that it is not enforced yet). Localhost gives the profile the caller has read. Privileged has none.
 */
export function decideSeccomp(
  profile: CriSecurityProfile | undefined,
  loaded: object | undefined,
  privileged: boolean,
): object | undefined {
  if (profile === undefined || privileged || profile.profileType !== PROFILE_TYPE.LOCALHOST) return undefined;
  if (loaded === undefined) throw invalidArgument(`seccomp profile "${profile.localhostRef}" was not found`);
  return loaded;
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

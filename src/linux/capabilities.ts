import { readFileSync } from 'node:fs';

/** Every capability of Linux by its bit (capability.h; the last came with 5.9). */
export const CAPABILITY_NAMES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
];

export interface ProcessCapabilities {
  readonly effective: readonly string[];
  readonly bounding: readonly string[];
}

/** The names of the set bits, in bit order; bits this program does not know are left out. */
export function capabilitiesOfMask(mask: bigint): readonly string[] {
  return CAPABILITY_NAMES.filter((_name, bit) => ((mask >> BigInt(bit)) & 1n) === 1n);
}

/** Reads the effective and bounding sets out of the text of /proc/pid/status. */
export function parseCapabilities(status: string): ProcessCapabilities {
  const mask = (field: string): bigint =>
    BigInt(`0x${new RegExp(`^${field}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`);
  return { effective: capabilitiesOfMask(mask('CapEff')), bounding: capabilitiesOfMask(mask('CapBnd')) };
}

/** What this process may do, and what it may give. */
export function ownCapabilities(): ProcessCapabilities {
  return parseCapabilities(readFileSync('/proc/self/status', 'utf8'));
}

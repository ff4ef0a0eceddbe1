import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Reads a kernel setting, named by its path under /proc/sys (`net/ipv4/ip_forward`; not with dots, because link names may hold some). For
 * `net/…` the answer is that of the thread's present network namespace. Undefined when this kernel has no such setting.
 */
export function readSysctl(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Sets a kernel setting where it differs, and says whether it did. One that this kernel lacks (IPv6 switched off, say) is left alone: false. Throws
 * the errno with the file's name.
 */
export function ensureSysctl(name: string, value: string): boolean {
  const present = readSysctl(name);
  if (present === undefined || present === value) return false;
  writeFileSync(`/proc/sys/${name}`, value);
  return true;
}

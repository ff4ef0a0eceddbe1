import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

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

/** Where settings are kept for the next start (sysctl.d(5)). */
const DIRECTORIES: readonly string[] = [
  '/etc/sysctl.d',
  '/run/sysctl.d',
  '/usr/local/lib/sysctl.d',
  '/usr/lib/sysctl.d',
];

/** The texts of all files of settings of this machine. What cannot be read is left out. */
export function sysctlFiles(): readonly string[] {
  const paths = DIRECTORIES.flatMap(directory =>
    orNothing(() => readdirSync(directory).filter(name => name.endsWith('.conf')), []).map(
      name => `${directory}/${name}`,
    ),
  );
  return ['/etc/sysctl.conf', ...paths].map(path => orNothing(() => readFileSync(path, 'utf8'), ''));
}

/** Whether such a text sets the setting, named with dots, to something else than 0. Pure. */
export function setsSysctl(text: string, name: string): boolean {
  return text.split('\n').some(line => {
    const [, key = '', value = ''] = /^\s*-?\s*([^#;=\s]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    return key.replaceAll('/', '.') === name && value !== '0';
  });
}

function orNothing<T>(read: () => T, nothing: T): T {
  try {
    return read();
  } catch {
    return nothing;
  }
}

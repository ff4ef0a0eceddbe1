import { existsSync, readFileSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { invalidArgument } from '../base/errors.ts';
import { setXattr } from './xattr.ts';

/** Labelled over, these would take the machine down. Upstream's list. */
const NEVER_RELABELLED = new Set(['/', '/usr', '/etc', '/tmp', '/home', '/run', '/var', '/root']);

export interface PolicyContexts {
  readonly process: string;
  readonly file: string;
  /** Of files that all containers may read and run. */
  readonly readOnlyFile: string;
}

/** The contexts that the machine's policy has for containers; undefined where SELinux is off or the policy has none. */
export function selinuxContexts(): PolicyContexts | undefined {
  if (!existsSync('/sys/fs/selinux/enforce')) return undefined;
  const config = existsSync('/etc/selinux/config') ? readFileSync('/etc/selinux/config', 'utf8') : '';
  const type = /^\s*SELINUXTYPE\s*=\s*(\S+)/m.exec(config)?.[1] ?? 'targeted';
  const file = `/etc/selinux/${type}/contexts/lxc_contexts`;
  return existsSync(file) ? parseContexts(readFileSync(file, 'utf8')) : undefined;
}

/** `process = "system_u:system_r:container_t:s0"` and `file = …`, one a line. Pure. */
export function parseContexts(text: string): PolicyContexts | undefined {
  const contextOf = (key: string): string | undefined =>
    new RegExp(`^\\s*${key}\\s*=\\s*"?([^"\\s]+)"?`, 'm').exec(text)?.[1];
  const [process, file] = [contextOf('process'), contextOf('file')];
  return process === undefined || file === undefined
    ? undefined
    : { process, file, readOnlyFile: contextOf('ro_file') ?? file };
}

/**
 * Gives a file, or a directory with all that is in it, a label; links themselves, not where they lead. A file system without labels is left as it is. In slices, for a volume may be large. Throws
 * `invalid-argument` for directories of the machine.
 */
export async function relabel(path: string, label: string): Promise<void> {
  if (NEVER_RELABELLED.has(path)) throw invalidArgument(`SELinux relabeling of ${path} is not allowed`);
  if (!setXattr(path, 'security.selinux', Buffer.from(`${label}\0`))) return;
  if (!(await lstat(path)).isDirectory()) return;
  for (const name of await readdir(path)) await relabel(`${path}/${name}`, label);
}

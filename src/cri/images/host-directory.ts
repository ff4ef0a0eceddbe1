import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errnoName, errorMessage, failedPrecondition } from '../../base/errors.ts';
import { type HostEntry, parseHostsFile } from './hosts-file.ts';

/** What a directory of containerd's certs.d says of one registry. */
export interface HostDirectory {
  readonly path: string;
  readonly entries: readonly HostEntry[];
  /** Why its hosts.toml was passed over; undefined where it was read or there is none. */
  readonly problem: string | undefined;
}

/** The names of a registry's directory, in the order in which they are looked for: `host_port_`, `host:port`, `_default`. Pure. */
export function hostDirectoryNames(registry: string): readonly string[] {
  const colon = registry.lastIndexOf(':');
  const withPort = colon > 0 ? [`${registry.slice(0, colon)}_${registry.slice(colon + 1)}_`] : [];
  return [...withPort, registry, '_default'];
}

/**
 * Reads what `<root>/<registry>/` says: its hosts.toml or, where there is none or it cannot be understood, Docker's certificate files (`*.crt` to be trusted,
 * `*.cert` with `*.key` to be shown). Undefined when there is no directory for it. Read anew for each pull, so that a change counts from the next one on;
 * the files are small. Throws `failed-precondition` for what cannot be read.
 */
export function readHostDirectory(root: string, registry: string): HostDirectory | undefined {
  const paths = hostDirectoryNames(registry).map(name => join(root, name));
  let path = root;
  try {
    const found = paths.find(directory => statSync(directory, { throwIfNoEntry: false }) !== undefined);
    if (found === undefined) return undefined;
    path = found;
    const file = join(path, 'hosts.toml');
    const text = readIfThere(file);
    if (text === '') return { path, entries: [certificateFiles(path)], problem: undefined };
    try {
      return { path, entries: parseHostsFile(text, path), problem: undefined };
    } catch (error) {
      return { path, entries: [certificateFiles(path)], problem: `${file} is not used: ${errorMessage(error)}` };
    }
  } catch (error) {
    throw failedPrecondition(`${path} cannot be read: ${errnoName(error) ?? errorMessage(error)}`, { cause: error });
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return '';
    throw error;
  }
}

function certificateFiles(directory: string): HostEntry {
  const names = readdirSync(directory, { withFileTypes: true })
    .filter(e => !e.isDirectory())
    .map(e => e.name)
    .sort();
  const caFiles = names.filter(n => n.endsWith('.crt')).map(n => join(directory, n));
  const clientPairs = names
    .filter(n => n.endsWith('.cert'))
    .map((n): [string, string] => {
      const key = n.replace(/\.cert$/, '.key');
      return [join(directory, n), join(directory, names.includes(key) ? key : n)];
    });
  const hasTls = caFiles.length > 0 || clientPairs.length > 0;
  return {
    isServer: true,
    url: undefined,
    canPull: true,
    canResolve: true,
    tls: hasTls ? { caFiles, clientPairs, skipVerify: false } : undefined,
    headers: {},
    dialTimeoutMs: undefined,
  };
}

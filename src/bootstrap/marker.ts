import { existsSync, readFileSync, statSync } from 'node:fs';
import { writeFileAtomic } from '../linux/atomic-file.ts';
import { listTables } from '../linux/nft.ts';
import type { Files } from './files.ts';

/** What is remembered of the first command that made a node here: there from before its first change until the last step of `reset`. */
export interface Marker {
  readonly command: 'init' | 'join';
  /** Where the keys and the data of etcd are. */
  readonly places: { readonly pkiDir: string; readonly etcdDataDir: string };
  /** Those of the standing directories that were there before: `reset` empties them, and removes the others. */
  readonly standing: readonly string[];
  /** Whose they were, with which permissions: who empties them gives these back. */
  readonly modes: Readonly<Record<string, DirectoryMode>>;
  /** Tables of nftables that were there before, iptables' own among them; undefined where nobody has looked. */
  readonly tables?: readonly string[];
}

export interface DirectoryMode {
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Directories that packages or an admin may have made before a node is made here, parents first. */
export const STANDING_DIRECTORIES: readonly string[] = [
  '/etc/gantry',
  '/etc/kubernetes',
  '/etc/kubernetes/manifests',
  '/etc/kubernetes/pki',
  '/etc/kubernetes/pki/etcd',
  '/etc/cni',
  '/etc/cni/net.d',
  '/opt/cni',
  '/opt/cni/bin',
  '/var/lib/kubelet',
  '/var/lib/etcd',
  '/var/lib/gantry',
  '/var/log/pods',
  '/var/log/containers',
  '/var/log/gantry',
  // made by a crun or runc that is asked what it can do
  '/run/crun',
  '/run/runc',
];

/** Those, and where else this node keeps its keys and the data of its etcd. */
export function standingDirectories({ pkiDir, etcdDataDir }: Marker['places']): readonly string[] {
  return [...new Set([...STANDING_DIRECTORIES, pkiDir, `${pkiDir}/etcd`, etcdDataDir])];
}

/** Writes down that a node is made here, and what was here before. What an earlier command wrote is kept. */
export function ensureMarker(files: Files, command: Marker['command']): void {
  if (existsSync(files.marker)) return;
  const { pkiDir, etcdDataDir } = files;
  const places = { pkiDir, etcdDataDir };
  const standing = standingDirectories(places).filter(path => existsSync(path));
  const marker: Marker = { command, places, standing, modes: directoryModes(standing), tables: listTables() };
  writeFileAtomic(files.marker, `${JSON.stringify(marker)}\n`, { durable: true });
}

/** Undefined where neither command has run here. One that cannot be read counts as made by `init` in the default places, with everything there before. */
export function readMarker(files: Files): Marker | undefined {
  if (!existsSync(files.marker)) return undefined;
  const { pkiDir, etcdDataDir } = files;
  const unknown: Marker = {
    command: 'init',
    places: { pkiDir, etcdDataDir },
    standing: STANDING_DIRECTORIES,
    modes: {},
  };
  try {
    return { ...unknown, ...(JSON.parse(readFileSync(files.marker, 'utf8')) as Partial<Marker>) };
  } catch {
    return unknown;
  }
}

/** Of those that are there. */
export function directoryModes(paths: readonly string[]): Record<string, DirectoryMode> {
  return Object.fromEntries(
    paths
      .filter(path => existsSync(path))
      .map(path => {
        const { mode, uid, gid } = statSync(path);
        return [path, { mode: mode & 0o7777, uid, gid }];
      }),
  );
}

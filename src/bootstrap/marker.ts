import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';
import { writeFileAtomic } from '../linux/atomic-file.ts';
import { readMountinfo } from '../linux/mount.ts';
import { listTables } from '../linux/nft.ts';
import { type Files, filesBelow } from './files.ts';
import {
  type DirectoryMode,
  directoriesAbove,
  type ExternalEtcdMark,
  filesOf,
  type Marker,
  markerOf,
  parentDirectories,
  standingDirectories,
} from './marker/format.ts';
import { madeDirectory } from './marker/made-directory.ts';
import { goneOn, type Mark, marked } from './marker/plan.ts';

function placesOf({ pkiDir, etcdDataDir, caCert }: Files, command: Marker['command']): Marker['places'] {
  const isBeside = command === 'init' || caCert === `${pkiDir}/ca.crt`;
  return { pkiDir, etcdDataDir, ...(isBeside ? {} : { caCert }) };
}

/**
 * Where the node that was made here has its files: as its last command was told; where its marker is gone, as its copy of kubeadm-config says; and where that is gone, too, in
 * the default places.
 */
export function standingFiles(root = '/'): Files {
  const defaults = filesBelow(root);
  const marker = readMarker(defaults);
  if (marker !== undefined) return filesOf(marker, defaults);
  try {
    const text = readFileSync(defaults.clusterConfiguration, 'utf8');
    const { certificatesDir } = (parse(text) ?? {}) as { readonly certificatesDir?: string };
    return certificatesDir === undefined ? defaults : filesBelow(root, { certificatesDir });
  } catch {
    return defaults;
  }
}

/**
 * Writes down, before it is done, what a command makes here. What earlier commands wrote is kept; where this one has its things in other places, those count from now on, and what was made in
 * the others stays known. Safe to repeat: where nothing new is said nothing is written.
 */
export function ensureMarker(files: Files, command: Marker['command'], mark: Mark = {}): void {
  const before = readMarker(files);
  const places = placesOf(files, command);
  const kept =
    before === undefined
      ? newMarker(places, command)
      : goneOn(before, command, places, { exists: existsSync, modes: directoryModes });
  const marker = marked(kept, files, mark, { stands: isThere, kubeletEntries: () => entriesOf(files.kubeletDir) });
  if (before !== undefined && isDeepStrictEqual(before, marker)) return;
  writeFileAtomic(files.marker, `${JSON.stringify(marker)}\n`, { durable: true });
}

/**
 * The same for a whole `init` that goes on after preflight. It claims nothing: each path is claimed right before it is written (init/marking-disk.ts), for phases may be left out and a run
 * may end anywhere, and what an admin puts there then is not Gantry's.
 */
export function takeOver(files: Files, etcd: ExternalEtcdMark | 'local'): void {
  ensureMarker(files, 'init', { etcd, passed: true });
}

/**
 * Makes what is missing of the way to a path, as far as that is above the places of the node, and writes down each directory that it has made as soon as it has an identity: who is killed between
 * the two leaves one empty directory, and none is taken for Gantry's that somebody else makes. What cannot be made is left to the write that follows, which says why.
 */
export function makeParents(path: string, mode: number, files: Files, command: Marker['command']): void {
  const missing = directoriesAbove(path).filter(directory => !existsSync(directory));
  const parents = parentDirectories(files);
  if (!missing.some(directory => parents.includes(directory))) return;
  for (const directory of missing) {
    if (!isMade(directory, mode)) continue;
    const identity = parents.includes(directory) ? madeDirectory(directory) : undefined;
    if (identity !== undefined) ensureMarker(files, command, { parents: { [directory]: identity } });
  }
}

/** True where this very call has made it. */
function isMade(directory: string, mode: number): boolean {
  try {
    mkdirSync(directory, { mode });
    return true;
  } catch {
    return false;
  }
}

function newMarker(places: Marker['places'], command: Marker['command']): Marker {
  const standing = standingDirectories(places).filter(path => existsSync(path));
  return {
    command,
    places,
    standing,
    modes: directoryModes(standing),
    tables: listTables(),
    passed: false,
    made: [],
    kubeletHad: [],
  };
}

/** Undefined where neither command has run here. */
export function readMarker(files: Files): Marker | undefined {
  return existsSync(files.marker) ? markerOf(readFileSync(files.marker, 'utf8'), files) : undefined;
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

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Entries of a directory, and those of directories in it, as `Marker.kubeletHad` has them. What is mounted in it is not entered, for it may hang: but a disk of its own for pods, without which no kubelet works. */
function entriesOf(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  const real = realpathSync(directory);
  const mounted = new Set(readMountinfo().map(({ target }) => target));
  mounted.delete(`${real}/pods`);
  return readdirSync(real, { withFileTypes: true }).flatMap(entry => {
    if (!entry.isDirectory() || mounted.has(`${real}/${entry.name}`)) return [entry.name];
    return [`${entry.name}/`, ...readdirSync(`${real}/${entry.name}`).map(name => `${entry.name}/${name}`)];
  });
}

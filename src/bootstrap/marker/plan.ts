import type { Files } from '../files.ts';
import { withoutSlash } from '../standing/fixed-fields.ts';
import {
  type EarlierPlaces,
  type ExternalEtcdMark,
  earlierDirectories,
  type Marker,
  standingDirectories,
} from './format.ts';
import { etcdMember } from './paths.ts';

/** What a command adds to the marker before it makes something. */
export interface Mark {
  /** The etcd that the cluster has from now on; the same as before where it is not given. */
  readonly etcd?: ExternalEtcdMark | 'local' | undefined;
  /** The whole command goes on from here: preflight has passed, or was left out. */
  readonly passed?: boolean;
  /** Paths that it is about to make, where nothing stands there yet. */
  readonly claims?: readonly string[];
  /** Directories above its places that it has just made, as `Marker.parents` has them. */
  readonly parents?: Readonly<Record<string, string>>;
}

/** What is asked of the machine for it. */
export interface Look {
  /** A link counts, wherever it leads. */
  readonly stands: (path: string) => boolean;
  /** What stands in the kubelet's directory, as `Marker.kubeletHad` has it. */
  readonly kubeletEntries: () => readonly string[];
}

/** The marker with what a command adds. What was made once stays made, and what stood there before is never made. Pure but for `look`. */
export function marked(before: Marker, { kubeletDir }: Pick<Files, 'kubeletDir'>, mark: Mark, look: Look): Marker {
  const { etcd, passed = false, claims = [], parents = {} } = mark;
  const known = etcd === undefined ? before : etcd === 'local' ? withLocalEtcd(before) : withExternalEtcd(before, etcd);
  const added = claims.filter(
    path => !before.made.includes(path) && (path === kubeletDir || !(isOfAnother(path, known) || look.stands(path))),
  );
  return {
    ...known,
    passed: before.passed || passed,
    made: [...before.made, ...added],
    ...(Object.keys(parents).length === 0 ? {} : { parents: { ...before.parents, ...parents } }),
    kubeletHad: added.includes(kubeletDir) ? look.kubeletEntries() : before.kubeletHad,
  };
}

/**
 * The marker once a command goes on, with its places: where one before had others, those in which it has made something are kept as earlier ones, for `reset` to look there. An `init` after
 * a `join` that was cut off makes a control plane of the node; a `join` after `init` changes nothing, for preflight refuses it. Pure but for `look`.
 */
export function goneOn(
  before: Marker,
  command: Marker['command'],
  places: Marker['places'],
  look: {
    /** A link counts where it leads somewhere. */
    readonly exists: (path: string) => boolean;
    readonly modes: (paths: readonly string[]) => Marker['modes'];
  },
): Marker {
  if (before.command === 'init' && command === 'join') return before;
  const { earlier: earlierBefore = NOWHERE, ...rest } = before;
  const earlier = earlierOf(before, earlierBefore, places);
  // what commands before have made meanwhile was not there before
  const known = [...standingDirectories(before.places), ...earlierDirectories(earlierBefore)];
  const standing = standingDirectories(places).filter(
    path => !known.includes(path) && !before.standing.includes(path) && look.exists(path),
  );
  return {
    ...rest,
    command,
    places,
    passed: before.passed && before.command === command,
    standing: [...before.standing, ...standing],
    modes: { ...before.modes, ...look.modes(standing) },
    ...(earlierDirectories(earlier).length === 0 ? {} : { earlier }),
  };
}

const NOWHERE: EarlierPlaces = { pkiDirs: [], etcdDataDirs: [] };

function earlierOf({ places, made }: Marker, before: EarlierPlaces, now: Marker['places']): EarlierPlaces {
  const others = (paths: readonly string[], current: string): readonly string[] =>
    [...new Set(paths)].filter(path => withoutSlash(path) !== withoutSlash(current));
  return {
    pkiDirs: others([...before.pkiDirs, places.pkiDir], now.pkiDir).filter(directory =>
      made.some(path => path.startsWith(`${directory}/`)),
    ),
    etcdDataDirs: others([...before.etcdDataDirs, places.etcdDataDir], now.etcdDataDir).filter(etcdDataDir =>
      made.includes(etcdMember({ etcdDataDir })),
    ),
  };
}

/** Directories in which the data of an etcd was made, those that no longer count among them. Pure. */
export function etcdDirectories({ places, earlier = NOWHERE, made }: Marker): readonly string[] {
  const all = [...new Set([places.etcdDataDir, ...earlier.etcdDataDirs])];
  return all.filter(etcdDataDir => made.includes(etcdMember({ etcdDataDir })));
}

/** Where else than in `pkiDir` and in the directory of etcd that counts commands before have made something. Pure. */
export function earlierPlaces(marker: Marker | undefined, pkiDir: string): EarlierPlaces {
  if (marker === undefined) return NOWHERE;
  const { pkiDirs, etcdDataDirs } = marker.earlier ?? NOWHERE;
  return {
    pkiDirs: [marker.places.pkiDir, ...pkiDirs].filter(path => withoutSlash(path) !== withoutSlash(pkiDir)),
    etcdDataDirs,
  };
}

/** Files for an etcd of somebody else that configurations have named, now or earlier. Pure. */
export function filesForExternalEtcd(marker: Marker | undefined): readonly string[] {
  return [...(marker?.etcdFiles ?? []), ...(marker?.externalEtcd?.files ?? [])];
}

function isOfAnother(path: string, marker: Marker): boolean {
  return filesForExternalEtcd(marker).includes(path);
}

/** The newest endpoints, and every file that was ever named for one. */
function withExternalEtcd(before: Marker, { endpoints, files }: ExternalEtcdMark): Marker {
  return {
    ...before,
    externalEtcd: { endpoints, files: [...new Set([...(before.externalEtcd?.files ?? []), ...files])] },
  };
}

function withLocalEtcd({ externalEtcd, ...before }: Marker): Marker {
  if (externalEtcd === undefined) return before;
  return { ...before, etcdFiles: [...new Set([...(before.etcdFiles ?? []), ...externalEtcd.files])] };
}

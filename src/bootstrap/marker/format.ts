import { dirname } from 'node:path';
import type { Files } from '../files.ts';
import type { EtcdSettings } from '../settings.ts';
import { initPaths, joinPaths } from './paths.ts';

/** What is remembered of the commands that made a node here: there from before their first change until the last step of `reset`. README.md has the contract. */
export interface Marker {
  readonly command: 'init' | 'join';
  /** Where the keys and the data of etcd are, as the last command was told. */
  readonly places: {
    readonly pkiDir: string;
    readonly etcdDataDir: string;
    /** The certificate of the CA, where it is not `ca.crt` in the first. */
    readonly caCert?: string;
  };
  /** Where commands before had them, and have made something: there where that is elsewhere. */
  readonly earlier?: EarlierPlaces;
  /** Those of the standing directories that were there before: `reset` empties them, and removes the others. */
  readonly standing: readonly string[];
  /** Directories above the places that were made here, each with the identity that it got (made-directory.ts): there where there are any. */
  readonly parents?: Readonly<Record<string, string>>;
  /** Whose they were, with which permissions: who empties them gives these back. */
  readonly modes: Readonly<Record<string, DirectoryMode>>;
  /** Tables of nftables that were there before, iptables' own among them; undefined where nobody has looked. */
  readonly tables?: readonly string[];
  /** The whole command has passed its preflight, or was told to leave it out: what it would now be refused for is its own work. */
  readonly passed: boolean;
  /** Paths that were made here or are about to be, and did not stand there before. Of what others may have made, too, `reset` takes these alone. */
  readonly made: readonly string[];
  /** What stood in the kubelet's directory, relative to it: `config.json`; `pods/` for a directory, whose own entries follow as `pods/UID`. */
  readonly kubeletHad: readonly string[];
  /** Where somebody else's etcd keeps the objects of the cluster: neither it nor these files are ever changed here. */
  readonly externalEtcd?: ExternalEtcdMark;
  /** Files for such an etcd, of a time before an etcd of this machine took its place: `reset` leaves them as they are. */
  readonly etcdFiles?: readonly string[];
}

/** Directories that no longer count. */
export interface EarlierPlaces {
  readonly pkiDirs: readonly string[];
  readonly etcdDataDirs: readonly string[];
}

export interface ExternalEtcdMark {
  readonly endpoints: readonly string[];
  /** Those that the API server shows and trusts. */
  readonly files: readonly string[];
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
  '/etc/systemd/logind.conf.d',
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

/** What is above these and is none of them, as their paths have it. Pure. */
export function parentDirectories(places: Marker['places']): readonly string[] {
  const known = standingDirectories(places);
  const all = [places.pkiDir, places.etcdDataDir].flatMap(path => directoriesAbove(path));
  return [...new Set(all)].filter(path => !known.includes(path));
}

/** All that a path leads through but for `/`, the topmost first. Pure. */
export function directoriesAbove(path: string): readonly string[] {
  const parent = dirname(path);
  return parent === '/' || parent === path ? [] : [...directoriesAbove(parent), parent];
}

/** As standingDirectories, of places that no longer count. Pure. */
export function earlierDirectories({ pkiDirs, etcdDataDirs }: EarlierPlaces): readonly string[] {
  return [...pkiDirs.flatMap(path => [path, `${path}/etcd`]), ...etcdDataDirs];
}

/** What is remembered of the etcd of a cluster. */
export function etcdMarkOf(etcd: EtcdSettings): ExternalEtcdMark | 'local' {
  if (etcd.kind === 'local') return 'local';
  return { endpoints: etcd.endpoints, files: [etcd.caFile, etcd.certFile, etcd.keyFile].filter(path => path !== '') };
}

/**
 * The marker that a text is, with `defaults` for the places that it does not name. One without `made` is of a version that wrote it once preflight had passed, or by a phase alone,
 * and went by names: all names of its command count as made, but for those of an etcd where it had somebody else's. One that cannot be read counts as made by `init`, with
 * everything there before. Pure.
 */
export function markerOf(text: string, defaults: Files): Marker {
  const read = { ...oldMarker(defaults), ...parsed(text) };
  if (read.made !== undefined) return { ...read, made: read.made };
  const files = filesOf(read, defaults);
  const etcd = read.externalEtcd === undefined ? 'local' : 'external';
  const names = read.command === 'join' ? joinPaths(files) : [...initPaths(files, etcd), files.bootstrapKubeletConf];
  return { ...read, made: names.filter(path => read.etcdFiles?.includes(path) !== true) };
}

/** Where a node has its files by its marker. Pure. */
export function filesOf({ places }: Pick<Marker, 'places'>, defaults: Files): Files {
  return { ...defaults, caCert: `${places.pkiDir}/ca.crt`, ...places };
}

type OldMarker = Omit<Marker, 'made'> & Partial<Pick<Marker, 'made'>>;

function oldMarker({ pkiDir, etcdDataDir }: Files): OldMarker {
  return {
    command: 'init',
    places: { pkiDir, etcdDataDir },
    standing: STANDING_DIRECTORIES,
    modes: {},
    passed: true,
    kubeletHad: [],
  };
}

function parsed(text: string): Partial<Marker> {
  try {
    return JSON.parse(text) as Partial<Marker>;
  } catch {
    return {};
  }
}

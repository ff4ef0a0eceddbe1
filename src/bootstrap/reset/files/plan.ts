import type { DirectoryMode } from '../../marker.ts';

/** A file, or a directory with all in it, that goes; or a directory that gets back the permissions that it had. */
export type FileRemoval = { readonly path: string; readonly because: string } & (
  | { readonly kind: 'tree' | 'contents' | 'empty-directory' }
  | { readonly kind: 'mode'; readonly before: DirectoryMode }
);

export interface FilePlan {
  readonly removals: readonly FileRemoval[];
  readonly left: readonly { readonly path: string; readonly because: string }[];
}

export interface FileFacts {
  /** What lies in each directory that is looked into; a directory that is not there has no entry. */
  readonly entries: ReadonlyMap<string, readonly string[]>;
  /** Directories that were there before a node was made here, or that are file systems of their own: emptied at most. */
  readonly standing: ReadonlySet<string>;
  /** Owners and permissions of directories: what they were before, and what they are. */
  readonly modesBefore: Readonly<Record<string, DirectoryMode>>;
  readonly modes: Readonly<Record<string, DirectoryMode>>;
  /** This node has run an etcd of ours. */
  readonly hadEtcd: boolean;
  readonly cleanupTmpDir: boolean;
}

export interface FilePlaces {
  readonly kubernetesDir: string;
  readonly pkiDir: string;
  readonly configDir: string;
  readonly cniConfDir: string;
  readonly conflist: string;
  readonly kubeletDir: string;
  readonly etcdDir: string;
  readonly dataDir: string;
  readonly runDir: string;
  readonly podLogsDir: string;
  readonly containerLogsDir: string;
  /** Names in `configDir` that `init` and `join` write. */
  readonly configNames: readonly string[];
  /** The one among them that goes last of all, when nothing else is left. */
  readonly markerName: string;
  /** Base names of key pairs below `pkiDir`, `etcd/ca` among them. */
  readonly pairNames: readonly string[];
}

const KUBECONFIGS: readonly string[] = [
  'admin.conf',
  'super-admin.conf',
  'kubelet.conf',
  'bootstrap-kubelet.conf',
  'controller-manager.conf',
  'scheduler.conf',
];
/** As a killed writer leaves it behind (src/linux/atomic-file.ts). */
const TEMPORARY = /\.tmp-[0-9a-f]{8}$/;
const POD_LOGS = /^[^_]+_[^_]+_.+$/;
const CONTAINER_LOG = /^[^_]+_[^_]+_.+-[0-9a-f]{64}\.log$/;

/** Which files go, in order, and which of others are left beside them. Pure. */
export function planFiles(places: FilePlaces, facts: FileFacts): FilePlan {
  const removals: FileRemoval[] = [];
  const left: FilePlan['left'][number][] = [];
  const tree = (path: string, because: string): void => void removals.push({ kind: 'tree', path, because });
  const choose = (directory: string, isOurs: (name: string) => boolean, because: string, others: string): void => {
    for (const name of facts.entries.get(directory) ?? [])
      if (isOurs(name.replace(TEMPORARY, ''))) tree(`${directory}/${name}`, because);
      else if (others !== '' && !isStructure(`${directory}/${name}`, places))
        left.push({ path: `${directory}/${name}`, because: others });
  };
  const whole = (path: string, because: string): void => {
    if (!facts.entries.has(path)) return;
    if (!facts.standing.has(path)) tree(path, because);
    else if (facts.entries.get(path)?.length !== 0) removals.push({ kind: 'contents', path, because });
  };
  const { kubernetesDir, pkiDir } = places;
  whole(places.kubeletDir, "the kubelet's data");
  whole(places.dataDir, "the runtime's images and records");
  whole(places.runDir, "the runtime's state");
  if (facts.hadEtcd) choose(places.etcdDir, name => name === 'member', 'the data of etcd', 'not of this etcd');
  choose(places.podLogsDir, name => POD_LOGS.test(name), 'logs of a pod', 'no logs of a pod');
  choose(places.containerLogsDir, name => CONTAINER_LOG.test(name), 'a link to the log of a container', '');
  choose(
    places.cniConfDir,
    name => name === places.conflist,
    'the pod network',
    'a CNI configuration of somebody else',
  );
  const inPki = (directory: string): ((name: string) => boolean) => {
    const prefix = directory === pkiDir ? '' : `${directory.slice(pkiDir.length + 1)}/`;
    return name => {
      const [, base = '', extension] = /^(.+)\.(crt|key|pub)$/.exec(`${prefix}${name}`) ?? [];
      return extension === 'pub' ? base === 'sa' : base === 'sa' || places.pairNames.includes(base);
    };
  };
  for (const directory of [`${pkiDir}/etcd`, pkiDir])
    choose(
      directory,
      inPki(directory),
      'a key or certificate of the cluster',
      'no key of the cluster that Gantry made',
    );
  choose(kubernetesDir, name => KUBECONFIGS.includes(name), 'credentials of the cluster', 'not written by Gantry');
  const temporary = `${kubernetesDir}/tmp`;
  if (facts.cleanupTmpDir && facts.entries.has(temporary)) tree(temporary, 'asked for by --cleanup-tmp-dir');
  for (const name of facts.entries.get(`${kubernetesDir}/manifests`) ?? [])
    left.push({ path: `${kubernetesDir}/manifests/${name}`, because: 'a static pod of yours' });
  const { configDir, configNames, markerName } = places;
  for (const name of facts.entries.get(configDir) ?? [])
    if (name !== markerName && configNames.includes(name.replace(TEMPORARY, '')))
      tree(`${configDir}/${name}`, 'what this node knows of its cluster');
  return { removals, left };
}

/** Directories that were there before with another owner or other permissions. Pure. */
export function changedModes({ modes, modesBefore }: FileFacts): readonly FileRemoval[] {
  return Object.entries(modesBefore).flatMap(([path, before]) => {
    const now = modes[path];
    if (now === undefined || (now.mode === before.mode && now.uid === before.uid && now.gid === before.gid)) return [];
    return [{ kind: 'mode', path, before, because: 'its owner and permissions as they were before' } as const];
  });
}

/** Directories that were not there before, once they are empty: children first. Pure. */
export function emptyDirectories(paths: readonly string[], facts: FileFacts): readonly FileRemoval[] {
  return paths
    .filter(path => facts.entries.has(path) && !facts.standing.has(path))
    .toSorted((a, b) => b.length - a.length)
    .map(path => ({ kind: 'empty-directory', path, because: 'was not there before' }));
}

/** Directories whose contents are looked at on their own. */
function isStructure(path: string, { kubernetesDir, pkiDir }: FilePlaces): boolean {
  return [pkiDir, `${pkiDir}/etcd`, `${kubernetesDir}/manifests`, `${kubernetesDir}/tmp`].includes(path);
}

import type { DirectoryMode } from '../../marker/format.ts';
import { type Contents, KUBELET_CONTENTS, leftInShared, POD_UID, planLinked, SHIM_CONTENTS } from './linked.ts';

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
  /** Directories above our places that are those which were made here: nothing else in them, and nothing mounted there, is ours. */
  readonly parents: readonly string[];
  /** Owners and permissions of directories: what they were before, and what they are. */
  readonly modesBefore: Readonly<Record<string, DirectoryMode>>;
  readonly modes: Readonly<Record<string, DirectoryMode>>;
  /** Keys, certificates and kubeconfigs that were made here, by their path; normalized. */
  readonly made: ReadonlySet<string>;
  /** The data of etcd was made here. */
  readonly hadEtcd: boolean;
  /** A kubelet was started here. */
  readonly hadKubelet: boolean;
  /** What stood in its directory before, as `Marker.kubeletHad` has it. */
  readonly kubeletHad: ReadonlySet<string>;
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
  /** Directories of keys, and of the data of etcd, that no longer count and in which something was made. */
  readonly earlierPkiDirs: readonly string[];
  readonly earlierEtcdDirs: readonly string[];
  readonly dataDir: string;
  readonly runDir: string;
  /** Links in the place of our directories, and where they lead. */
  readonly linked: readonly string[];
  /** Those of the latter in which anybody may have anything: the tops of disks, home directories. */
  readonly shared: readonly string[];
  readonly podLogsDir: string;
  readonly containerLogsDir: string;
  /** Names in `configDir` that `init` and `join` write. */
  readonly configNames: readonly string[];
  /** The one among them that goes last of all, when nothing else is left. */
  readonly markerName: string;
  /** Base names of key pairs below `pkiDir`, `etcd/ca` among them. */
  readonly pairNames: readonly string[];
  /** Files for an etcd of somebody else, whatever their names; normalized. */
  readonly etcdFiles: readonly string[];
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
const WAS_THERE = 'it was here before';
const NOT_OF_A_POD = 'on a disk of its own, and of no pod';
const POD_DIRECTORY = new RegExp(`^pods/${POD_UID}$`);
const NOT_A_NAME = 'behind a link, and no name that Gantry gives';
const POD_LOGS = /^[^_]+_[^_]+_.+$/;
/** Where others may have their files, too: with the uid of a pod, as API servers give it and as kubelets make it of manifests. */
const POD_LOGS_ANYWHERE = new RegExp(`^[^_]+_[^_]+_${POD_UID}$`);
const CONTAINER_LOG = /^[^_]+_[^_]+_.+-[0-9a-f]{64}\.log$/;

/** Which files go, in order, and which of others are left beside them. Pure. */
export function planFiles(places: FilePlaces, facts: FileFacts): FilePlan {
  const removals: FileRemoval[] = [];
  const left: FilePlan['left'][number][] = [];
  const tree = (path: string, because: string): void => void removals.push({ kind: 'tree', path, because });
  const leave = (path: string, because: string): void => void left.push({ path, because });
  const choose = (directory: string, isOurs: (name: string) => boolean, because: string, others: string): void => {
    for (const name of facts.entries.get(directory) ?? [])
      if (isOurs(name.replace(TEMPORARY, ''))) tree(`${directory}/${name}`, because);
      else if (others !== '' && !isStructure(`${directory}/${name}`, places)) leave(`${directory}/${name}`, others);
  };
  // where others may have files of the same names
  const chooseMade = (directory: string, isName: (name: string) => boolean, because: string, others: string): void => {
    for (const name of facts.entries.get(directory) ?? []) {
      const path = `${directory}/${name}`;
      if (places.etcdFiles.includes(path)) leave(path, 'yours, for the external etcd');
      else if (facts.made.has(path.replace(TEMPORARY, ''))) tree(path, because);
      else if (!isStructure(path, places)) leave(path, isName(name.replace(TEMPORARY, '')) ? WAS_THERE : others);
    }
  };
  const whole = (path: string, because: string): void => {
    if (!facts.entries.has(path)) return;
    if (!facts.standing.has(path)) tree(path, because);
    else if (facts.entries.get(path)?.length !== 0) removals.push({ kind: 'contents', path, because });
  };
  const { kubernetesDir } = places;
  const linked = (path: string, contents: readonly Contents[], stood: ReadonlySet<string>, because: string): void => {
    const isShared = places.shared.includes(path);
    const { ours, emptied, others } = planLinked(path, contents, facts.entries, {
      stood,
      temporary: TEMPORARY,
      isShared,
    });
    for (const each of ours) tree(each, because);
    for (const each of emptied) removals.push({ kind: 'empty-directory', path: each, because });
    if (isShared) left.push(...leftInShared(path, others));
    else
      for (const each of others) {
        const name = each.slice(path.length + 1);
        leave(each, stood.has(name) || stood.has(`${name}/`) ? WAS_THERE : NOT_A_NAME);
      }
  };
  const kubelet = kubeletFiles(places.kubeletDir, facts);
  if (facts.hadKubelet && places.linked.includes(places.kubeletDir))
    linked(places.kubeletDir, KUBELET_CONTENTS, facts.kubeletHad, "the kubelet's data");
  else if (kubelet === 'whole') whole(places.kubeletDir, "the kubelet's data");
  else {
    for (const path of kubelet.ours) tree(path, "the kubelet's data");
    left.push(...kubelet.left);
  }
  if (places.linked.includes(places.dataDir))
    linked(places.dataDir, SHIM_CONTENTS, new Set(), "the runtime's images and records");
  else whole(places.dataDir, "the runtime's images and records");
  whole(places.runDir, "the runtime's state");
  for (const directory of [...(facts.hadEtcd ? [places.etcdDir] : []), ...places.earlierEtcdDirs])
    choose(directory, name => name === 'member', 'the data of etcd', 'not of this etcd');
  const podLogs = places.linked.includes(places.podLogsDir) ? POD_LOGS_ANYWHERE : POD_LOGS;
  choose(places.podLogsDir, name => podLogs.test(name), 'logs of a pod', 'no logs of a pod');
  choose(places.containerLogsDir, name => CONTAINER_LOG.test(name), 'a link to the log of a container', '');
  choose(
    places.cniConfDir,
    name => name === places.conflist,
    'the pod network',
    'a CNI configuration of somebody else',
  );
  const isKey = (path: string): boolean => {
    const [, base = '', extension] = /^(.+)\.(crt|key|pub)$/.exec(path) ?? [];
    return extension === 'pub' ? base === 'sa' : base === 'sa' || places.pairNames.includes(base);
  };
  for (const pkiDir of pkiDirs(places))
    for (const prefix of ['etcd/', ''])
      chooseMade(
        `${pkiDir}/${prefix}`.slice(0, -1),
        name => isKey(`${prefix}${name}`),
        'a key or certificate of the cluster',
        'no key of the cluster that Gantry made',
      );
  chooseMade(kubernetesDir, name => KUBECONFIGS.includes(name), 'credentials of the cluster', 'not written by Gantry');
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

/** What of the kubelet's directory goes: all of it, or what did not stand there before; of a disk of its own for pods, which came there later, what carries a pod's uid. Pure. */
function kubeletFiles(
  directory: string,
  { entries, standing, hadKubelet, kubeletHad }: FileFacts,
): 'whole' | { readonly ours: readonly string[]; readonly left: FilePlan['left'] } {
  const names = entries.get(directory) ?? [];
  if (!hadKubelet)
    return {
      ours: [],
      left: names.length === 0 ? [] : [{ path: directory, because: 'Gantry has started no kubelet here' }],
    };
  const hasPodsDisk = standing.has(`${directory}/pods`);
  if (kubeletHad.size === 0 && !hasPodsDisk) return 'whole';
  const isLater = hasPodsDisk && !kubeletHad.has('pods/') && !kubeletHad.has('pods');
  // what stood there as a directory is looked into, one deep
  const isEntered = (name: string): boolean => kubeletHad.has(`${name}/`) || (name === 'pods' && isLater);
  const paths = names.flatMap(name =>
    isEntered(name) ? (entries.get(`${directory}/${name}`) ?? []).map(child => `${name}/${child}`) : [name],
  );
  const stays = (path: string): string | undefined => {
    if (kubeletHad.has(path)) return WAS_THERE;
    return isLater && path.startsWith('pods/') && !POD_DIRECTORY.test(path) ? NOT_OF_A_POD : undefined;
  };
  return {
    ours: paths.filter(path => stays(path) === undefined).map(path => `${directory}/${path}`),
    left: paths.flatMap(path => {
      const because = stays(path);
      return because === undefined ? [] : [{ path: `${directory}/${path}`, because }];
    }),
  };
}

/** Directories that were there before with another owner or other permissions. Pure. */
export function changedModes({ modes, modesBefore }: FileFacts): readonly FileRemoval[] {
  return Object.entries(modesBefore).flatMap(([path, before]) => {
    const now = modes[path];
    if (now === undefined || (now.mode === before.mode && now.uid === before.uid && now.gid === before.gid)) return [];
    return [{ kind: 'mode', path, before, because: 'its owner and permissions as they were before' } as const];
  });
}

/** Directories that were not there before, and those above them that were made here, once they are empty: children first. Pure. */
export function emptyDirectories(paths: readonly string[], facts: FileFacts): readonly FileRemoval[] {
  const own = paths.filter(path => facts.entries.has(path) && !facts.standing.has(path));
  return [...new Set([...own, ...facts.parents])]
    .toSorted((a, b) => b.length - a.length)
    .map(path => ({ kind: 'empty-directory', path, because: 'was not there before' }));
}

/** Directories whose contents are looked at on their own. */
function isStructure(path: string, { kubernetesDir, ...places }: FilePlaces): boolean {
  const ofKeys = pkiDirs(places).flatMap(pkiDir => [pkiDir, `${pkiDir}/etcd`]);
  return [...ofKeys, `${kubernetesDir}/manifests`, `${kubernetesDir}/tmp`].includes(path);
}

function pkiDirs({ pkiDir, earlierPkiDirs }: Pick<FilePlaces, 'pkiDir' | 'earlierPkiDirs'>): readonly string[] {
  return [pkiDir, ...earlierPkiDirs];
}

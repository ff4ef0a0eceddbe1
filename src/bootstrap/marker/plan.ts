import type { Files } from '../files.ts';
import type { ExternalEtcdMark, Marker } from './format.ts';

/** What a command adds to the marker before it makes something. */
export interface Mark {
  /** The etcd that the cluster has from now on; the same as before where it is not given. */
  readonly etcd?: ExternalEtcdMark | 'local' | undefined;
  /** The whole command goes on from here: preflight has passed, or was left out. */
  readonly passed?: boolean;
  /** Paths that it is about to make, where nothing stands there yet. */
  readonly claims?: readonly string[];
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
  const { etcd, passed = false, claims = [] } = mark;
  const known = etcd === undefined ? before : etcd === 'local' ? withLocalEtcd(before) : withExternalEtcd(before, etcd);
  const added = claims.filter(
    path => !before.made.includes(path) && (path === kubeletDir || !(isOfAnother(path, known) || look.stands(path))),
  );
  return {
    ...known,
    passed: before.passed || passed,
    made: [...before.made, ...added],
    kubeletHad: added.includes(kubeletDir) ? look.kubeletEntries() : before.kubeletHad,
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

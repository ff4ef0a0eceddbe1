import { holdsOthers } from '../holds-others.ts';

/** Names that a part makes in a directory of its own; those without `in` at its top. */
export interface Contents {
  readonly in?: string;
  readonly holds: RegExp;
  /** Others give such names, too: they are not taken where anybody may have anything. */
  readonly isCommon?: true;
}

const ID = '[0-9a-f]{64}';
/** As the API server gives them, and as a kubelet makes them of manifests. */
export const POD_UID = '([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})';

/** What the shim makes in its root (src/cri/paths.ts, src/cri/images), and others beside it in `/var/lib/gantry`. */
export const SHIM_CONTENTS: readonly Contents[] = [
  { in: 'images', holds: /^(ingest|layers|layer-records|image-records)$/ },
  { in: 'sandboxes', holds: new RegExp(`^${ID}\\.json$`) },
  { in: 'containers', holds: new RegExp(`^${ID}$`) },
  { in: 'quarantine', holds: new RegExp(`^${ID}-`) },
  { in: 'trash', holds: new RegExp(`^(${ID}|checkpoint-[0-9a-f]{16})$`) },
  { in: 'checkpoints', holds: /^[0-9a-f]{16}$/ },
  { holds: /^root\.lock$/ },
  { holds: /^(cni|cni-cache|leader-election)$/, isCommon: true },
];

/** What kubelets make, ours and upstream's: drivers of volumes and devices have their sockets there. */
export const KUBELET_CONTENTS: readonly Contents[] = [
  { in: 'pods', holds: new RegExp(`^${POD_UID}$`) },
  { in: 'checkpoints', holds: /^checkpoint-/ },
  { in: 'image_manager', holds: /^(pulling|pulled)$/ },
  {
    in: 'pki',
    holds: /^kubelet(\.(crt|key)|-client\.key\.tmp|-(client|server)-(current|\d{4}(-\d\d){5})\.pem(\.new)?)$/,
  },
  { holds: /^(config\.yaml|plugins_registry|device-plugins|pod-resources|(cpu|memory|dra)_manager_state)$/ },
  { holds: /^(plugins|\w+_state)$/, isCommon: true },
];

/** The directories that have to be looked into for `planLinked`. Pure. */
export function directoriesLinked(directory: string, contents: readonly Contents[]): readonly string[] {
  return contents.flatMap(each => (each.in === undefined ? [] : [`${directory}/${each.in}`]));
}

export interface LinkedPlan {
  readonly ours: readonly string[];
  /** Go where they are empty by then. */
  readonly emptied: readonly string[];
  readonly others: readonly string[];
}

/**
 * What goes of a directory that a link in the place of ours leads to. It may be a whole disk with data of others, whenever that came there, so only what carries a name of the part
 * goes; and where it is the top of a disk or a home (`isShared`), none that others give as well. `stood` are paths in it that were there before; `temporary` is how a killed writer names
 * what it leaves. Pure.
 */
export function planLinked(
  directory: string,
  contents: readonly Contents[],
  entries: ReadonlyMap<string, readonly string[]>,
  {
    stood,
    temporary,
    isShared = false,
  }: { readonly stood: ReadonlySet<string>; readonly temporary: RegExp; readonly isShared?: boolean },
): LinkedPlan {
  const ours: string[] = [];
  const others: string[] = [];
  const parents = contents.flatMap(each => each.in ?? []);
  const sort = (path: string, name: string, holds: readonly RegExp[]): void => {
    const isOurs =
      !stood.has(path) && !stood.has(`${path}/`) && holds.some(each => each.test(name.replace(temporary, '')));
    (isOurs ? ours : others).push(`${directory}/${path}`);
  };
  const tops = contents
    .filter(each => each.in === undefined && !(isShared && each.isCommon === true))
    .map(({ holds }) => holds);
  for (const { in: parent, holds } of contents)
    if (parent !== undefined)
      for (const name of entries.get(`${directory}/${parent}`) ?? []) sort(`${parent}/${name}`, name, [holds]);
  for (const name of entries.get(directory) ?? []) if (!parents.includes(name)) sort(name, name, tops);
  const emptied = parents.filter(name => !stood.has(`${name}/`)).map(name => `${directory}/${name}`);
  return { ours, emptied: emptied.filter(path => entries.has(path)), others };
}

/** One line for all that others have there, however much that is. Pure. */
export function leftInShared(
  directory: string,
  others: readonly string[],
): readonly { readonly path: string; readonly because: string }[] {
  const because = holdsOthers(others.map(path => path.slice(directory.length + 1)));
  return because === undefined ? [] : [{ path: directory, because: `a link leads to it, and ${because}` }];
}

import type { FileRemoval } from '../files/plan.ts';
import { holdsOthers } from '../holds-others.ts';
import { isBelow } from '../is-below.ts';

/** What a part makes in a directory of its own. */
export interface MadeThere {
  /** A name in it, or a path; `.` is the directory itself. */
  readonly path: string;
  /** Which names below that are its own; all of it unless given. */
  readonly holds?: RegExp;
  /** What is mounted on these or below them; absent where nothing is. */
  readonly mounts?: string;
}

/** A directory that somebody has chosen for a part: it may hold anything else as well, so that only what the part makes is taken out of it, by name. */
export interface OtherPlace {
  /** Absolute, without links in it. */
  readonly directory: string;
  /** What is taken out of it, for people. */
  readonly what: string;
  /** Files that the part has there from its first start on: without one of them nothing is touched. They go last. */
  readonly marks: readonly string[];
  readonly made: readonly MadeThere[];
  /** It is reached by a link: neither goes. */
  readonly isLinked?: boolean;
}

/** Directories that stay, however empty they are. */
const KEPT = /^\/([^/]*|(usr|var|etc|home|media|mnt)\/[^/]+)$/;

/** The directories that have to be looked into for `planElsewhere`. Pure. */
export function directoriesElsewhere(places: readonly OtherPlace[]): readonly string[] {
  return [...new Set(places.flatMap(place => [place.directory, ...place.made.flatMap(made => pathsOf(place, made))]))];
}

/** What of a part goes from where it was told to put it: single names, then directories that are empty by then. Pure. */
export function planElsewhere(
  places: readonly OtherPlace[],
  entries: ReadonlyMap<string, readonly string[]>,
): readonly FileRemoval[] {
  return places.flatMap(place => {
    const { directory, marks, made } = place;
    const what = `${place.what}, in ${directory}`;
    const top = entries.get(directory);
    if (top === undefined || (top.length > 0 && marks.length > 0 && !marks.some(mark => top.includes(mark)))) return [];
    const trees = made.flatMap(each => {
      const at = join(directory, each.path);
      const { holds } = each;
      if (holds === undefined) return entries.has(at) ? [at] : [];
      return (entries.get(at) ?? []).filter(name => holds.test(name)).map(name => join(at, name));
    });
    const emptied = [...new Set(made.flatMap(each => (each.holds === undefined ? [] : pathsOf(place, each))))];
    const empty = [...emptied, ...made.flatMap(each => (each.holds === undefined ? pathsOf(place, each).slice(1) : []))]
      .filter(path => path !== directory && entries.has(path))
      .toSorted((a, b) => b.length - a.length);
    return [
      ...trees.map((path): FileRemoval => ({ kind: 'tree', path, because: what })),
      ...[...new Set(empty)].map(
        (path): FileRemoval => ({ kind: 'empty-directory', path, because: 'it was made for that' }),
      ),
      ...marks
        .filter(mark => top.includes(mark))
        .map((mark): FileRemoval => ({ kind: 'tree', path: join(directory, mark), because: what })),
      ...(KEPT.test(directory) || place.isLinked === true
        ? []
        : [{ kind: 'empty-directory', path: directory, because: 'nothing is left in it' } as const]),
    ];
  });
}

/** Why a mount is one of ours, where it is on or below what a part makes in such a place; undefined for any other. Pure. */
export function mountElsewhere(target: string, places: readonly OtherPlace[]): string | undefined {
  for (const { directory, made } of places)
    for (const { path, holds, mounts } of made) {
      const at = join(directory, path);
      if (mounts === undefined || !isBelow(target, at)) continue;
      const [name = ''] = target.slice(at.length + 1).split('/');
      if (holds?.test(name) !== false) return mounts;
    }
  return undefined;
}

/** Whether a mount of somebody else is in what is taken away. Pure. */
export function isInTheWay(target: string, places: readonly OtherPlace[]): boolean {
  return places.some(({ directory, made }) =>
    made.some(({ path, holds }) => {
      const at = join(directory, path);
      if (holds === undefined) return target === at || isBelow(target, at);
      return isBelow(target, at) && holds.test(target.slice(at.length + 1).split('/')[0] ?? '');
    }),
  );
}

/** Names of others beside what a part makes, a line for each directory. Pure. */
export function leftElsewhere(
  places: readonly OtherPlace[],
  entries: ReadonlyMap<string, readonly string[]>,
): readonly { readonly path: string; readonly because: string }[] {
  return places.flatMap(place =>
    place.made.flatMap(({ path, holds }) => {
      if (holds === undefined || path === '.') return [];
      const others = (entries.get(join(place.directory, path)) ?? []).filter(name => !holds.test(name));
      const because = holdsOthers(others);
      return because === undefined ? [] : [{ path: join(place.directory, path), because }];
    }),
  );
}

/** That of what is made, and the directories between the place and it. */
function pathsOf({ directory }: OtherPlace, { path }: MadeThere): readonly string[] {
  if (path === '.') return [directory];
  const names = path.split('/');
  return names.map((_name, i) => join(directory, names.slice(0, names.length - i).join('/')));
}

function join(directory: string, path: string): string {
  if (path === '.') return directory;
  return directory === '/' ? `/${path}` : `${directory}/${path}`;
}

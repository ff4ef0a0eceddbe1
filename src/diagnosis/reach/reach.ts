import { setMaxListeners } from 'node:events';
import { kubeconfigReferences } from '../../client/kubeconfig.ts';
import { directoryAnswers } from '../../linux/directory-answers.ts';
import { mountsBelow, readMountinfo } from '../../linux/mount.ts';
import { silentLinks } from './links.ts';

/** How long a directory is waited for: a disk that has to wake up takes less, and with what is asked after that the whole takes less than five seconds. */
export const PLACE_MS = 1500;

/** A directory that is read from. */
export interface Place {
  readonly path: string;
  /** Its directories are gone through, too: what is mounted below it counts. */
  readonly deep?: boolean;
}

/** A directory whose file system did not answer (a server that is gone, a disk that hangs), or a link to where one did not. */
export interface SilentPlace {
  readonly path: string;
  /** Of a link. */
  readonly leadsTo?: string;
  readonly waitedMs: number;
}

/** Which directories of this machine answer. Whoever reads in place asks here first: a read where nobody answers never comes back. */
export class Reach {
  readonly silent: readonly SilentPlace[];

  constructor(silent: readonly SilentPlace[] = []) {
    this.silent = silent;
  }

  /** Why nothing is read at `path`, as a sentence; undefined where it may be. */
  silenceAt(path: string): string | undefined {
    const place = this.silent.find(({ path: at }) => path === at || path.startsWith(`${at}/`));
    return place === undefined ? undefined : silenceOf(place);
  }

  /** The same for a kubeconfig and the files that it names. */
  silenceAtKubeconfig(path: string): string | undefined {
    const own = this.silenceAt(path);
    if (own !== undefined || this.silent.length === 0) return own;
    const named = kubeconfigReferences(path).find(file => this.silenceAt(file) !== undefined);
    return named === undefined ? undefined : `it names ${named}, and ${this.silenceAt(named)}`;
  }

  /** With the places that are not known yet. Rejects only when `signal` aborts. */
  async look(places: readonly Place[], signal: AbortSignal): Promise<Reach> {
    const unknown = places.filter(({ path }) => this.silenceAt(path) === undefined);
    return new Reach([...this.silent, ...(await silentPlaces(unknown, signal))]);
  }
}

/** `/var/lib/kubelet did not answer within 1.5 s`. Pure. */
export function silenceOf({ path, leadsTo, waitedMs }: SilentPlace): string {
  return `${path}${leadsTo === undefined ? '' : ` (a link to ${leadsTo})`} did not answer within ${waitedMs / 1000} s`;
}

/** Those of some places, of what is mounted below them where that counts, and of the links in them, that do not answer; all are asked at once. */
async function silentPlaces(places: readonly Place[], signal: AbortSignal): Promise<readonly SilentPlace[]> {
  const mounts = readMountinfo();
  const deepest = new Map<string, boolean>();
  for (const { path, deep = false } of places)
    for (const at of [path, ...(deep ? mountsBelow(path, mounts) : [])])
      deepest.set(at, deep || deepest.get(at) === true);
  // each look-up has one
  setMaxListeners(0, signal);
  const answers = (path: string): Promise<boolean> => directoryAnswers(path, PLACE_MS, signal);
  const found = await Promise.all(
    [...deepest].map(
      async ([path, deep]): Promise<readonly Omit<SilentPlace, 'waitedMs'>[]> =>
        (await answers(path)) ? silentLinks(path, answers, { deep, mounts: mountsBelow(path, mounts) }) : [{ path }],
    ),
  );
  const silent = new Map(found.flat().map(place => [place.path, place]));
  return outermost([...silent.keys()]).map(path => ({ path, ...silent.get(path), waitedMs: PLACE_MS }));
}

/** Without those that are below another. Pure. */
export function outermost(paths: readonly string[]): readonly string[] {
  return paths.filter(path => !paths.some(other => path.startsWith(`${other}/`)));
}

import { type Dirent, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { posix } from 'node:path';

/** What is read is not deeper. */
const DEPTH = 3;
/** As many as the kernel follows. */
const MOST_LINKS = 40;

/** A link that cannot be followed: where it leads to, nobody answers. */
export interface SilentLink {
  readonly path: string;
  readonly leadsTo: string;
}

/**
 * The links in a directory, with `deep` in its directories, too, that lead to where nobody answers. None is followed here: where each is said to lead to is asked by `answers`, once for all. The
 * directory itself has answered; what is mounted below it (`mounts`) is looked at on its own. Rejects only when `answers` does.
 */
export async function silentLinks(
  directory: string,
  answers: (path: string) => Promise<boolean>,
  { deep = false, mounts = [] }: { readonly deep?: boolean; readonly mounts?: readonly string[] } = {},
): Promise<readonly SilentLink[]> {
  const links = linksIn(directory, new Set(mounts), deep ? DEPTH : 1);
  if (links.length === 0) return [];
  const real = realpathSync(directory);
  const within = (path: string, top: string): boolean => path === top || path.startsWith(`${top}/`);
  const asked = new Map<string, Promise<boolean>>();
  const answersOnce = (path: string): Promise<boolean> => {
    const isHere = within(path, real) && !path.includes('/..') && !mounts.some(top => within(path, top));
    const answer = asked.get(path) ?? (isHere ? Promise.resolve(true) : answers(path));
    asked.set(path, answer);
    return answer;
  };
  const found = await Promise.all(links.map(async path => ({ path, leadsTo: await silentEnd(path, answersOnce) })));
  return found.flatMap(({ path, leadsTo }) => (leadsTo === undefined ? [] : [{ path, leadsTo }]));
}

/** Link by link: where one leads to is looked at only when the directory that it is in has answered. */
async function silentEnd(link: string, answers: (path: string) => Promise<boolean>): Promise<string | undefined> {
  let path = link;
  for (let followed = 0; followed < MOST_LINKS; followed += 1) {
    const target = readLink(path);
    if (target === undefined) return undefined;
    path = target;
    // a name that nobody has asked for is asked of the directory; the place itself may be a mount point
    if (!(await answers(posix.dirname(path))) || !(await answers(path))) return posix.normalize(path);
  }
  return undefined;
}

/** Where a link says that it leads to, which is not looked at; undefined for what is none. */
function readLink(path: string): string | undefined {
  try {
    const target = readlinkSync(path).replace(/(?<=.)\/+$/, '');
    // `..` behind a link is not what stands before it: the kernel resolves it
    return posix.isAbsolute(target) ? target : `${realpathSync(posix.dirname(path))}/${target}`;
  } catch {
    // no link, or nothing
    return undefined;
  }
}

function linksIn(directory: string, mounts: ReadonlySet<string>, depth: number): readonly string[] {
  return entriesOf(directory).flatMap(entry => {
    const path = posix.join(directory, entry.name);
    if (entry.isSymbolicLink()) return [path];
    return entry.isDirectory() && depth > 1 && !mounts.has(path) ? linksIn(path, mounts, depth - 1) : [];
  });
}

function entriesOf(directory: string): readonly Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}

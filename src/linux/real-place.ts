import { readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, normalize, relative, resolve } from 'node:path';
import { errnoName } from '../base/errors.ts';

/** The kernel's: a path with more is none. */
const MAX_LINKS = 40;

/** An absolute path without links in it, `.` and `..`: of what is not there yet the part that is. What cannot be looked at stays as it is written. */
export function realPlace(path: string): string {
  const plain = normalize(path).replace(/(?<=.)\/$/, '');
  try {
    return realpathSync(plain);
  } catch {
    return plain === '/' ? plain : join(realPlace(dirname(plain)), basename(plain));
  }
}

/** Whether a path is a directory or in it, as both are written, or where links lead. */
export function isWithin(path: string, directory: string): boolean {
  const is = (a: string, b: string): boolean => b === '/' || `${a}/`.startsWith(`${b}/`);
  return is(normalize(path), normalize(directory)) || is(realPlace(path), realPlace(directory));
}

/** What a place can be known by, whether something is there yet or not: two paths that have one of these in common lead to one place, by whatever links and bind mounts. A hard link is a place of its own. */
export function placeNames(path: string, identity: typeof identityOf = identityOf): readonly string[] {
  const place = followed(resolve(path));
  const names: string[] = [];
  for (let above = dirname(place); ; above = dirname(above)) {
    const directory = identity(above);
    if (directory !== undefined) names.push(`${directory}/${relative(above, place)}`);
    if (above === '/') return names;
  }
}

/** As realPlace, but that a link which leads to nothing yet is followed, too: what is made by it is made there. */
function followed(path: string, links = MAX_LINKS): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (errnoName(error) !== 'ENOENT' || links === 0) return path;
  }
  const at = join(followed(dirname(path), links), basename(path));
  const target = linkAt(at);
  return target === undefined ? at : followed(resolve(dirname(at), target), links - 1);
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Of a directory, by whatever path; undefined where it is not there, or cannot be looked at. */
function identityOf(directory: string): string | undefined {
  try {
    const { dev, ino } = statSync(directory, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

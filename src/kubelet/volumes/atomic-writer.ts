import {
  chmodSync,
  chownSync,
  type Dirent,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { errnoName, failedPrecondition } from '../../base/errors.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { Payload } from './payload.ts';

/** Files of a volume begin elsewhere: these names are the writer's own. */
const RESERVED = '..';
const DATA = '..data';
const NEW_DATA = '..data_tmp';
const MAX_NAME = 255;
const MAX_PATH = 4_096;
/** What an fsGroup adds for the group: to read, and to enter directories, whose new files get the group too. */
const GROUP_READ = 0o440;
const GROUP_DIRECTORY = 0o2550;

export interface AtomicWrite {
  /** Exists. */
  readonly directory: string;
  readonly payload: Payload;
  /** Group that shall be able to read all of it. */
  readonly group: number | undefined;
  /** Milliseconds since the epoch; only for the name of the version. */
  readonly now: number;
}

/**
 * Makes the files of a volume be those of `payload`, all at once: who reads sees the old version or the new one, also after a crash at any line. The
 * files lie in a directory of their own, named by time; `..data` is a link to it, and every visible name is a link into `..data`. Renaming a new
 * link over `..data` is the moment of the change. What a crash left over is removed. Safe to repeat: nothing is written where all is as it shall be.
 */
export function writeAtomically({ directory, payload: wanted, group, now }: AtomicWrite): void {
  const payload = new Map([...wanted].map(([path, content]) => [cleanPath(path), content]));
  const current = currentVersion(directory);
  if (current === undefined || !holds(`${directory}/${current}`, payload)) {
    const version = writeVersion(directory, payload, now);
    if (group !== undefined) giveToGroup(directory, version, group);
    faultPoint('volume/version-written');
    rmSync(`${directory}/${NEW_DATA}`, { force: true });
    symlinkSync(version, `${directory}/${NEW_DATA}`);
    faultPoint('volume/link-made');
    renameSync(`${directory}/${NEW_DATA}`, `${directory}/${DATA}`);
    faultPoint('volume/link-renamed');
  }
  showNames(directory, payload);
  removeOldVersions(directory);
}

function cleanPath(path: string): string {
  const refuse = (why: string): Error => failedPrecondition(`invalid path: ${why}`, { reason: 'FailedMount' });
  if (path === '') throw refuse('must not be empty: ""');
  if (path.startsWith('/')) throw refuse(`must be relative path: ${path}`);
  if (path.length > MAX_PATH) throw refuse(`must be less than or equal to ${MAX_PATH} characters`);
  const items = path.split('/');
  if (items.includes('..')) throw refuse(`must not contain '..': ${path}`);
  if (items.some(item => item.length > MAX_NAME))
    throw refuse(`filenames must be less than or equal to ${MAX_NAME} characters`);
  if (path.startsWith(RESERVED)) throw refuse(`must not start with '..': ${path}`);
  return items.filter(item => item !== '' && item !== '.').join('/');
}

function currentVersion(directory: string): string | undefined {
  try {
    return basename(readlinkSync(`${directory}/${DATA}`));
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** True when the version has these files, with this content, and no others. */
function holds(version: string, payload: Payload): boolean {
  const found = filesUnder(version);
  if (found === undefined || found.length !== payload.size) return false;
  return found.every(path => payload.get(path)?.data.equals(readFileSync(`${version}/${path}`)) === true);
}

/** Paths of the files under a directory, relative to it; undefined where there is no such directory. */
function filesUnder(directory: string): readonly string[] | undefined {
  let entries: readonly Dirent[];
  try {
    entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return undefined;
    throw error;
  }
  return entries.filter(e => !e.isDirectory()).map(e => `${e.parentPath}/${e.name}`.slice(directory.length + 1));
}

/** Writes a new version beside the current one and returns its name. The umask is not asked: modes are as the pod wants them. */
function writeVersion(directory: string, payload: Payload, now: number): string {
  const stamp = new Date(now).toISOString().slice(0, 19).replace(/[-T:]/g, '_');
  const path = mkdtempSync(`${directory}/${RESERVED}${stamp}.`);
  chmodSync(path, 0o755);
  for (const [name, { data, mode, user }] of payload) {
    const file = `${path}/${name}`;
    if (name.includes('/')) mkdirSync(dirname(file), { recursive: true, mode: 0o777 });
    writeFileSync(file, data, { flag: 'wx', mode: 0o600 });
    chmodSync(file, mode);
    if (user !== undefined) lchownSync(file, user, -1);
  }
  return basename(path);
}

function giveToGroup(directory: string, version: string, group: number): void {
  const path = `${directory}/${version}`;
  const inside = readdirSync(path, { recursive: true, withFileTypes: true }).map(e => `${e.parentPath}/${e.name}`);
  for (const each of [...inside, path, directory]) {
    const stat = lstatSync(each);
    chownSync(each, -1, group);
    chmodSync(each, (stat.mode & 0o7777) | (stat.isDirectory() ? GROUP_DIRECTORY : GROUP_READ));
  }
}

/** A link for the first part of every path, and none that leads to what is not there any more. */
function showNames(directory: string, payload: Payload): void {
  const wanted = new Set([...payload.keys()].map(path => path.split('/')[0] ?? ''));
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.name.startsWith(RESERVED)) continue;
    if (wanted.delete(entry.name) || !entry.isSymbolicLink()) continue;
    if (readlinkSync(`${directory}/${entry.name}`) === `${DATA}/${entry.name}`) rmSync(`${directory}/${entry.name}`);
  }
  for (const name of wanted) symlinkSync(`${DATA}/${name}`, `${directory}/${name}`);
}

function removeOldVersions(directory: string): void {
  const current = currentVersion(directory);
  for (const name of readdirSync(directory))
    if (name.startsWith(RESERVED) && name !== DATA && name !== current)
      rmSync(`${directory}/${name}`, { recursive: true, force: true });
}

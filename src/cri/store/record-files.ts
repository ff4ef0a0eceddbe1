import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename } from 'node:path';
import { errnoName, errorMessage, failedPrecondition, GantryError } from '../../base/errors.ts';
import { isWholeId } from '../../base/ids.ts';
import { writeFileAtomic } from '../../linux/atomic-file.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { CriPaths } from '../paths.ts';
import type { ContainerRecord } from './container-record.ts';
import { decodeJournal, encodeRecord } from './record-codec.ts';
import type { SandboxRecord } from './sandbox-record.ts';

/** Where records live between two starts of the shim. */
export interface RecordFiles {
  writeSandbox(record: SandboxRecord): void;
  writeContainer(record: ContainerRecord): void;
  /** Safe to repeat. */
  deleteSandbox(id: string): void;
  /** Takes away the record, and with it all that was kept of the container on disk. Safe to repeat. */
  deleteContainer(id: string): void;
  /**
   * Everything that can be understood; what is damaged is moved aside and told. Throws `failed-precondition` when a file cannot be read now (EIO, EACCES,
   * …) or was written by a newer program: its object may be whole and running, so nothing may be concluded from the failure.
   */
  readAll(): StoredRecords;
}

export interface StoredRecords {
  readonly sandboxes: readonly SandboxRecord[];
  readonly containers: readonly ContainerRecord[];
  /** What could not be read, one sentence each: the file, why, and where it went. */
  readonly unreadable: readonly string[];
  /** Container folders without a record (a removal or a create that was cut short): ids to clean up. */
  readonly orphanFolders: readonly string[];
}

/** From this size on, and from so many times the last line on, a journal is begun anew. */
const LONG_BYTES = 64 << 10;
const LONG_LINES = 4;
/** What a death amid that leaves beside a record. */
const LEFT_OVER = /\.json\.tmp-[0-9a-f]+$/;

/**
 * Records as files under the root directory. A file is a journal of one object: every write appends the whole record as one more line, and the last
 * line that can be read is the record. That makes a write atomic (a line that was cut off by a crash or a full disk does not count, the one
 * before it does) at a tenth of the price of a rename: ext4 starts writing to the disk when a rename replaces a file. Nothing is flushed: records must
 * survive the death of the shim, and what a power cut takes is void after it anyway, since no container outlives one. A journal that has become long, as by many
 * resizes, is replaced by its last line alone; that is flushed, for it is the only one left.
 */
export function recordFilesOnDisk(paths: CriPaths, replace: typeof writeFileAtomic = writeFileAtomic): RecordFiles {
  return {
    writeSandbox: record => writeRecord(paths.sandboxRecord(record.id), record, replace),
    writeContainer(record) {
      const isNew = record.createdAt === undefined;
      if (isNew) {
        makeFolder(paths.containerDir(record.id));
        faultPoint('cri/create-container/directory-made');
      }
      try {
        writeRecord(paths.containerRecord(record.id), record, replace);
      } catch (error) {
        if (isNew && !existsSync(paths.containerRecord(record.id))) moveToTrash(paths, record.id);
        throw error;
      }
    },
    deleteSandbox: id => rmSync(paths.sandboxRecord(id), { force: true }),
    deleteContainer: id => moveToTrash(paths, id),
    readAll: () => readAll(paths),
  };
}

/** Not by `recursive`, which calls a read-only file system a directory that does not exist. */
function makeFolder(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (errnoName(error) !== 'EEXIST') throw unwritable(directory, error);
  }
}

function unwritable(path: string, cause: unknown): GantryError {
  const full = errnoName(cause) === 'ENOSPC' || errnoName(cause) === 'EDQUOT';
  return new GantryError(full ? 'resource-exhausted' : 'internal', `cannot write ${path}: ${errorMessage(cause)}`, {
    cause,
  });
}

/** The line begins with a line break of its own, so that one that was cut off before it cannot swallow it. */
function writeRecord(file: string, record: object, replace: typeof writeFileAtomic): void {
  const bytes = Buffer.from(`\n${encodeRecord(record)}`, 'utf8');
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size >= LONG_BYTES && size > LONG_LINES * bytes.length) {
    try {
      replace(file, bytes, { durable: true });
      return;
    } catch {
      // the disk may be full, and a line may still fit or will say so
    }
  }
  appendBytes(file, bytes);
}

function appendBytes(file: string, bytes: Uint8Array): void {
  let isNew = false;
  try {
    const fd = openSync(file, 'a', 0o600);
    try {
      isNew = fstatSync(fd).size === 0;
      for (let offset = 0; offset < bytes.length; ) offset += writeSync(fd, bytes, offset);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    // The object is refused, so nothing would ever take away the beginning of its record.
    if (isNew) rmSync(file, { force: true });
    throw unwritable(file, error);
  }
}

/** One rename, record and all, however large the writable layer is; `trash` is emptied in the background and at the next start. */
function moveToTrash(paths: CriPaths, id: string): void {
  mkdirSync(paths.trash, { recursive: true, mode: 0o700 });
  try {
    renameSync(paths.containerDir(id), `${paths.trash}/${id}`);
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return;
    // A folder of that name is in the trash already: an earlier removal was cut short after its rename.
    rmSync(paths.containerDir(id), { recursive: true, force: true });
  }
}

function readAll(paths: CriPaths): StoredRecords {
  const sandboxes: SandboxRecord[] = [];
  const containers: ContainerRecord[] = [];
  const unreadable: string[] = [];
  const orphanFolders: string[] = [];
  for (const name of entriesOf(paths.sandboxRecords)) {
    if (LEFT_OVER.test(name)) rmSync(`${paths.sandboxRecords}/${name}`, { force: true });
    if (!name.endsWith('.json')) continue;
    const record = read(paths, `${paths.sandboxRecords}/${name}`, basename(name, '.json'), parseSandbox, unreadable);
    if (record !== undefined) sandboxes.push(record);
  }
  for (const id of entriesOf(paths.containers)) {
    const file = `${paths.containers}/${id}/record.json`;
    const record = read(paths, file, id, parseContainer, unreadable);
    if (record !== undefined) containers.push(record);
    else if (isWholeId(id)) orphanFolders.push(id);
  }
  return { sandboxes, containers, unreadable, orphanFolders };
}

function entriesOf(directory: string): string[] {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return readdirSync(directory).sort();
}

function read<R>(
  paths: CriPaths,
  file: string,
  id: string,
  parse: (value: unknown, id: string) => R,
  unreadable: string[],
): R | undefined {
  try {
    return parse(decodeJournal(readFileSync(file, 'utf8')), id);
  } catch (error) {
    const errno = errnoName(error);
    // ENOTDIR: a stray file stands where a container's folder would
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
    if (errno !== undefined)
      throw failedPrecondition(`cannot read the record ${file}: ${errorMessage(error)}; mend that, or move it away`, {
        cause: error,
      });
    if (error instanceof NewerRecord)
      throw failedPrecondition(`the record ${file} ${error.message}: start the newer program again`, { cause: error });
    const aside = `${paths.quarantine}/${id}-${basename(file)}`;
    unreadable.push(`${file}: ${errorMessage(error)}; moved to ${aside}`);
    mkdirSync(paths.quarantine, { recursive: true, mode: 0o700 });
    renameSync(file, aside);
    return undefined;
  }
}

function parseSandbox(value: unknown, id: string): SandboxRecord {
  const record = checkedRecord(value, id, 'sandbox', ['key', 'bootId', 'hostname']);
  if (typeof record['createdAt'] !== 'bigint') throw new Error('createdAt is missing');
  if (!Array.isArray(record['ips'])) throw new Error('ips is missing');
  return record as unknown as SandboxRecord;
}

function parseContainer(value: unknown, id: string): ContainerRecord {
  const strings = ['key', 'sandboxId', 'bootId', 'imageId', 'imageRef', 'logPath', 'cgroupPath', 'stopSignal'];
  return checkedRecord(value, id, 'container', strings) as unknown as ContainerRecord;
}

class NewerRecord extends Error {}

/** The fields without which the rest of the program would trip; the remaining ones are as we wrote them. */
function checkedRecord(value: unknown, id: string, what: string, strings: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error(`is not a ${what} record`);
  const record = value as Record<string, unknown>;
  const { version } = record;
  if (typeof version === 'number' && version > 1)
    throw new NewerRecord(`has version ${version}, this program reads version 1`);
  if (version !== 1) throw new Error(`has version ${String(version)}, this program reads version 1`);
  if (record['id'] !== id || !isWholeId(id)) throw new Error(`names the ${what} "${String(record['id'])}"`);
  for (const name of strings) if (typeof record[name] !== 'string') throw new Error(`${name} is missing`);
  const config = record['config'] as { metadata?: unknown } | undefined;
  if (typeof config?.metadata !== 'object' || config.metadata === null) throw new Error('config.metadata is missing');
  return record;
}

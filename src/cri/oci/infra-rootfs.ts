import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoName, internalError } from '../../base/errors.ts';
import { randomHex, sha256Hex } from '../../base/hash.ts';
import { runCommand } from '../../linux/command.ts';
import { syncFileSystem } from '../../linux/syncfs.ts';
import { missingBinary } from './oci-runtime.ts';

export interface InfraRootfs {
  readonly path: string;
  /** Arguments of the pause process inside. */
  readonly args: readonly string[];
}

/** Mount points that the runtime needs; it cannot make them in a read-only root. */
const MOUNT_POINTS = ['proc', 'dev', 'sys', 'etc'];
const PT_INTERP = 3;
/** Digits of the binary's hash that name the folder: another version of it gets another folder, and running pods keep theirs. */
const KEY_LENGTH = 16;

/**
 * The root file system of every pause process: catatonit, the libraries it needs if any, and mount points. Made once per version of the binary below `dir`;
 * appears whole or not at all. Throws `failed-precondition` when the binary is missing.
 */
export async function prepareInfraRootfs(dir: string, catatonit: string, signal?: AbortSignal): Promise<InfraRootfs> {
  const binary = readBinary(catatonit);
  const path = join(dir, `infra-${sha256Hex(binary).slice(0, KEY_LENGTH)}`);
  const args = ['/catatonit', '-P'];
  removeUnfinished(dir);
  if (existsSync(path)) return { path, args };
  const temporary = `${path}.tmp-${randomHex(4)}`;
  try {
    for (const point of MOUNT_POINTS) mkdirSync(join(temporary, point), { recursive: true, mode: 0o755 });
    copyFileSync(catatonit, join(temporary, 'catatonit'));
    for (const library of isDynamic(binary) ? await librariesOf(catatonit, signal) : []) {
      mkdirSync(join(temporary, dirname(library)), { recursive: true, mode: 0o755 });
      copyFileSync(library, join(temporary, library));
    }
    // The folder is trusted for ever once it has its name: on a disk its files must be there before it. Nothing is served yet, so waiting is fine.
    syncFileSystem(temporary);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    const code = errnoName(error);
    if ((code !== 'ENOTEMPTY' && code !== 'EEXIST') || !existsSync(path)) throw error;
  }
  return { path, args };
}

/** What a killed process left half made. Only one process is at work in `dir`. */
function removeUnfinished(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o711 });
  for (const name of readdirSync(dir))
    if (/^infra-[0-9a-f]+\.tmp-/.test(name)) rmSync(join(dir, name), { recursive: true, force: true });
}

function readBinary(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw errnoName(error) === 'ENOENT' ? missingBinary('catatonit', path, error) : error;
  }
}

/** Whether an ELF file (64-bit, little-endian) asks for a dynamic loader: it has a program header of type PT_INTERP. */
export function isDynamic(elf: Buffer): boolean {
  if (elf.length < 64 || elf.toString('latin1', 0, 4) !== '\x7fELF') throw internalError('not an ELF file');
  const start = Number(elf.readBigUInt64LE(32));
  const size = elf.readUInt16LE(54);
  const count = elf.readUInt16LE(56);
  return Array.from({ length: count }, (_, i) => elf.readUInt32LE(start + i * size)).includes(PT_INTERP);
}

/** Absolute paths of the loader and the libraries, as ldd lists them. */
async function librariesOf(path: string, signal?: AbortSignal): Promise<readonly string[]> {
  const result = await runCommand('ldd', [path], { timeoutMs: 10_000, ...(signal === undefined ? {} : { signal }) });
  if (result.code !== 0) throw internalError(`ldd ${path} failed: ${result.stderr.toString('utf8').trim()}`);
  return parseLdd(result.stdout.toString('utf8'));
}

/** `name => /path (0x…)` or `/path (0x…)`; what has no path is inside the kernel. */
export function parseLdd(text: string): readonly string[] {
  return text.split('\n').flatMap(line => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}

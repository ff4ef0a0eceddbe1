import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoName, failedPrecondition, internalError } from '../base/errors.ts';
import { spawnProcess, waitForExit } from './command.ts';
import { faultPoint } from './fault-point.ts';
import { MS, mount, unmount } from './mount.ts';
import { shareMount } from './netns.ts';
import { closeFds, createPipe, readPipe, writePipe } from './pipe.ts';

/** A run of ids: `length` ids from `containerId` on are the machine's from `hostId` on. */
export interface IdMapping {
  readonly containerId: number;
  readonly hostId: number;
  readonly length: number;
}

export interface UserNamespaceRequest {
  /** Where the namespace is bound. */
  readonly path: string;
  readonly uids: readonly IdMapping[];
  readonly gids: readonly IdMapping[];
  /** Where a network namespace that belongs to it is bound: only its owner's root may configure it and mount its sysfs. Undefined makes none. */
  readonly netnsPath: string | undefined;
}

/**
 * Makes a user namespace with these ids and binds it at `path`, on request with a network namespace of its own. A thread of a process with several cannot
 * enter a new user namespace, so unshare(1) is started for a moment (about 3 ms). Files left at the paths by a crash are taken over; what is bound there is an
 * error (EBUSY comes from the kernel, EEXIST never). On failure nothing is left. Throws `failed-precondition` when the kernel lends no more user namespaces.
 */
export async function createUserns(request: UserNamespaceRequest): Promise<void> {
  const input = createPipe();
  const output = createPipe();
  const errors = createPipe();
  let pid: number;
  try {
    const what = ['--user', ...(request.netnsPath === undefined ? [] : ['--net'])];
    ({ pid } = spawnProcess('unshare', [...what, 'cat'], {
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
      stdin: input.read,
      stdout: output.write,
      stderr: errors.write,
    }));
  } catch (error) {
    closeFds(input.write, output.read, errors.read);
    throw error;
  } finally {
    closeFds(input.read, output.write, errors.write);
  }
  // Its input is the process's life: when this program is killed, `cat` sees the end of it.
  const holder = writePipe(input.write);
  const ended = waitForExit(pid);
  const said = readAll(errors.read);
  try {
    holder.on('error', () => undefined);
    holder.write('.');
    if (!(await hasAnswered(output.read)))
      throw failedPrecondition(`a user namespace cannot be made: ${(await said).trim() || 'unshare ended'}`);
    faultPoint('cri/create-userns/process-started');
    // The caller's ids are the machine's: the one who writes the maps is root there.
    writeMap(`/proc/${pid}/uid_map`, request.uids);
    writeMap(`/proc/${pid}/gid_map`, request.gids);
    bindNamespace(`/proc/${pid}/ns/user`, request.path);
    faultPoint('cri/create-userns/userns-bound');
    try {
      if (request.netnsPath !== undefined) bindNamespace(`/proc/${pid}/ns/net`, request.netnsPath);
    } catch (error) {
      removeUserns(request.path);
      throw error;
    }
  } finally {
    holder.destroy();
    await ended;
  }
}

/** Takes the bound namespace away; it lives on for as long as processes and mounts use it. Safe to repeat. */
export function removeUserns(path: string): void {
  unmount(path, { lazy: true });
  rmSync(path, { force: true });
}

function bindNamespace(source: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
  shareMount(dirname(path));
  closeSync(openSync(path, 'a', 0o444));
  try {
    mount(source, path, 'none', MS.BIND);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}

/** The kernel takes a map as a whole or not at all: EINVAL for ids that overlap or go beyond 2^32, EPERM for ids that this process does not have itself. */
function writeMap(path: string, mappings: readonly IdMapping[]): void {
  const text = mapText(mappings);
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw failedPrecondition(
      `a user namespace cannot be made: the kernel does not take the ids "${text.trim()}": ${errnoName(error) ?? String(error)}`,
      { cause: error },
    );
  }
}

/** Text of uid_map and gid_map (user_namespaces(7)). */
function mapText(mappings: readonly IdMapping[]): string {
  if (mappings.length === 0) throw internalError('a user namespace without ids is of no use');
  return mappings.map(m => `${m.containerId} ${m.hostId} ${m.length}\n`).join('');
}

/** True when a byte came back, false when the program ended without one. */
function hasAnswered(fd: number): Promise<boolean> {
  const stream = readPipe(fd);
  return new Promise(resolve => {
    stream.once('data', () => {
      resolve(true);
      stream.destroy();
    });
    stream.once('error', () => resolve(false));
    stream.once('close', () => resolve(false));
  });
}

async function readAll(fd: number): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of readPipe(fd)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

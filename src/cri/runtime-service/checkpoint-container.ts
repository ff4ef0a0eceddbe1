import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import {
  errorCode,
  errorMessage,
  failedPrecondition,
  GantryError,
  invalidArgument,
  isNotFound,
} from '../../base/errors.ts';
import { deadlineSignal } from '../../base/signals.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { CheckpointContainerRequest, CheckpointContainerResponse } from '../../rpc/cri-api.ts';
import { writeCheckpointArchive } from '../checkpoint/checkpoint-archive.ts';
import { type CheckpointDirectory, makeCheckpointDirectory } from '../checkpoint/checkpoint-directory.ts';
import { checkpointDocuments } from '../checkpoint/checkpoint-documents.ts';
import { checkpointRefusal, dumpLogEnd, withoutLogPath } from '../checkpoint/checkpoint-support.ts';
import { findProgram } from '../oci/runtime-facts.ts';
import { type ContainerRecord, containerState } from '../store/container-record.ts';
import { checkAbsolutePath, wrong } from '../validation/field.ts';
import { containerStatus } from './container-message.ts';
import type { RuntimeServiceContext } from './context.ts';
import { runtimeOf } from './runtime-of.ts';
import { unlessEnded } from './unless-ended.ts';

/** What kubelets give a CRI call. */
const DEFAULT_TIMEOUT_S = 120;
const MAX_TIMEOUT_S = 2_000_000;
const LOG_END_BYTES = 64 * 1024;

/**
 * Writes the state of a running container to the archive `location`, and lets it run on. One at a time per container. After `timeout` seconds (0: 120) or when the caller
 * leaves no archive appears; CRIU is not killed then, since it leaves foreign code in the processes that it works on, but is waited for in the background.
 * Throws `not-found`, `invalid-argument`, `deadline-exceeded`, `failed-precondition` where the container does not run or its runtime, the machine or the location cannot, and what CRIU says.
 */
export async function checkpointContainer(
  ctx: RuntimeServiceContext,
  request: CheckpointContainerRequest,
  signal?: AbortSignal,
): Promise<CheckpointContainerResponse> {
  const { id } = ctx.store.requireContainer(request.containerId);
  const { location, timeout } = request;
  checkLocation(location);
  if (timeout < 0n) throw wrong('timeout', timeout, 'is negative');
  mustRun(ctx, id);
  await mustBeAble(ctx, id, signal);
  const seconds = timeout === 0n ? DEFAULT_TIMEOUT_S : Math.min(Number(timeout), MAX_TIMEOUT_S);
  const deadline = deadlineSignal(seconds * 1000, `the checkpoint of container ${id}`, signal, ctx.clock);
  let left = (_reason: unknown): void => {};
  const leaving = new Promise<never>((_resolve, reject) => {
    left = reject;
  });
  leaving.catch(() => undefined);
  let written = false;
  const onAbort = (): void => {
    // an archive that is in its place counts
    if (!written) left(deadline.signal.reason);
  };
  deadline.signal.addEventListener('abort', onAbort, { once: true });
  const work = ctx.queue.run(`checkpoint:${id}`, () =>
    checkpoint(ctx, id, location, deadline.signal, () => {
      written = true;
    }),
  );
  work.catch((error: unknown) => {
    if (deadline.signal.aborted)
      ctx.log.info({ container: id, because: errorMessage(error) }, 'a checkpoint was given up');
  });
  try {
    await Promise.race([work, leaving]);
    return {};
  } finally {
    deadline.signal.removeEventListener('abort', onAbort);
    deadline.release();
  }
}

async function checkpoint(
  ctx: RuntimeServiceContext,
  id: string,
  location: string,
  signal: AbortSignal,
  onWritten: () => void,
): Promise<void> {
  signal.throwIfAborted();
  const record = mustRun(ctx, id);
  const runtime = runtimeOf(ctx, id);
  const directory = makeCheckpointDirectory(ctx.paths);
  try {
    faultPoint('checkpoint/begun');
    const { imagePath, workPath } = directory;
    try {
      await runtime.checkpoint(id, { imagePath, workPath });
    } catch (error) {
      throw await unlessEnded(ctx, record, await withDumpLog(error, directory));
    }
    faultPoint('checkpoint/dumped');
    signal.throwIfAborted();
    const documents = checkpointDocuments({
      status: containerStatus(record),
      spec: ctx.node.readFile(`${ctx.paths.containerBundle(id)}/config.json`),
      runtime: runtime.name,
      pid: record.init?.pid ?? 0,
      now: ctx.node.now(),
    });
    const upperDir = ctx.paths.upperDir(id);
    await writeCheckpointArchive(location, { directory, documents, upperDir, logPath: record.logPath }, signal);
    onWritten();
  } finally {
    await directory.remove();
  }
}

/** Read anew each time: the container may have ended while an earlier checkpoint was at work. */
function mustRun(ctx: RuntimeServiceContext, id: string): ContainerRecord {
  const record = ctx.store.requireContainer(id);
  const state = containerState(record);
  if (state !== 'running')
    throw failedPrecondition(`container ${id} is ${state}: only running containers can be checkpointed`);
  return record;
}

/** Looked at with each call: what is installed meanwhile counts. */
async function mustBeAble(ctx: RuntimeServiceContext, id: string, signal?: AbortSignal): Promise<void> {
  if (findProgram('criu') === undefined)
    throw failedPrecondition(
      `container ${id} cannot be checkpointed: that needs CRIU, and there is no criu on the PATH of gantry run cri; install it`,
    );
  const refusal = checkpointRefusal(await runtimeOf(ctx, id).version(signal));
  if (refusal !== undefined) throw failedPrecondition(`container ${id} cannot be checkpointed: ${refusal}`);
}

function checkLocation(location: string): void {
  if (location === '') throw invalidArgument('location is empty');
  checkAbsolutePath('location', location);
  if (location.includes('\0')) throw wrong('location', location, 'may not contain NUL');
  if (
    location === '/' ||
    location
      .split('/')
      .slice(1)
      .some(part => part === '' || part === '.')
  )
    throw wrong('location', location, 'must be a clean path of a file: no empty part and no "."');
  const parent = location.slice(0, location.lastIndexOf('/')) || '/';
  if (!isDirectory(parent)) throw failedPrecondition(`location: ${parent} is no directory`);
  if (isDirectory(location)) throw wrong('location', location, 'is a directory');
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The same error with what CRIU wrote down of it. */
async function withDumpLog(error: unknown, { workPath }: CheckpointDirectory): Promise<unknown> {
  if (errorCode(error) !== 'internal') return error;
  const end = dumpLogEnd(await endOfFile(`${workPath}/dump.log`));
  const said = withoutLogPath(errorMessage(error));
  return new GantryError('internal', end === '' ? said : `${said}: ${end}`, { cause: error });
}

async function endOfFile(path: string): Promise<string> {
  try {
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      const length = Math.min(size, LOG_END_BYTES);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isNotFound(error)) return '';
    throw error;
  }
}

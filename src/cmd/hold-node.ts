import { errnoName, errorMessage, GantryError } from '../base/errors.ts';
import { sleep } from '../base/signals.ts';
import { type HeldLock, takeLockFile } from '../linux/lock-file.ts';
import { PREFLIGHT_EXIT_CODE } from './preflight-exit.ts';

/** Beside /run/gantry, which goes with a reset and with the units. Below /run for root alone: nobody else can hold a node. */
const NODE_LOCK = '/run/gantry.lock';
/** A process that was killed holds what it held some milliseconds longer. */
const PATIENCE_MS = 500;
const PAUSE_MS = 25;

/** Takes the node for this command, before it looks at anything. Safe to repeat. Rejects where another command has it. */
export type Hold = () => Promise<void>;

/** No lock can be made here, so that no command has the node. */
export class NoLock extends GantryError {
  constructor(cause: unknown) {
    super('failed-precondition', noLockText(errnoName(cause), errorMessage(cause)), { cause });
  }
}

/** Another command has the node. */
class NodeInUse extends GantryError {
  constructor(owner: string) {
    super('failed-precondition', inUseText(owner));
  }
}

/**
 * Runs a command that changes this node: from `hold` to its end no other one does. Where another one does already that is told in a line, with its process, and nothing is done: exit code 2, as of
 * a machine that is not fit. A lock ends with its process, however that ends; a dry run takes none. `command` is how people call it: `gantry init`; undefined where it only looks, which holds nothing.
 */
export async function holdingNode(command: string | undefined, work: (hold: Hold) => Promise<number>): Promise<number> {
  let held: HeldLock | undefined;
  const release = (): void => held?.release();
  process.once('exit', release);
  try {
    return await work(async () => {
      if (command !== undefined) held ??= await takeNode(command);
    });
  } catch (error) {
    if (!(error instanceof NodeInUse)) throw error;
    process.stderr.write(`gantry: ${error.message}\n`);
    return PREFLIGHT_EXIT_CODE;
  } finally {
    process.off('exit', release);
    release();
  }
}

/** Undefined where this user cannot: who is not root changes no node, and is told so by preflight. */
async function takeNode(command: string): Promise<HeldLock | undefined> {
  for (let waitedMs = 0; ; waitedMs += PAUSE_MS) {
    const taken = tryNode(`${process.pid} ${command}`);
    if (taken === undefined || 'release' in taken) return taken;
    if (waitedMs >= PATIENCE_MS) throw new NodeInUse(taken.owner);
    await sleep(PAUSE_MS);
  }
}

function tryNode(owner: string): ReturnType<typeof takeLockFile> | undefined {
  try {
    return takeLockFile(NODE_LOCK, owner);
  } catch (error) {
    if (process.getuid?.() !== 0 && ['EACCES', 'EPERM', 'EROFS'].includes(errnoName(error) ?? '')) return undefined;
    throw new NoLock(error);
  }
}

/** What opens no file where /run is not there or may not be written, and where something else than a file has its name. */
const OF_RUN = ['ENOENT', 'EROFS', 'EACCES', 'EPERM'];
const OF_NAME = ['EISDIR', 'ELOOP', 'ENXIO'];

/** One line for who cannot have the lock. Pure. */
export function noLockText(code: string | undefined, because: string): string {
  const isOne = (codes: readonly string[]): boolean => codes.includes(code ?? '');
  const mend = isOne(OF_RUN)
    ? '/run has to be there, and writable for root ("findmnt /run" tells how it is mounted): make it so, and run this again'
    : isOne(OF_NAME)
      ? 'it has to be a file or not there: take away what has its name, and run this again'
      : 'mend that, and run this again';
  return `${NODE_LOCK}, the lock by which no two commands change this node at once, cannot be made (${because}): ${mend}`;
}

/** One line for who has to wait. `owner` is what the other one has written into its lock. Pure. */
export function inUseText(owner: string): string {
  const [, pid, command] = /^([0-9]+) (gantry .+)$/.exec(owner) ?? [];
  const after = 'and run this again';
  if (pid === undefined)
    return `another command changes this node just now ("lslocks" tells its process): wait until it has ended, ${after}`;
  return `"${command}" changes this node just now (process ${pid}): wait until it has ended, or end it ("kill ${pid}"), ${after}`;
}

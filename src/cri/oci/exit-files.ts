import { existsSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isNotFound } from '../../base/errors.ts';
import { isWholeId } from '../../base/ids.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import { watchDirectory } from '../../linux/watch-directory.ts';
import { CONMON_FILES } from './conmon-protocol.ts';
import type { ContainerExit } from './ports.ts';

const UNKNOWN_EXIT_CODE = 255;

/** The exit that conmon wrote into the bundle (first) or into the exit directory; its time is the file's. */
export function readExit(id: string, bundle: string, exitDir: string): ContainerExit | undefined {
  for (const path of [join(bundle, CONMON_FILES.exit), join(exitDir, id)]) {
    const text = readOrUndefined(path);
    if (text === undefined) continue;
    return {
      id,
      // conmon writes -1 when it could not learn the code; what is not known is 255, as upstream runtimes say it
      exitCode: /^\d+$/.test(text) ? Number(text) : UNKNOWN_EXIT_CODE,
      finishedAt: statSync(path, { bigint: true }).mtimeNs,
      oomKilled: existsSync(join(bundle, CONMON_FILES.oom)),
    };
  }
  return undefined;
}

/**
 * Calls `onExit` for each container that ends from now on. The file in the exit directory is the bell: it is taken away when it has been heard, which is what
 * makes each exit ring once; the record in the bundle stays.
 */
export function watchExits(exitDir: string, onExit: (id: string) => void, onError: (error: Error) => void): () => void {
  const watch = watchDirectory(
    exitDir,
    name => {
      try {
        if (!isWholeId(name) || !takeAway(join(exitDir, name))) return;
        faultPoint('cri/exit/heard');
        onExit(name);
      } catch (error) {
        onError(error instanceof Error ? error : new Error(String(error)));
      }
    },
    onError,
  );
  return () => watch.close();
}

function takeAway(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

import { errorCode, errorMessage } from '../../../base/errors.ts';
import { runCommand } from '../../../linux/command.ts';
import { directoryAnswers } from '../../../linux/directory-answers.ts';
import { ANSWER_PATIENCE_MS } from '../silence.ts';
import type { OtherPlace } from './plan.ts';

/** What the configuration of this node says of where its parts have their things. */
export interface Configured {
  /** As it stands there. */
  readonly places: readonly OtherPlace[];
  readonly cgroupRoots: readonly string[];
  /** `unix:///path` of the container runtime; undefined for the usual one. */
  readonly runtimeEndpoint: string | undefined;
  /** What could not be read, each a sentence. */
  readonly problems: readonly string[];
}

/** The places that are there, without links, and a sentence for each that does not answer: asked in a process that is given up then. */
export async function reachable(
  places: readonly OtherPlace[],
  signal: AbortSignal,
): Promise<{ readonly places: readonly OtherPlace[]; readonly problems: readonly string[] }> {
  const found: OtherPlace[] = [];
  const problems: string[] = [];
  for (const place of places) {
    try {
      const { code, stdout } = await runCommand('realpath', ['--canonicalize-existing', '--', place.directory], {
        timeoutMs: ANSWER_PATIENCE_MS,
        signal,
      });
      // not there: nothing was made in it
      if (code !== 0) continue;
      const directory = stdout.toString('utf8').replace(/\n$/, '');
      // the kernel remembers the way to a directory in use for a while, and tells it without its server
      if (!(await directoryAnswers(directory, ANSWER_PATIENCE_MS, signal))) {
        problems.push(notLookedInto(place, UNANSWERED));
        continue;
      }
      found.push({ ...place, directory, isLinked: directory !== place.directory });
    } catch (error) {
      signal.throwIfAborted();
      problems.push(notLookedInto(place, errorCode(error) === 'deadline-exceeded' ? UNANSWERED : errorMessage(error)));
    }
  }
  return { places: found, problems };
}

const UNANSWERED = 'its disk or server does not answer';

function notLookedInto({ directory, what }: OtherPlace, why: string): string {
  return `${directory} (${what}) is not looked into: ${why}`;
}

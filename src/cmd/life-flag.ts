import { durationMs } from '../api/duration.ts';
import { errorMessage, invalidArgument } from '../base/errors.ts';
import { SHORTEST_LIFE_MS } from '../bootstrap/settings.ts';

const NAME = '--certificate-validity-period';

/** How long new certificates hold, in ms. Throws `invalid-argument` for what is no duration of Go's, and for one that is as good as over. */
export function lifeFlag(text: string): number {
  const ms = readDuration(text);
  if (ms < SHORTEST_LIFE_MS)
    throw invalidArgument(
      `${NAME}: ${JSON.stringify(text)} is too short: certificates have to hold for ${SHORTEST_LIFE_MS / 1000} seconds at least`,
    );
  return ms;
}

function readDuration(text: string): number {
  try {
    return durationMs(text);
  } catch (error) {
    throw invalidArgument(`${NAME}: ${errorMessage(error)}`);
  }
}

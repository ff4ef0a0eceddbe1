import { getDefaultHighWaterMark, setDefaultHighWaterMark } from 'node:stream';
import { errorMessage, GantryError } from './base/errors.ts';
import { runProgram } from './main.ts';

/** What waits in a stream before its source is held up, as Node does since 22: with the 16 KiB of before, each record of TLS held up the next (seen: half the throughput). */
const HIGH_WATER_MARK = 64 << 10;

setDefaultHighWaterMark(false, Math.max(getDefaultHighWaterMark(false), HIGH_WATER_MARK));
try {
  await runProgram(process.argv.slice(2));
} catch (error) {
  // what has several things to tell has a line for each
  process.stderr.write(`gantry: ${error instanceof GantryError ? error.message.trimEnd() : errorMessage(error)}\n`);
  process.exitCode = 1;
}

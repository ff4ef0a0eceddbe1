import { GantryError } from '../base/errors.ts';
import { DiscoveryFileError } from '../bootstrap/discovery/discovery-file-error.ts';
import { PreflightError } from '../bootstrap/preflight/findings.ts';

/** kubeadm's exit code of a machine that is not fit. */
export const PREFLIGHT_EXIT_CODE = 2;
/** kubeadm's exit code of a configuration that is wrong, in flags or in a file. */
export const VALIDATION_EXIT_CODE = 3;

/** Runs phases, and tells a machine that is not fit for them, a line for each reason, and a discovery file that only a server could show to be wrong. Returns the exit code; throws what else fails. */
export async function exitCodeOf(work: () => Promise<void>): Promise<number> {
  try {
    await work();
    return 0;
  } catch (error) {
    if (!(error instanceof PreflightError || error instanceof DiscoveryFileError)) throw error;
    process.stderr.write(`gantry: ${error.message}\n`);
    return error instanceof PreflightError ? PREFLIGHT_EXIT_CODE : VALIDATION_EXIT_CODE;
  }
}

/** Makes of flags and files what a command works with, then does the work. Where they are wrong that is told, a line for each thing, and nothing is done. Returns the exit code. */
export async function withPrepared<T>(
  prepare: () => T | Promise<T>,
  work: (prepared: T) => Promise<number>,
): Promise<number> {
  let prepared: T;
  try {
    prepared = await prepare();
  } catch (error) {
    if (!(error instanceof GantryError) || error.code !== 'invalid-argument') throw error;
    process.stderr.write(`gantry: ${error.message}\n`);
    return VALIDATION_EXIT_CODE;
  }
  return work(prepared);
}

import { PreflightError } from '../bootstrap/preflight/findings.ts';

/** kubeadm's exit code of a machine that is not fit. */
const PREFLIGHT_EXIT_CODE = 2;

/** Runs phases, and tells a machine that is not fit for them, a line for each reason. Returns the exit code; throws what else fails. */
export async function exitCodeOf(work: () => Promise<void>): Promise<number> {
  try {
    await work();
    return 0;
  } catch (error) {
    if (!(error instanceof PreflightError)) throw error;
    process.stderr.write(`gantry: ${error.message}\n`);
    return PREFLIGHT_EXIT_CODE;
  }
}

import { build } from 'esbuild';
import { runCommand } from '../../src/linux/command.ts';
import type { FaultPoint } from '../../src/linux/fault-point.ts';
import type { ChildTask } from './cni-child.ts';
import { runDirectory } from './run-id.ts';

/** What `runCniChild` answers when the child died at its fault point, and when it ended well. */
export const DIED = { code: null, signal: 9 };
export const ENDED = { code: 0, stderr: '' };

/** The program that tests kill, bundled for Node. Returns its path. */
export async function buildCniChild(): Promise<string> {
  const outfile = `${runDirectory('child')}/cni-child.cjs`;
  await build({
    entryPoints: ['test/harness/cni-child.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['koffi'],
    logLevel: 'error',
  });
  return outfile;
}

/** Runs one operation in the child, which dies at the fault point where one is given. */
export async function runCniChild(
  child: string,
  task: ChildTask,
  fault?: FaultPoint | `${FaultPoint}:${number}`,
): Promise<{ code: number | null; signal: number | null; stderr: string }> {
  const env = { PATH: process.env['PATH'] ?? '', NODE_PATH: `${process.cwd()}/node_modules` };
  const armed = fault === undefined ? env : { ...env, GANTRY_FAULT: fault };
  const { code, signal, stderr } = await runCommand(process.execPath, [child, JSON.stringify(task)], { env: armed });
  return { code, signal, stderr: stderr.toString() };
}

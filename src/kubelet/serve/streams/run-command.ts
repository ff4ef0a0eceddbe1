import type { ContainerRuntime } from '../../runtime/ports.ts';
import { Refusal } from '../refusal.ts';

/** Runs a command to its end and gives all that it wrote, stdout before stderr. Throws 500 in upstream's words where it fails. */
export async function runCommand(
  runtime: ContainerRuntime,
  containerId: string,
  command: readonly string[],
  signal: AbortSignal,
): Promise<Buffer> {
  const { stdout, stderr, exitCode } = await runtime.execSync(containerId, command, 0, signal);
  if (exitCode !== 0)
    throw new Refusal(500, `command '${command.join(' ')}' exited with ${exitCode}: ${stderr.toString()}`);
  return Buffer.concat([stdout, stderr]);
}

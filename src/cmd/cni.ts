import { readFileSync } from 'node:fs';
import { GantryBridge } from '../cni/bridge/plugin.ts';
import { loopbackPlugin } from '../cni/loopback/plugin.ts';
import { serveCni } from '../cni/protocol/serve.ts';
import { DEFAULT_CRI_CONFIG_FILE, readCriConfig } from '../cri/config-file.ts';
import { bootId } from '../linux/procfs.ts';

/** What other runtimes attach is marked as theirs in the journals that the shim of this machine uses as well. */
export const OTHER_RUNTIMES = 'cni';

/** One call of a plugin of ours by another runtime, which has started this process for it. Returns the exit code. */
export async function runCniPlugin(
  type: 'gantry-bridge' | 'loopback',
  { criConfig }: { readonly criConfig?: string },
): Promise<number> {
  // The runtime closes it after the configuration; what it waits for is this process alone.
  const input = readFileSync(0, 'utf8');
  if (type === 'loopback') return print(await serveCni(loopbackPlugin, process.env, input));
  const bridge = new GantryBridge({
    journalDir: readCriConfig(criConfig ?? DEFAULT_CRI_CONFIG_FILE, criConfig !== undefined).cni.journalDir,
    bootId: bootId(),
    runner: OTHER_RUNTIMES,
    warn: (message, error) => console.error(message, error),
  });
  try {
    const answer = await serveCni(bridge, process.env, input);
    // Nobody of this process is here later to do it.
    if (process.env['CNI_COMMAND'] === 'DEL') await bridge.settle();
    return print(answer);
  } finally {
    bridge.close();
  }
}

function print({ output, exitCode }: { readonly output: string; readonly exitCode: number }): number {
  if (output !== '') process.stdout.write(`${output}\n`);
  return exitCode;
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { internalError } from '../base/errors.ts';
import type { Host } from './host/host.ts';

/** How much of what a command said is kept to explain its failure. */
const KEPT_LINES = 12;

export interface RunStepOptions {
  readonly write: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Runs one of our own commands in a host, each of its lines told as it comes. Throws what it said last when it fails. */
export async function runStep(host: Host, argv: readonly string[], { write, signal }: RunStepOptions): Promise<void> {
  const [file = '', ...args] = host.enter(argv);
  const child = spawn(file, args, {
    cwd: '/',
    env: host.environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    // the terminal's Ctrl-C is ours to hand on
    detached: true,
  });
  const errors: string[] = [];
  createInterface({ input: child.stdout }).on('line', line => write(`  ${line}`));
  createInterface({ input: child.stderr }).on('line', line => {
    errors.push(line);
    if (errors.length > KEPT_LINES) errors.shift();
  });
  const onAbort = (): void => {
    child.kill('SIGKILL');
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    signal.throwIfAborted();
    if (code !== 0)
      throw internalError(
        `on ${host.name}: ${errors.join('\n').replace(/^gantry: /, '') || `it ended with code ${code}`}`,
      );
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

import type { IpFamily } from '../../base/cidr.ts';
import { errnoName, errorMessage, failedPrecondition, internalError } from '../../base/errors.ts';
import { runCommand } from '../../linux/command.ts';
import { CANARY_CHAIN, type Table } from '../compile/xtables/chains.ts';
import { SavedTables } from '../compile/xtables/saved-tables.ts';

const TIMEOUT_MS = 300_000;
/** How long another program may hold the lock of the tables (/run/xtables.lock): upstream's 5 s. */
const WAIT = ['-w', '5'];
/** Kernels with many rules take seconds to write them out, and this is what they may be at most. */
const MESSAGE_LIMIT = 400;

/** Runs iptables' programs for one family, one at a time by the caller's care. */
export interface IptablesRunner {
  /** Each table in the text is a transaction: all of it takes effect or none. Chains that the text does not name stay. */
  restore(text: Iterable<string>, signal?: AbortSignal): Promise<void>;
  /** What stands in all tables. */
  save(signal?: AbortSignal): Promise<SavedTables>;
  /** Whether all canaries are alive: chains that go when somebody empties the tables. */
  hasCanaries(signal?: AbortSignal): Promise<boolean>;
}

const CANARY_TABLES: readonly Table[] = ['mangle', 'nat', 'filter'];

/**
 * The programs of a family: `iptables` as the machine has it, or those of one backend (`iptables-nft`, `iptables-legacy`). They run in the network namespace in
 * which they are called.
 */
export function iptablesRunner(family: IpFamily, backend: '' | '-nft' | '-legacy' = ''): IptablesRunner {
  const program = `${family === 4 ? 'iptables' : 'ip6tables'}${backend}`;
  return {
    async restore(text, signal) {
      await run(`${program}-restore`, [...WAIT, '--noflush'], { input: text, ...signalled(signal) });
    },
    async save(signal) {
      const saved = new SavedTables();
      const decoder = new TextDecoder();
      const onStdout = (chunk: Buffer): void => saved.push(decoder.decode(chunk, { stream: true }));
      await run(`${program}-save`, [], { onStdout, ...signalled(signal) });
      return saved;
    },
    async hasCanaries(signal) {
      for (const table of CANARY_TABLES) {
        const args = [...WAIT, '-t', table, '-S', CANARY_CHAIN];
        const { code } = await runCommand(program, args, { timeoutMs: TIMEOUT_MS, ...signalled(signal) });
        if (code !== 0) return false;
      }
      return true;
    },
  };
}

/** Whether a family can be had: its program is there, and the kernel has the table `nat` of it. Throws `failed-precondition` with the reason. */
export async function checkIptables(family: IpFamily, signal?: AbortSignal): Promise<void> {
  const program = family === 4 ? 'iptables' : 'ip6tables';
  try {
    await run(program, [...WAIT, '-t', 'nat', '-S', 'POSTROUTING'], signalled(signal));
  } catch (error) {
    signal?.throwIfAborted();
    throw failedPrecondition(`${program} cannot be used: ${errorMessage(error)}`);
  }
}

interface RunOptions {
  readonly input?: Iterable<string>;
  readonly onStdout?: (chunk: Buffer) => void;
  readonly signal?: AbortSignal;
}

async function run(file: string, args: readonly string[], options: RunOptions): Promise<void> {
  try {
    const { code, stderr } = await runCommand(file, args, { ...options, timeoutMs: TIMEOUT_MS });
    if (code !== 0) throw internalError(`${file}: ${oneLine(stderr.toString('utf8'))}`);
  } catch (error) {
    if (errnoName(error) === 'ENOENT')
      throw failedPrecondition(`${file} is not there: install the Debian package iptables`, { cause: error });
    throw error;
  }
}

function oneLine(text: string): string {
  const lines = text.split('\n').map(line => line.trim());
  return lines
    .filter(line => line !== '' && !line.startsWith('Try `'))
    .join(': ')
    .slice(0, MESSAGE_LIMIT);
}

function signalled(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

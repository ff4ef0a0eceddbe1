import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { execa } from 'execa';
import type { TestApiServer } from './api-server.ts';
import { PROJECT } from './gantry-command.ts';

export interface KubectlResult {
  readonly out: string;
  readonly err: string;
  readonly code: number | undefined;
}

interface KubectlSettings {
  readonly program: string;
  /** Its folder is the home of kubectl. */
  readonly server: Pick<TestApiServer, 'folder'>;
  readonly kubeconfig: string;
  readonly namespace?: string;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly folder?: string;
  /** A minute unless given. */
  readonly timeoutMs?: number;
}

/**
 * One kubectl as one user of a test server. The first word of each call is split at blanks, so a command reads as people type it; what holds
 * blanks itself follows as further words. Calls may run side by side.
 */
export class Kubectl {
  readonly #settings: KubectlSettings;

  constructor(settings: KubectlSettings) {
    this.#settings = settings;
  }

  get program(): string {
    return this.#settings.program;
  }

  /** The same as another user. */
  as(kubeconfig: string): Kubectl {
    return new Kubectl({ ...this.#settings, kubeconfig });
  }

  /** The same by another kubectl. */
  with(program: string): Kubectl {
    return new Kubectl({ ...this.#settings, program });
  }

  /** The same with `--namespace` in front of each command. */
  in(namespace: string): Kubectl {
    return new Kubectl({ ...this.#settings, namespace });
  }

  /** The same with this on standard input; objects go as one list. */
  given(input: string | Uint8Array | readonly object[]): Kubectl {
    const raw = typeof input === 'string' || input instanceof Uint8Array;
    const given = raw ? input : JSON.stringify({ apiVersion: 'v1', kind: 'List', items: input });
    return new Kubectl({ ...this.#settings, input: given });
  }

  /** The same in a folder of the caller's, with more in its environment. */
  at(folder: string, env: Readonly<Record<string, string>> = {}): Kubectl {
    return new Kubectl({ ...this.#settings, folder, env });
  }

  /** Whatever its exit code is; after its time is over it is ended. */
  async run(command: string, ...more: readonly string[]): Promise<KubectlResult> {
    const { program, input } = this.#settings;
    const result = await execa(program, this.#words(command, more), {
      env: this.#environment(),
      ...(this.#settings.folder === undefined ? {} : { cwd: this.#settings.folder }),
      reject: false,
      timeout: this.#settings.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
      ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    });
    return { out: result.stdout, err: result.stderr, code: result.exitCode };
  }

  /** What it wrote on standard output. Fails with its error output when it ends with another code than 0. */
  async ok(command: string, ...more: readonly string[]): Promise<string> {
    const result = await this.run(command, ...more);
    if (result.code === 0) return result.out;
    throw new Error(`kubectl ${command} ${more.join(' ')} ended with ${result.code}: ${result.err || result.out}`);
  }

  /** What it wrote on standard output, byte by byte. Fails when it ends with another code than 0. */
  async bytes(command: string, ...more: readonly string[]): Promise<Uint8Array> {
    const { program, input } = this.#settings;
    const { stdout } = await execa(program, this.#words(command, more), {
      env: this.#environment(),
      encoding: 'buffer',
      stripFinalNewline: false,
      timeout: this.#settings.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
      ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    });
    return stdout;
  }

  /** What it wrote on standard error. Fails when it ends with code 0. */
  async fails(command: string, ...more: readonly string[]): Promise<string> {
    const result = await this.run(command, ...more);
    if (result.code !== 0) return result.err;
    throw new Error(`kubectl ${command} ${more.join(' ')} ended well: ${result.out}`);
  }

  /** Runs until the caller ends it; `seen()` is what it has written so far. */
  background(command: string, ...more: readonly string[]) {
    let seen = '';
    const child = execa(this.#settings.program, this.#words(command, more), {
      env: this.#environment(),
      reject: false,
      buffer: false,
      stdin: 'ignore',
      killSignal: 'SIGKILL',
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', piece => {
        seen += String(piece);
      });
    return {
      seen: () => seen,
      /** Its exit code, once it ends by itself. */
      done: async () => (await child).exitCode,
      async end() {
        child.kill();
        await child;
      },
    };
  }

  #words(command: string, more: readonly string[]): string[] {
    const { namespace } = this.#settings;
    return [...(namespace === undefined ? [] : [`--namespace=${namespace}`]), ...command.split(/\s+/), ...more];
  }

  #environment() {
    const { kubeconfig, server, env } = this.#settings;
    return { KUBECONFIG: kubeconfig, HOME: server.folder, ...env };
  }
}

/** A program that tests need, or why it cannot be had. */
export type Program = { readonly path: string } | { readonly missing: string };

/**
 * The newest kubectl of this machine: GANTRY_KUBECTL, or the one on PATH, whose siblings carry their versions in their names where a vendor
 * ships several.
 */
export function newestKubectl(): Program {
  const asked = process.env['GANTRY_KUBECTL'];
  if (asked !== undefined) return { path: asked };
  const onPath = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map(folder => join(folder, 'kubectl'))
    .find(path => spawnSync(path, ['version', '--client']).status === 0);
  if (onPath === undefined) return { missing: 'there is no kubectl on PATH' };
  const folder = dirname(realpathSync(onPath));
  const minors = readdirSync(folder)
    .map(name => Number(/^kubectl\.1\.(\d+)$/.exec(name)?.[1] ?? Number.NaN))
    .filter(minor => !Number.isNaN(minor))
    .toSorted((a, b) => b - a);
  return { path: minors[0] === undefined ? onPath : join(folder, `kubectl.1.${minors[0]}`) };
}

/** Every kubectl of this machine, by its version: the newest one's siblings, and 1.20 where it was unpacked. */
export function everyKubectl(): readonly (readonly [version: string, program: Program])[] {
  const newest = newestKubectl();
  const folder = 'path' in newest ? dirname(newest.path) : undefined;
  const siblings = (folder === undefined ? [] : readdirSync(folder))
    .filter(name => /^kubectl\.1\.\d+$/.test(name))
    .toSorted()
    .map(name => [name.replace('kubectl.', ''), { path: join(folder ?? '', name) }] as const);
  const old = kubectl120();
  return [
    ...('path' in old ? [['1.20', old] as const] : []),
    ...(siblings.length === 0 ? [['newest', newest] as const] : siblings),
  ];
}

/** kubectl 1.20.2 as Debian 12 ships it: `scripts/setup` unpacks it apart, and it is installed nowhere. */
export function kubectl120(): Program {
  const path = join(PROJECT, '.cache/kubectl-1.20/kubectl');
  return existsSync(path)
    ? { path }
    : { missing: `there is no ${path}; scripts/setup unpacks it where Debian 12 packages can be had` };
}

/** Whether a suite over a real etcd runs with this program, and what its title says of that. A suite that does not run prints why. */
export function suiteOf(program: Program): {
  readonly skipped: boolean;
  readonly title: string;
  readonly path: string;
} {
  const reasons = [
    ...('missing' in program ? [program.missing] : []),
    ...(spawnSync('etcd', ['--version']).status === 0 ? [] : ['there is no etcd on PATH']),
  ];
  const path = 'path' in program ? program.path : '';
  if (reasons.length === 0) return { skipped: false, title: `(${path})`, path };
  const title = `(skipped: ${reasons.join('; ')})`;
  console.info(title);
  return { skipped: true, title, path };
}

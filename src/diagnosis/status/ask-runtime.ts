import { basename } from 'node:path';
import { runCommand } from '../../linux/command.ts';
import { createCriClient } from '../../rpc/cri-client.ts';
import { ANSWER_MS } from './answer.ts';
import type { RuntimeFacts } from './facts.ts';

/** Asks the runtime for its version and its conditions, and the OCI runtime that it uses for its version. Throws where it does not answer. */
export async function askRuntime(endpoint: string, signal: AbortSignal): Promise<RuntimeFacts> {
  const client = createCriClient(endpoint, { requestTimeoutMs: ANSWER_MS });
  try {
    const [version, { status, info }] = await Promise.all([
      client.version({ version: 'v1' }, { signal }),
      client.status({ verbose: true }, { signal }),
    ]);
    const program = ociRuntimeIn(info['runtime']);
    return {
      endpoint,
      name: version.runtimeName,
      version: version.runtimeVersion,
      conditions: (status?.conditions ?? []).map(({ type, status: well, reason, message }) => ({
        type,
        status: well,
        reason,
        message,
      })),
      ociRuntime: program === undefined ? undefined : await programVersion(program, signal),
    };
  } finally {
    client.close();
  }
}

/** Our shim tells the program by its path; others tell it elsewhere, or not at all. */
function ociRuntimeIn(text: string | undefined): string | undefined {
  try {
    const { path } = JSON.parse(text ?? '{}') as { readonly path?: unknown };
    return typeof path === 'string' && path.startsWith('/') ? path : undefined;
  } catch {
    return undefined;
  }
}

/** `crun 1.8.1`, of the line with which the program answers --version; the name alone where it does not. */
async function programVersion(path: string, signal: AbortSignal): Promise<string> {
  const name = basename(path);
  try {
    const { stdout } = await runCommand(path, ['--version'], { signal, maxOutputBytes: 4096 });
    const [, number] = /version (\S+)/.exec(stdout.toString('utf8')) ?? [];
    return number === undefined ? name : `${name} ${number}`;
  } catch {
    return name;
  }
}

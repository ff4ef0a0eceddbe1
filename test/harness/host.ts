import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createHost } from '../../src/local-cluster/host/create.ts';
import type { ExecOptions, Host } from '../../src/local-cluster/host/host.ts';
import { makeRunDirectory, RUN_DIR, RUN_ID } from './run-id.ts';

let made = 0;

/** A host of this test's own. The caller deletes it (or uses withHost). */
export async function testHost(): Promise<Host> {
  made += 1;
  makeRunDirectory();
  return createHost({ name: `${RUN_ID}-${made}`, hostsDir: `${RUN_DIR}/hosts` });
}

/** Runs `test` with a host and deletes the host afterwards, whatever happened. */
export async function withHost<T>(test: (host: Host) => Promise<T>): Promise<T> {
  const host = await testHost();
  try {
    return await test(host);
  } finally {
    await host.delete();
  }
}

/** Runs a command that must succeed, and returns its output; the error names command, code and stderr. */
export async function run(host: Host, argv: readonly string[], options: ExecOptions = {}): Promise<string> {
  const result = await host.exec(argv, { timeoutMs: 60_000, ...options });
  if (result.code !== 0)
    throw new Error(
      `in host ${host.name}: ${argv.join(' ')} ended with ${result.code}: ${result.stderr}${result.stdout}`,
    );
  return result.stdout;
}

/** Writes a file of the host for root alone, over one that is there, and makes the directories on the way to it. */
export function put(host: Host, path: string, text: string): void {
  mkdirSync(dirname(host.path(path)), { recursive: true });
  writeFileSync(host.path(path), text, { mode: 0o600 });
}

/** An HTTP GET from inside the host's network, without a process of Node's size. */
export async function httpGet(host: Host, port: number, path: string): Promise<{ status: number; body: string }> {
  // a server may take a client that has closed its side for one that is gone: the end of the input is not passed on
  const answer = await run(host, ['socat', '-t0.1', '-,ignoreeof', `TCP:127.0.0.1:${port}`], {
    input: `GET ${path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
  });
  const end = answer.indexOf('\r\n\r\n');
  return { status: Number(answer.split(' ')[1]), body: answer.slice(end + 4) };
}

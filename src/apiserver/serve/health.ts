import { goQuote } from '../../api/go-quote.ts';
import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import { aborted, deadlineSignal } from '../../base/signals.ts';
import type { Logger } from '../../daemon/logger.ts';
import { type ApiResponse, notFoundResponse, textResponse } from '../http.ts';

/** Upstream's figure for etcd. Kubelets and balancers give up soon, and must learn then which check it was. */
const CHECK_MS = 2000;

/** Throws, or rejects, with the reason when what it looks at is not well. Has 2 s to find out. */
export interface NamedCheck {
  readonly name: string;
  check(signal: AbortSignal): void | Promise<void>;
}

export const pingCheck: NamedCheck = { name: 'ping', check: () => {} };

/** Fails once the server is told to stop, so that balancers send no more. */
export function shutdownCheck(stopping: AbortSignal): NamedCheck {
  return {
    name: 'shutdown',
    check() {
      if (stopping.aborted) throw new Error('process is shutting down');
    },
  };
}

/** A check that costs something, run once for all who ask meanwhile: the paths are open to everyone, and etcd is not theirs to keep busy. */
export function sharedCheck({ name, check }: NamedCheck, clock: Clock): NamedCheck {
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    // of nobody's request: who leaves must not end it for the others
    const { signal, release } = deadlineSignal(CHECK_MS, `the check ${name}`, undefined, clock);
    try {
      await check(signal);
    } finally {
      release();
      running = undefined;
    }
  };
  return {
    name,
    check() {
      running ??= run();
      return running;
    },
  };
}

const OK_HEADERS = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' };

/**
 * Answers /healthz, /livez and /readyz in upstream's text: `ok` alone, a line per check with `?verbose` and whenever one fails. Checks named by
 * `?exclude` are not run. The reason of a failure is for the log: the path is open to everyone. `rest` is what follows the
 * path: empty, or the name of a single check.
 */
export async function healthResponse(
  endpoint: string,
  rest: string,
  query: URLSearchParams,
  checks: readonly NamedCheck[],
  { log, clock, signal }: { readonly log: Logger; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<ApiResponse> {
  const problemWith = (check: NamedCheck): Promise<string | undefined> => problemOf(check, signal, clock);
  if (rest !== '') return singleCheck(rest, checks, problemWith);
  const excluded = new Set(query.getAll('exclude'));
  const unknown = new Set(excluded);
  const lines: string[] = [];
  const failures: string[] = [];
  const problems = await Promise.all(checks.map(check => (excluded.has(check.name) ? undefined : problemWith(check))));
  for (const [index, { name }] of checks.entries()) {
    if (excluded.has(name)) {
      unknown.delete(name);
      lines.push(`[+]${name} excluded: ok`);
      continue;
    }
    const problem = problems[index];
    lines.push(problem === undefined ? `[+]${name} ok` : `[-]${name} failed: reason withheld`);
    if (problem !== undefined) failures.push(`${name}: ${problem}`);
  }
  if (unknown.size > 0)
    lines.push(
      `warn: some health checks cannot be excluded: no matches for ${[...unknown].toSorted().map(goQuote).join(', ')}`,
    );
  if (failures.length > 0) {
    log.warn({ endpoint, failures }, 'a health check failed');
    return textResponse(500, [...lines, `${endpoint} check failed`].join('\n'));
  }
  const body = query.has('verbose') ? `${[...lines, `${endpoint} check passed`].join('\n')}\n` : 'ok';
  return { status: 200, headers: OK_HEADERS, body };
}

async function singleCheck(
  name: string,
  checks: readonly NamedCheck[],
  problemWith: (check: NamedCheck) => Promise<string | undefined>,
): Promise<ApiResponse> {
  const found = checks.find(check => check.name === name);
  if (found === undefined) return notFoundResponse();
  const problem = await problemWith(found);
  return problem === undefined
    ? { status: 200, headers: OK_HEADERS, body: 'ok' }
    : textResponse(500, `internal server error: ${problem}`);
}

/** What is wrong; undefined where all is well. A check that does not mind its signal is not waited for either. */
async function problemOf({ name, check }: NamedCheck, parent: AbortSignal, clock: Clock): Promise<string | undefined> {
  const { signal, release } = deadlineSignal(CHECK_MS, `the check ${name}`, parent, clock);
  try {
    await Promise.race([check(signal), aborted(signal).then(() => Promise.reject(signal.reason))]);
    return undefined;
  } catch (error) {
    return errorMessage(error);
  } finally {
    release();
  }
}

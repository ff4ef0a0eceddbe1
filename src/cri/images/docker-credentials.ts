import { readFile } from 'node:fs/promises';
import { errnoName, errorMessage, failedPrecondition } from '../../base/errors.ts';
import { runCommand } from '../../linux/command.ts';
import { findCredentials, helperAnswer, parseDockerConfig } from './docker-config.ts';
import type { RegistryAuth } from './registry-access.ts';

const HELPER_MS = 30_000;
const MAX_ANSWER = 1 << 20;

/**
 * What the first of these docker config files that has anything shows for a repository (its full name without tag and digest); undefined where none has. A file
 * that is not there has nothing. Helpers (`docker-credential-<name>`, found on PATH) are run as this process's user. Throws `failed-precondition` naming
 * the file, and the helper that failed. Read anew each time: such files are rewritten when tokens are renewed.
 */
export async function dockerCredentials(
  files: readonly string[],
  repository: string,
  signal: AbortSignal,
): Promise<RegistryAuth | undefined> {
  for (const file of files) {
    const auth = await fromFile(file, repository, signal);
    if (auth !== undefined) return auth;
  }
  return undefined;
}

async function fromFile(file: string, repository: string, signal: AbortSignal): Promise<RegistryAuth | undefined> {
  try {
    const { helper, auth } = findCredentials(parseDockerConfig(await readFile(file, 'utf8')), repository);
    return (helper === undefined ? undefined : await askHelper(helper.name, helper.server, signal)) ?? auth;
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return undefined;
    if (signal.aborted) throw error;
    throw failedPrecondition(`credentials in ${file} cannot be used: ${errnoName(error) ?? errorMessage(error)}`, {
      cause: error,
    });
  }
}

/** Undefined where the helper knows nothing of the server, which it says by its exit code and a sentence. */
async function askHelper(name: string, server: string, signal: AbortSignal): Promise<RegistryAuth | undefined> {
  const program = `docker-credential-${name}`;
  const options = { input: `${server}\n`, timeoutMs: HELPER_MS, maxOutputBytes: MAX_ANSWER, signal };
  const { code, stdout, stderr } = await runCommand(program, ['get'], options).catch((error: unknown) => {
    throw signal.aborted ? error : failedPrecondition(`${program} cannot be run: ${errorMessage(error)}`);
  });
  const said = stdout.toString('utf8').trim();
  if (code === 0) return helperAnswer(said);
  if (/credentials not found/i.test(said)) return undefined;
  // One line is enough, and safer: a helper may print more than it should.
  const [why = ''] = (stderr.toString('utf8').trim() || said).split('\n');
  throw failedPrecondition(`${program} get failed for ${server}: ${why.slice(0, 200)}`);
}

import { closeSync, existsSync, mkdirSync, openSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { errnoName, failedPrecondition } from '../../base/errors.ts';
import { sleep } from '../../base/signals.ts';
import { writeFileAtomic } from '../../linux/atomic-file.ts';

/** Who called: root by sudo works on the files of the user behind it. */
export interface Caller {
  readonly home: string;
  /** Undefined where no other user stands behind root. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
}

/** How long kubectl, which locks the same way, may take to write the file. */
const LOCK_PATIENCE_MS = 5000;

/** From sudo's variables and the table of users. */
export function readCaller(env: NodeJS.ProcessEnv = process.env, passwd = '/etc/passwd'): Caller {
  const { SUDO_UID: uid, SUDO_GID: gid, SUDO_USER: user } = env;
  if (process.getuid?.() !== 0 || uid === undefined || gid === undefined || user === undefined || uid === '0')
    return { home: env['HOME'] ?? homedir(), owner: undefined };
  const row = readFileSync(passwd, 'utf8')
    .split('\n')
    .map(line => line.split(':'))
    .find(fields => fields[2] === uid);
  return { home: row?.[5] ?? `/home/${user}`, owner: { uid: Number(uid), gid: Number(gid) } };
}

/** The file that was named, else the first of KUBECONFIG, else the caller's own. */
export function kubeconfigPath(
  asked: string | undefined,
  caller: Caller,
  env: NodeJS.ProcessEnv = process.env,
): string {
  const [fromEnv] = (env['KUBECONFIG'] ?? '').split(':').filter(path => path !== '');
  return resolve(asked ?? fromEnv ?? join(caller.home, '.kube', 'config'));
}

/**
 * Changes a kubeconfig as its owner, whole or not at all, holding the lock file that kubectl holds too. `change` gets the text (empty where there is no file) and
 * gives the new one, or undefined to leave it.
 */
export async function changeKubeconfig(
  path: string,
  { owner }: Caller,
  change: (text: string) => string | undefined,
  signal?: AbortSignal,
): Promise<void> {
  // where the file is a link, what it leads to is replaced, not the link
  const file = existsSync(path) ? realpathSync(path) : path;
  const lock = `${file}.lock`;
  asUser(owner, () => mkdirSync(dirname(file), { recursive: true, mode: 0o750 }));
  for (let waited = 0; !asUser(owner, () => tryLock(lock)); waited += 50) {
    if (waited >= LOCK_PATIENCE_MS)
      throw failedPrecondition(`${lock} is there: somebody else writes ${path}; remove it if nobody does`);
    await sleep(50, signal);
  }
  asUser(owner, () => {
    try {
      const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
      const changed = change(text);
      const mode = existsSync(file) ? statSync(file).mode & 0o777 : 0o600;
      if (changed !== undefined) writeFileAtomic(file, changed, { mode, durable: true });
    } finally {
      rmSync(lock, { force: true });
    }
  });
}

function tryLock(lock: string): boolean {
  try {
    closeSync(openSync(lock, 'wx', 0o600));
    return true;
  } catch (error) {
    if (errnoName(error) === 'EEXIST') return false;
    throw error;
  }
}

/** With the rights of the user and no more: links in a home directory may lead anywhere. Synchronous, because the whole process changes. */
function asUser<T>(owner: Caller['owner'], work: () => T): T {
  if (owner === undefined || process.setegid === undefined || process.seteuid === undefined) return work();
  process.setegid(owner.gid);
  process.seteuid(owner.uid);
  try {
    return work();
  } finally {
    process.seteuid(0);
    process.setegid(0);
  }
}

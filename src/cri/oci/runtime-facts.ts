import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runCommand } from '../../linux/command.ts';
import { readMountinfo } from '../../linux/mount.ts';
import type { InstalledRuntime, RuntimeFacts } from './choose-runtime.ts';

/** crun looks at this very path. */
const UNIFIED = '/sys/fs/cgroup/unified';

/** Looks for these programs, and at what crun minds about cgroups. Runs each that it finds twice, all at once: `--version` and `features`. */
export async function readRuntimeFacts(programs: ReadonlySet<string>, signal?: AbortSignal): Promise<RuntimeFacts> {
  const found = await Promise.all(
    [...programs].map(async (name): Promise<readonly [string, InstalledRuntime | undefined]> => {
      const path = findProgram(name);
      return [name, path === undefined ? undefined : await readRuntime(path, signal)];
    }),
  );
  const installed = new Map(found.flatMap(([name, runtime]) => (runtime === undefined ? [] : [[name, runtime]])));
  return { installed, hybridControllers: hybridControllers() };
}

async function readRuntime(path: string, signal?: AbortSignal): Promise<InstalledRuntime> {
  const options = { timeoutMs: 10_000, ...(signal === undefined ? {} : { signal }) };
  const [version, features] = await Promise.all([
    runCommand(path, ['--version'], options),
    runCommand(path, ['features'], options),
  ]);
  return {
    path,
    version: version.stdout.toString('utf8').split('\n')[0] ?? '',
    features: features.code === 0 ? parsed(features.stdout.toString('utf8')) : undefined,
  };
}

/** What is no JSON tells nothing. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The absolute path of a program: itself when it has a slash, else the first on PATH that may be executed. */
export function findProgram(name: string): string | undefined {
  const candidates = name.includes('/')
    ? [name]
    : (process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin').split(delimiter).map(directory => join(directory, name));
  return candidates.find(path => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function hybridControllers(): readonly string[] {
  const mounted = readMountinfo().some(row => row.target === UNIFIED && row.fstype === 'cgroup2');
  if (!mounted || !existsSync(`${UNIFIED}/cgroup.controllers`)) return [];
  return readFileSync(`${UNIFIED}/cgroup.controllers`, 'utf8')
    .trim()
    .split(/\s+/)
    .filter(name => name !== '');
}

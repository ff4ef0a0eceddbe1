import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runCommand } from '../../linux/command.ts';
import { readMountinfo } from '../../linux/mount.ts';
import type { InstalledRuntime, RuntimeFacts } from './choose-runtime.ts';

/** crun looks at this very path. */
const UNIFIED = '/sys/fs/cgroup/unified';

/** Looks for crun, runc and the configured runtime, and at what crun minds about cgroups. Runs each program found once, with --version. */
export async function readRuntimeFacts(configured: string, signal?: AbortSignal): Promise<RuntimeFacts> {
  const installed = new Map<string, InstalledRuntime>();
  for (const name of new Set(['crun', 'runc', ...(configured === '' ? [] : [configured])])) {
    const path = findProgram(name);
    if (path === undefined) continue;
    const result = await runCommand(path, ['--version'], {
      timeoutMs: 10_000,
      ...(signal === undefined ? {} : { signal }),
    });
    installed.set(name, { path, version: result.stdout.toString('utf8').split('\n')[0] ?? '' });
  }
  return { installed, hybridControllers: hybridControllers() };
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

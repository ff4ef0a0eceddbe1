import { failedPrecondition } from '../../base/errors.ts';

export interface InstalledRuntime {
  readonly path: string;
  /** First line of `--version`. */
  readonly version: string;
}

export interface RuntimeFacts {
  /** By name: crun, runc and whatever the configuration names. */
  readonly installed: ReadonlyMap<string, InstalledRuntime>;
  /** Controllers on the v2 mount of a hybrid layout; empty elsewhere. */
  readonly hybridControllers: readonly string[];
}

export interface RuntimeChoice {
  readonly name: string;
  readonly path: string;
  readonly version: string;
  /** For the log: why this one. */
  readonly reason: string;
}

/**
 * Which OCI runtime to use. A configured one is taken as it is; else crun, which starts a container in a third of runc's time, except where it refuses to
 * run: on a hybrid cgroup layout whose v2 side has controllers. Throws `failed-precondition` that says what to install.
 */
export function chooseRuntime(configured: string, facts: RuntimeFacts): RuntimeChoice {
  if (configured !== '') {
    const runtime = facts.installed.get(configured);
    if (runtime === undefined)
      throw failedPrecondition(
        `OCI runtime ${configured} is configured but is not there; install it (on Debian: apt-get install ${baseName(configured)}) or name another`,
      );
    return { name: baseName(configured), ...runtime, reason: 'it is configured' };
  }
  const crun = facts.installed.get('crun');
  const runc = facts.installed.get('runc');
  const hybrid = facts.hybridControllers.length > 0;
  if (crun !== undefined && !hybrid) return { name: 'crun', ...crun, reason: 'crun starts containers fastest' };
  if (runc !== undefined) {
    const reason =
      crun === undefined
        ? 'crun is not installed'
        : `crun refuses the hybrid cgroup layout here (${facts.hybridControllers.join(', ')} on /sys/fs/cgroup/unified)`;
    return { name: 'runc', ...runc, reason };
  }
  if (crun === undefined)
    throw failedPrecondition('neither crun nor runc is on PATH; install one (on Debian: apt-get install crun)');
  throw failedPrecondition(
    `crun refuses the hybrid cgroup layout here (${facts.hybridControllers.join(', ')} on /sys/fs/cgroup/unified) and runc is not on PATH; install it (on Debian: apt-get install runc)`,
  );
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

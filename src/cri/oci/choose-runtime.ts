import { failedPrecondition } from '../../base/errors.ts';

export interface InstalledRuntime {
  readonly path: string;
  /** First line of `--version`. */
  readonly version: string;
  /** What its `features` command prints; undefined where it has none. */
  readonly features?: unknown;
}

/** The parts of the configuration that name runtimes. */
export interface RuntimeConfig {
  /** The default one: a name or an absolute path; empty chooses crun where it can run, else runc. */
  readonly runtime: string;
  /** By the name of the handler. */
  readonly runtimes: Readonly<Record<string, { readonly path: string }>>;
}

export interface RuntimeFacts {
  /** By what was looked for: crun, runc and whatever the configuration names, paths by themselves. */
  readonly installed: ReadonlyMap<string, InstalledRuntime>;
  /** Controllers on the v2 mount of a hybrid layout; empty elsewhere. */
  readonly hybridControllers: readonly string[];
}

export interface RuntimeChoice extends InstalledRuntime {
  /** Its handler's name. The default one has it too, and is recorded by it. */
  readonly handler: string;
  /** For the log: why this one. */
  readonly reason: string;
}

export interface RuntimeChoices {
  /** What a pod gets that asks for no handler. */
  readonly fallback: RuntimeChoice;
  /** By name, the default one with them, in the order of their names. */
  readonly handlers: readonly RuntimeChoice[];
  /** Configured ones that cannot be used, each with a sentence. */
  readonly unusable: ReadonlyMap<string, string>;
}

/**
 * Which OCI runtime stands behind which handler: those of the configuration, and crun and runc where they are installed and can run. The default is the
 * configured one; else crun, which starts a container in a third of runc's time, except where it refuses to run: on a hybrid cgroup layout whose v2 side has
 * controllers. A handler whose program is missing is left out, as CRI-O does, so that one mistake does not stop a node; without a default nothing could run,
 * and that throws `failed-precondition` that says what to install.
 */
export function chooseRuntimes(config: RuntimeConfig, facts: RuntimeFacts): RuntimeChoices {
  const refusal = crunRefusal(facts);
  const usable = new Map<string, RuntimeChoice>();
  const unusable = new Map<string, string>();
  for (const [handler, { path }] of Object.entries(config.runtimes)) {
    const found = facts.installed.get(path);
    if (found === undefined) unusable.set(handler, `${path} is not there; install it or take the handler out`);
    else usable.set(handler, { handler, ...found, reason: 'it is configured' });
  }
  for (const handler of ['crun', 'runc']) {
    const found = facts.installed.get(handler);
    if (found === undefined || usable.has(handler) || unusable.has(handler)) continue;
    if (handler === 'crun' && refusal !== undefined) continue;
    usable.set(handler, { handler, ...found, reason: 'it is installed' });
  }
  const fallback = config.runtime === '' ? chosen(usable, facts, refusal) : configured(config.runtime, usable, facts);
  usable.set(fallback.handler, fallback);
  return {
    fallback,
    handlers: [...usable.values()].sort((a, b) => (a.handler < b.handler ? -1 : 1)),
    unusable,
  };
}

/** Programs to look for: names on PATH, and absolute paths. */
export function runtimesToLookFor({ runtime, runtimes }: RuntimeConfig): ReadonlySet<string> {
  const paths = Object.values(runtimes).map(({ path }) => path);
  return new Set(['crun', 'runc', ...(runtime === '' || Object.hasOwn(runtimes, runtime) ? [] : [runtime]), ...paths]);
}

function configured(name: string, usable: ReadonlyMap<string, RuntimeChoice>, facts: RuntimeFacts): RuntimeChoice {
  const found = usable.get(name) ?? facts.installed.get(name);
  if (found === undefined)
    throw failedPrecondition(
      `OCI runtime ${name} is configured but is not there; install it (on Debian: apt-get install ${baseName(name)}) or name another`,
    );
  return { ...found, handler: baseName(name), reason: 'it is configured' };
}

function chosen(
  usable: ReadonlyMap<string, RuntimeChoice>,
  facts: RuntimeFacts,
  refusal: string | undefined,
): RuntimeChoice {
  const crun = usable.get('crun');
  if (crun !== undefined) return { ...crun, reason: 'crun starts containers fastest' };
  const runc = usable.get('runc');
  const missing = facts.installed.has('crun') ? refusal : undefined;
  if (runc !== undefined) return { ...runc, reason: missing ?? 'crun is not installed' };
  throw failedPrecondition(
    missing === undefined
      ? 'neither crun nor runc is on PATH; install one (on Debian: apt-get install crun)'
      : `${missing} and runc is not on PATH; install it (on Debian: apt-get install runc)`,
  );
}

function crunRefusal({ hybridControllers }: RuntimeFacts): string | undefined {
  if (hybridControllers.length === 0) return undefined;
  return `crun refuses the hybrid cgroup layout here (${hybridControllers.join(', ')} on /sys/fs/cgroup/unified)`;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

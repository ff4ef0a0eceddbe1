import { invalidArgument } from '../base/errors.ts';
import { type FaultPoint, faultPoint } from '../linux/fault-point.ts';

/** Tells what a phase does, a line at a time. */
export type Say = (line: string) => void;

/** One step of a command. Running it again on what it made changes nothing and says what is there. */
export interface Phase<Name extends string, Context> {
  readonly name: Name;
  /** What it is for, for --help. */
  readonly description: string;
  /** What it does itself, before its parts. */
  run?(context: Context, say: Say, signal: AbortSignal): Promise<void> | void;
  /** Its parts, each of which can be run alone. */
  readonly phases?: readonly Phase<string, Context>[];
}

export interface RunPhasesOptions<Name extends string> {
  /** Phases that are left out, as `name` or `name/part`. */
  readonly skip: readonly string[];
  /** Passed after each phase, for crash tests. */
  readonly faultPointAfter: (name: Name) => FaultPoint;
  readonly write: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Runs the phases in their order; the first that fails ends it. Lines carry the name of their phase, as kubeadm's: `[certs] …`. */
export async function runPhases<Name extends string, Context>(
  phases: readonly Phase<Name, Context>[],
  context: Context,
  { skip, faultPointAfter, write, signal }: RunPhasesOptions<Name>,
): Promise<void> {
  for (const phase of phases) {
    if (skip.includes(phase.name)) continue;
    signal.throwIfAborted();
    const say: Say = line => write(`[${phase.name}] ${line}`);
    await phase.run?.(context, say, signal);
    for (const part of phase.phases ?? []) {
      if (skip.includes(`${phase.name}/${part.name}`)) continue;
      signal.throwIfAborted();
      await part.run?.(context, say, signal);
    }
    faultPoint(faultPointAfter(phase.name));
  }
}

/** Runs one phase alone: `certs` or `certs/all` whole, `certs/ca` that part. Throws `invalid-argument` that lists what there is. */
export async function runPhase<Context>(
  phases: readonly Phase<string, Context>[],
  path: string,
  context: Context,
  { write, signal }: Pick<RunPhasesOptions<string>, 'write' | 'signal'>,
): Promise<void> {
  checkPhases([path.replace(/\/all$/, '')], phases);
  const [name = '', partName = 'all'] = path.split('/');
  const phase = phases.find(each => each.name === name);
  const say: Say = line => write(`[${name}] ${line}`);
  if (partName === 'all') await phase?.run?.(context, say, signal);
  for (const part of phase?.phases ?? [])
    if (partName === 'all' || partName === part.name) await part.run?.(context, say, signal);
}

/** Throws `invalid-argument` for a name that no phase has, with those that there are. */
export function checkPhases(paths: readonly string[], phases: readonly Phase<string, never>[], flag = ''): void {
  const known = phases.flatMap(({ name, phases: parts = [] }) => [name, ...parts.map(part => `${name}/${part.name}`)]);
  for (const path of paths)
    if (!known.includes(path))
      throw invalidArgument(`${flag}there is no phase "${path}"; there are ${known.join(', ')}`);
}

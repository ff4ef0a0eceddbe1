import { type FaultPoint, faultPoint } from '../linux/fault-point.ts';

/** Tells what a phase does, a line at a time. */
export type Say = (line: string) => void;

/** One step of a command. Running it again on what it made changes nothing and says what is there. */
export interface Phase<Name extends string, Context> {
  readonly name: Name;
  /** What it is for, for --help. */
  readonly description: string;
  run(context: Context, say: Say, signal: AbortSignal): Promise<void> | void;
}

export interface RunPhasesOptions<Name extends string> {
  /** Phases that are left out. */
  readonly skip: readonly Name[];
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
    signal.throwIfAborted();
    if (skip.includes(phase.name)) continue;
    await phase.run(context, line => write(`[${phase.name}] ${line}`), signal);
    faultPoint(faultPointAfter(phase.name));
  }
}

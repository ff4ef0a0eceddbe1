import { systemClock } from '../base/clock.ts';
import { filesBelow } from '../bootstrap/files.ts';
import { isSystemdThere } from '../bootstrap/systemd-services.ts';
import { gatherStatus } from '../diagnosis/status/gather.ts';
import { statusProblems } from '../diagnosis/status/problems.ts';
import { statusDocument, statusScreen } from '../diagnosis/status/screen.ts';
import { placesHere, thisNode } from '../diagnosis/status/this-node.ts';
import { endProcessSoon } from '../linux/end-process.ts';
import { isInsideHost } from '../local-cluster/host/inside.ts';
import { untilInterrupted } from './interrupt.ts';
import { servicesHere } from './services-here.ts';
import { VERSION } from './version.ts';

/** The exit codes of `gantry status`. */
const STATUS_EXIT = { well: 0, problems: 1, usage: 2, noNode: 3 } as const;

/** `gantry status`: how this node is, on one screen. Returns 0 where all is well, 1 where something is wrong, 2 where it may not look, 3 where this machine is no node. */
export function statusCommand(flags: { readonly output: 'text' | 'json' }): Promise<number> {
  return untilInterrupted(signal => statusHere(flags, signal));
}

async function statusHere(flags: { readonly output: 'text' | 'json' }, signal: AbortSignal): Promise<number> {
  try {
    if (process.getuid?.() !== 0)
      return refuse(
        'gantry status has to be run as root (sudo): sockets and keys of the node are for root alone',
        STATUS_EXIT.usage,
      );
    const node = thisNode(await placesHere(filesBelow('/'), signal));
    if (node === undefined)
      return refuse(
        'this machine is no node: "gantry init" makes it the first one of a cluster, "gantry join" one of a cluster that there is',
        STATUS_EXIT.noNode,
      );
    const facts = await gatherStatus(node, {
      services: servicesHere(),
      keeper: isInsideHost() ? 'host' : isSystemdThere() ? 'systemd' : 'nobody',
      version: VERSION,
      now: systemClock.now(),
      signal,
    });
    const problems = statusProblems(facts);
    const text =
      flags.output === 'json'
        ? `${JSON.stringify(statusDocument(facts, problems), undefined, 2)}\n`
        : statusScreen(facts, problems);
    const code = problems.length === 0 ? STATUS_EXIT.well : STATUS_EXIT.problems;
    process.stdout.write(text, () => endProcessSoon(() => code));
    return code;
  } catch (error) {
    // with the code that main gives the error, which is told first
    endProcessSoon(() => Number(process.exitCode ?? 0) || 1);
    throw error;
  }
}

function refuse(sentence: string, code: number): number {
  process.stderr.write(`gantry: ${sentence}\n`);
  return code;
}

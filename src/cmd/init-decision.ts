import { hostname } from 'node:os';
import { systemClock } from '../base/clock.ts';
import { filesBelow } from '../bootstrap/files.ts';
import { INIT_PHASES } from '../bootstrap/init/phases.ts';
import { checkPhases } from '../bootstrap/phases.ts';
import { type Decision, decide } from '../bootstrap/standing/decide.ts';
import type { Standing } from '../bootstrap/standing/read.ts';
import { generateToken } from '../bootstrap/token.ts';
import { isInsideHost } from '../local-cluster/host/inside.ts';
import { words } from './flag-values.ts';
import { type GivenConfiguration, knownFlags } from './init-configuration.ts';
import { VERSION } from './version.ts';

export interface InitDecision extends Omit<Decision, 'warnings'> {
  /** Phases that are left out. */
  readonly skip: readonly string[];
  /** What there is to say of what was given, and of what is made of it. */
  readonly warnings: readonly string[];
}

/**
 * What `gantry init` on this machine makes of what it is given, and `gantry config validate` of a file: what the one refuses for what is given, the other does in the same words.
 * `address` tells the address of the machine where nothing says it. Throws as `decide`. Changes nothing.
 */
export function decideInit(
  given: GivenConfiguration,
  standing: Standing | undefined,
  { skipPhases, address }: { readonly skipPhases: string | undefined; readonly address: () => string },
): InitDecision {
  const inFile = given.documents.init?.['skipPhases'] as readonly string[] | null | undefined;
  const skip = skipPhases === undefined ? (inFile ?? []) : words(skipPhases);
  checkPhases(skip, INIT_PHASES, skipPhases === undefined ? 'skipPhases: ' : '--skip-phases: ');
  const decision = decide(given, standing, {
    nodeName: given.nodeName,
    skip,
    machine: {
      hostname: hostname(),
      address,
      version: VERSION.replace(/\+.*/, ''),
      newToken: generateToken,
      now: systemClock.now(),
      manifestsDir: filesBelow('/').manifestsDir,
      insideHost: isInsideHost(),
    },
    known: knownFlags(),
  });
  return { ...decision, skip, warnings: [...given.warnings, ...decision.warnings] };
}

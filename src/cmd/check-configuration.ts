import { invalidArgument } from '../base/errors.ts';
import { readConfigurationFile } from '../bootstrap/configuration/read-documents.ts';
import { readResetConfiguration } from '../bootstrap/configuration/reset-configuration.ts';
import { unheededDocuments } from '../bootstrap/configuration/unheeded.ts';
import { JOIN_PHASES } from '../bootstrap/join/phases.ts';
import { checkPhases } from '../bootstrap/phases.ts';
import { RESET_PHASES } from '../bootstrap/reset/phases.ts';
import { givenConfiguration } from './init-configuration.ts';
import { decideInit } from './init-decision.ts';
import { joinConfiguration } from './join-configuration.ts';

/** Stands for the address of the machine where the file says none: which it is has nothing to do with the file. */
const SOME_ADDRESS = '192.0.2.1';

/** Commands that take a file, by the kinds that each needs one of, and what each makes of it: the warnings. */
const COMMANDS = [
  { name: 'init', kinds: ['InitConfiguration', 'ClusterConfiguration'], check: checkInit },
  { name: 'join', kinds: ['JoinConfiguration'], check: checkJoin },
  { name: 'reset', kinds: ['ResetConfiguration'], check: checkReset },
] as const;

/**
 * Reads a file as each command does that it is for, as far as that has to do with the file and not with what stands on the machine: a first `init`, say. Returns what there is to warn
 * of. Throws `invalid-argument` in the words of the first command that refuses it. Changes nothing.
 */
export function checkConfigurationFile(path: string): readonly string[] {
  const { documents } = readConfigurationFile(path);
  const isThere = (kind: string): boolean => documents.some(document => document.kind === kind);
  const commands = COMMANDS.filter(({ kinds }) => kinds.some(isThere));
  if (commands.length === 0)
    throw invalidArgument(
      `${path}: there is none of ${COMMANDS.flatMap(({ kinds }) => kinds).join(', ')} in it, so that no command takes it`,
    );
  const warnings = commands.flatMap(({ name, check }) => {
    // what one of several leaves alone is for another
    const ofOthers = commands.length > 1 ? unheededDocuments(documents, name) : [];
    return check(path).filter(line => !ofOthers.includes(line));
  });
  return [...new Set(warnings)];
}

function checkInit(path: string): readonly string[] {
  const given = givenConfiguration({ config: path, controlPlaneTaint: true });
  return decideInit(given, undefined, { skipPhases: undefined, address: () => SOME_ADDRESS }).warnings;
}

function checkJoin(path: string): readonly string[] {
  const flags = { nodeName: undefined, nodeIp: undefined, nodeLabels: '' };
  const { skipPhases, warnings } = joinConfiguration(path, flags, () => SOME_ADDRESS);
  checkPhases(skipPhases, JOIN_PHASES, 'skipPhases: ');
  return warnings;
}

function checkReset(path: string): readonly string[] {
  const { configuration, warnings } = readResetConfiguration(path);
  checkPhases(configuration.skipPhases ?? [], RESET_PHASES);
  return warnings;
}

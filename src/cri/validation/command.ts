import { invalidArgument } from '../../base/errors.ts';
import { checkArgument, checkNoNul } from './field.ts';

/** A command that a program can be started with. Throws `invalid-argument`. Pure. */
export function checkCommand(cmd: readonly string[]): void {
  if (cmd.length === 0) throw invalidArgument('cmd is empty');
  checkNoNul('cmd', cmd);
  for (const [at, text] of cmd.entries()) checkArgument(`cmd[${at}]`, text);
}

import type { Command } from 'commander';

/** Ends the process with the exit code of a command. */
export type Ends = (code: Promise<number>) => Promise<void>;

/** Defines commands of one name, or several that belong together, below another. `below` are the words that come after the name. */
export type Definer = (parent: Command, end: Ends, below: readonly string[]) => void;

/** Commands by the word that asks for them, in the order in which they are listed. */
export type CommandTable = Readonly<Record<string, Definer>>;

/**
 * Defines the command that the first word asks for, and no other: all flags of all commands take a third of what `gantry` needs to start. Where it asks for none of them,
 * as with `--help` or a wrong word, every one is defined, for commander to list and to suggest.
 */
export function defineCommands(table: CommandTable, parent: Command, end: Ends, words: readonly string[]): void {
  const [word = '', ...below] = words;
  const asked = Object.hasOwn(table, word) ? table[word] : undefined;
  for (const define of asked === undefined ? Object.values(table) : [asked]) define(parent, end, below);
}

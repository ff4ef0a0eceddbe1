import type { Command, Option } from 'commander';

/** What a value of an option or argument is, as far as a shell can complete it. */
export type ValueKind = 'file' | 'directory' | 'text' | readonly string[];

export interface DescribedOption {
  /** As it is written: `-f, --follow`, `--config <file>`. */
  readonly flags: string;
  /** Without its value, the short form first. */
  readonly names: readonly string[];
  /** Undefined for one that takes none. */
  readonly value: ValueKind | undefined;
  readonly description: string;
  /** As people read it; undefined where there is none. */
  readonly defaultText: string | undefined;
  readonly required: boolean;
}

export interface DescribedCommand {
  /** From the program on: `gantry cluster create`. */
  readonly path: readonly string[];
  readonly description: string;
  /** As they are written in a synopsis: `<node>`, `[file...]`. */
  readonly argumentTexts: readonly string[];
  readonly argumentValues: readonly ValueKind[];
  readonly options: readonly DescribedOption[];
  readonly commands: readonly DescribedCommand[];
}

/** All that the definition of a command says for people, with the commands below it; hidden ones are left out. The sole source of man pages and completions. Pure. */
export function describeCommand(command: Command, above: readonly string[] = []): DescribedCommand {
  const path = [...above, command.name()];
  const help = command.createHelp();
  return {
    path,
    description: command.description(),
    argumentTexts: command.registeredArguments.map(argument => {
      const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
      return argument.required ? `<${name}>` : `[${name}]`;
    }),
    argumentValues: command.registeredArguments.map(argument => argument.argChoices ?? valueKind(argument.name())),
    options: help.visibleOptions(command).map(describeOption),
    commands: help
      .visibleCommands(command)
      .filter(child => child.name() !== 'help')
      .map(child => describeCommand(child, path)),
  };
}

/** The command and all below it, parents first. */
export function allCommands(command: DescribedCommand): readonly DescribedCommand[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

function describeOption(option: Option): DescribedOption {
  const takesValue = option.required || option.optional;
  const shown = option.defaultValueDescription ?? defaultText(option.defaultValue);
  return {
    flags: option.flags,
    names: [option.short, option.long].filter(name => name !== undefined),
    value: takesValue ? (option.argChoices ?? valueKind(/[<[]([^>\].]+)/.exec(option.flags)?.[1] ?? '')) : undefined,
    description: option.description,
    defaultText: takesValue ? shown : undefined,
    required: option.mandatory,
  };
}

function defaultText(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.join(' ');
  return value === undefined || value === '' ? undefined : String(value);
}

function valueKind(name: string): ValueKind {
  if (name === 'directory') return 'directory';
  return name === 'file' || name === 'path' ? 'file' : 'text';
}

import { type Command, Option } from 'commander';
import { invalidArgument } from '../base/errors.ts';
import type { Definer } from './define-commands.ts';

/** The same commands with the flags that all of kubeadm's have. They are taken where scripts give them, and not listed: there is nothing to choose by them. */
export function likeKubeadm(define: Definer): Definer {
  return (parent, end, below) => {
    const before = parent.commands.length;
    define(parent, end, below);
    for (const command of parent.commands.slice(before)) addCommonFlags(command);
  };
}

function addCommonFlags(command: Command): void {
  command.addOption(new Option('-v, --v <level>', 'how much is told: all of it is, at every level').hideHelp());
  const rootfs = new Option('--rootfs <directory>', 'refused').hideHelp().argParser((directory: string) => {
    throw invalidArgument(
      `--rootfs: this works on the machine that it runs on: run it there, or as "chroot ${directory} gantry …"`,
    );
  });
  command.addOption(rootfs);
  for (const child of command.commands) addCommonFlags(child);
}

/** Flags about templates, which no output here has: taken, and not listed. */
export function templateFlags(command: Command): Command {
  return command
    .addOption(new Option('--allow-missing-template-keys').hideHelp())
    .addOption(new Option('--show-managed-fields').hideHelp());
}

/**
 * The words of a command line where a switch has a value: `--dry-run=true` is `--dry-run`, and with `=false` it is not said, as Go's flags have it and commander does not. Words
 * behind `--` are another program's. Pure.
 */
export function plainSwitches(command: Command, words: readonly string[]): string[] {
  const switches = new Set(switchesOf(command));
  const end = words.indexOf('--');
  const own = end < 0 ? words : words.slice(0, end);
  const plain = own.flatMap(word => {
    const [, name = '', value] = /^(--[^=]+)=(true|false)$/.exec(word) ?? [];
    if (!switches.has(name)) return [word];
    return value === 'true' ? [name] : [];
  });
  return [...plain, ...words.slice(own.length)];
}

function switchesOf(command: Command): readonly string[] {
  return [
    ...command.options.flatMap(({ long, required, optional }) => (required || optional ? [] : [long ?? ''])),
    ...command.commands.flatMap(child => switchesOf(child)),
  ];
}

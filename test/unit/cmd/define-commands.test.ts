import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { describeCommand } from '../../../src/cmd/command-tree.ts';
import { program } from '../../../src/main.ts';

const named = (command: Command, name: string): Command => {
  const found = command.commands.find(each => each.name() === name);
  if (found === undefined) throw new Error(`${command.name()} has no ${name}`);
  return found;
};
const names = (command: Command): string[] => command.commands.map(each => each.name());
const ALL = program();
const DAEMONS = named(ALL, 'run');

describe('the command line', () => {
  it.each(names(ALL))('defines for "%s" that command alone, as it is among all of them', name => {
    const one = program([name]);
    expect(names(one)).toEqual([name]);
    expect(describeCommand(named(one, name))).toEqual(describeCommand(named(ALL, name)));
  });

  it.each(names(DAEMONS))('defines for "run %s" that daemon alone', name => {
    const run = named(program(['run', name]), 'run');
    expect(names(run)).toEqual([name]);
    expect(describeCommand(named(run, name))).toEqual(describeCommand(named(DAEMONS, name)));
  });

  it.each([[[]], [['--help']], [['help']], [['inti']], [['toString']], [['__proto__']]])(
    'defines all of them for %j',
    words => {
      expect(names(program(words))).toEqual(names(ALL));
    },
  );

  it.each([[[]], [['--help']], [['cry']]])('defines all daemons for "run" and %j', words => {
    expect(names(named(program(['run', ...words]), 'run'))).toEqual(names(DAEMONS));
  });
});

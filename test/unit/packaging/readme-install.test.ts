import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { program } from '../../../src/main.ts';
import { installCommands } from '../../harness/readme-install.ts';

const { firstMachine, furtherMachine, remove } = installCommands();

/** The command that these words reach, and the flags among them. */
function resolve(line: string): { readonly command: Command | undefined; readonly flags: readonly string[] } {
  const [name = '', ...words] = line.split(' ').slice(1);
  const command = program().commands.find(each => each.name() === name);
  return { command, flags: words.filter(word => word.startsWith('--')) };
}

describe("README's section Install", () => {
  it('installs the package before it uses it, and removes it after a reset', () => {
    expect(firstMachine[0]).toMatch(/^apt-get install .*\.\/gantry_\*_amd64\.deb$/);
    expect(firstMachine.at(-1)).toMatch(/^gantry init/);
    expect(furtherMachine.slice(0, -1)).toEqual(firstMachine.slice(0, -1));
    expect(furtherMachine.at(-1)).toMatch(/^gantry join HOST:6443 --token TOKEN/);
    expect(remove.slice(0, 2)).toEqual([expect.stringMatching(/^gantry reset/), 'apt-get purge --yes gantry']);
  });

  it.each(
    [...firstMachine, ...furtherMachine, ...remove].filter(line => line.startsWith('gantry ')).map(line => [line]),
  )('names commands and flags that there are: %s', line => {
    const { command, flags } = resolve(line);
    expect(command).toBeDefined();
    expect(command?.options.map(({ long }) => long)).toEqual(expect.arrayContaining([...flags]));
  });
});

import { readFileSync } from 'node:fs';
import { PROJECT } from './gantry-command.ts';

/** The commands that README's section "Install" gives a new user, without comments, for each of its blocks. */
export interface InstallCommands {
  readonly firstMachine: readonly string[];
  /** The last one is `gantry join`, whose words a user takes from what `gantry init` printed. */
  readonly furtherMachine: readonly string[];
  readonly remove: readonly string[];
}

export function installCommands(): InstallCommands {
  const readme = readFileSync(`${PROJECT}/README.md`, 'utf8');
  const [section = ''] = readme.split(/^## Install$/m)[1]?.split(/^## /m) ?? [];
  const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = '']) =>
    text
      .split('\n')
      .map(line => line.replace(/ +#.*$/, ''))
      .filter(line => line !== ''),
  );
  const [firstMachine, furtherMachine, remove, ...more] = blocks;
  if (firstMachine === undefined || furtherMachine === undefined || remove === undefined || more.length > 0)
    throw new Error(`README's section "Install" has ${blocks.length} blocks of commands instead of three`);
  return { firstMachine, furtherMachine, remove };
}

import type { Command, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { describeCommand } from '../../../src/cmd/command-tree.ts';
import { completionScript, SHELLS } from '../../../src/cmd/completion.ts';
import { manPages } from '../../../src/cmd/man-page.ts';
import { program } from '../../../src/main.ts';

interface Defined {
  readonly command: Command;
  readonly path: readonly string[];
}

const isHidden = (command: Command): boolean => (command as unknown as { _hidden: boolean })._hidden === true;

/** Looked up in the definitions themselves, not in what the generators read of them. */
function defined(command: Command, above: readonly string[] = []): readonly Defined[] {
  const path = [...above, command.name()];
  const below = command.commands.filter(child => !isHidden(child));
  return [{ command, path }, ...below.flatMap(child => defined(child, path))];
}

const GANTRY = program();
const DEFINED = defined(GANTRY).filter(({ command }) => command.name() !== 'help');
const FACTS = { version: 'v1.36.0+gantry.1', date: '2026-01-02' };
const PAGES = new Map(manPages(describeCommand(GANTRY), FACTS).map(({ file, text }) => [file, text]));
const flagsOf = (command: Command): readonly Option[] => command.options.filter(option => !option.hidden);
const roff = (text: string): string => text.replaceAll('-', '\\-');

/** The part of a page that is about one command: from its heading to the next. */
function partOf(path: readonly string[]): string {
  const page = PAGES.get(path.length === 1 ? 'gantry.1' : `gantry-${path[1]}.8`) ?? '';
  if (path.length <= 2) return page;
  const begin = page.search(new RegExp(`^\\.SS "${roff(path.join(' ')).replaceAll('\\', '\\\\')}["\\s]`, 'm'));
  const rest = page.slice(begin);
  return begin < 0 ? '' : rest.slice(0, rest.slice(1).search(/^\.S[SH]/m) + 1);
}

describe('man pages', () => {
  it('are one for the program and one for each command below it', () => {
    const visible = GANTRY.commands.filter(command => !isHidden(command)).map(command => `gantry-${command.name()}.8`);
    expect([...PAGES.keys()]).toEqual(['gantry.1', ...visible]);
    expect(visible).toEqual(
      expect.arrayContaining(['gantry-init.8', 'gantry-join.8', 'gantry-run.8', 'gantry-completion.8']),
    );
  });

  it.each(DEFINED.map(each => [each.path.join(' '), each] as const))('tell of %s with its flags', (_name, each) => {
    const part = partOf(each.path);
    expect(part).toContain(roff(each.command.description().slice(1)));
    for (const option of flagsOf(each.command)) expect(part).toContain(`.B ${roff(option.flags)}\n`);
  });

  it('say defaults, choices and what must be given', () => {
    const page = PAGES.get('gantry-init.8') ?? '';
    expect(page).toContain('.B \\-\\-pod\\-network\\-cidr <cidr>\nAddresses of pods (default 10.244.0.0/16).\n');
    expect(PAGES.get('gantry-run.8')).toMatch(/\.B \\-\\-scheduler\\-kubeconfig <file>\n.*Required\.\n/);
  });

  it('take no line of text for a request of roff', () => {
    const requests = new Set([...PAGES.values()].flatMap(text => text.match(/^[.'][^ \n]*/gm) ?? []));
    expect([...requests].sort()).toEqual(['.B', '.BR', '.PP', '.RE', '.RS', '.SH', '.SS', '.TH', '.TP', '.fi', '.nf']);
  });

  it('leave hidden commands out', () => {
    expect([...PAGES.values()].join('')).not.toContain(roff('unpack-layers'));
  });
});

describe.each(SHELLS)('the completion for %s', shell => {
  const script = completionScript(describeCommand(GANTRY), shell);
  const spelling: Readonly<Record<typeof shell, (option: Option) => readonly string[]>> = {
    bash: ({ short, long }) => [short, long].filter(name => name !== undefined),
    zsh: ({ short, long }) => [short, long].filter(name => name !== undefined).map(name => `${name}[`),
    fish: ({ short, long }) => [
      ...(short === undefined ? [] : [`-s ${short.slice(1)} `]),
      ...(long === undefined ? [] : [`-l ${long.slice(2)} `]),
    ],
  };
  const about: Readonly<Record<typeof shell, (path: readonly string[]) => string>> = {
    bash: path =>
      script
        .slice(script.lastIndexOf('case $path in'))
        .split('\n')
        .find(line => line.trim().startsWith(`'${path.join(' ')}')`)) ?? '',
    zsh: path => script.split(`\n_${path.join('_').replaceAll('-', '_')}() {`)[1]?.split('\n}\n')[0] ?? '',
    fish: path =>
      script
        .split('\n')
        .filter(line => line.includes(`__gantry_at "${path.join(' ')}"`))
        .map(line => `${line} `)
        .join('\n'),
  };

  it.each(DEFINED.map(each => [each.path.join(' '), each] as const))(
    'knows %s and its flags',
    (_name, { command, path }) => {
      const part = about[shell](path);
      for (const child of command.commands.filter(each => !isHidden(each))) expect(part).toContain(child.name());
      for (const option of flagsOf(command)) for (const text of spelling[shell](option)) expect(part).toContain(text);
    },
  );
});

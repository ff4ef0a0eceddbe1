import { Command } from 'commander';
import { expect, test } from 'vitest';
import { joinOptions } from '../../../src/cmd/join-options.ts';
import { program } from '../../../src/main.ts';

const A = `sha256:${'a'.repeat(64)}`;
const B = `sha256:${'b'.repeat(64)}`;
const FLAG = '--discovery-token-ca-cert-hash';

function parse(...words: string[]): { endpoint: string | undefined; hashes: readonly string[] } {
  const command = joinOptions(new Command('join'));
  command.parse(words, { from: 'user' });
  const [endpoint] = command.args;
  return { endpoint, hashes: command.opts()['discoveryTokenCaCertHash'] };
}

test.each([
  ['the address first', ['m:6443', '--token', 't', FLAG, A], [A]],
  ['the address last, as kubeadm takes it', ['--token', 't', FLAG, A, 'm:6443'], [A]],
  ['two pins apart by a comma', [FLAG, `${A},${B}`, 'm:6443'], [A, B]],
  ['the flag again', [FLAG, A, FLAG, B, 'm:6443'], [A, B]],
])('the pins of a CA: %s', (_, words, hashes) => {
  expect(parse(...words)).toEqual({ endpoint: 'm:6443', hashes });
});

test('no flag of a command with arguments takes words until the next flag: it would take the arguments', () => {
  const greedy = (command: Command): string[] => [
    ...(command.registeredArguments.length === 0
      ? []
      : command.options.filter(({ variadic }) => variadic).map(({ flags }) => `${command.name()} ${flags}`)),
    ...command.commands.flatMap(each => greedy(each)),
  ];
  expect(greedy(program())).toEqual([]);
});

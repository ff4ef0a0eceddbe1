import { describe, expect, it } from 'vitest';
import { isEmptyTable, oneLine } from '../../../src/linux/nft.ts';

describe('oneLine', () => {
  it('keeps the reason and the command, without the marks under it', () => {
    const text =
      '<cmdline>:1:15-18: Error: No such file or directory\nadd rule inet nope c accept\n              ^^^^\n';
    expect(oneLine(text)).toBe('No such file or directory: add rule inet nope c accept');
  });
});

describe('an empty table', () => {
  const chain = 'chain INPUT {\n\t\ttype filter hook input priority filter; policy accept;\n\t}';
  it.each([
    ['without anything', 'table ip nat {\n}\n', true],
    ['with a chain at a hook', `table ip filter {\n\t${chain}\n}\n`, true],
    [
      'with the warning of iptables',
      `# Warning: table ip filter is managed by iptables-nft, do not touch!\ntable ip filter {\n\t${chain}\n}\n`,
      true,
    ],
    ['with a rule', `table ip filter {\n\t${chain.replace('accept;\n', 'accept;\n\t\tcounter drop\n')}\n}\n`, false],
    ['that drops by its policy', `table ip filter {\n\t${chain.replace('policy accept', 'policy drop')}\n}\n`, false],
    ['with a set', 'table ip filter {\n\tset s {\n\t\ttype ipv4_addr\n\t}\n}\n', false],
  ])('is or is not one %s', (_what, text, expected) => {
    expect(isEmptyTable(text)).toBe(expected);
  });
});

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** What /usr/bin/gantry would give the program, with these variables of a caller who ignores SIGHUP. */
function given(variables: Readonly<Record<string, string>>): readonly string[] {
  const script = readFileSync('packaging/gantry', 'utf8').replace(/^exec .*$/m, 'exec env');
  const env = { PATH: process.env['PATH'] ?? '', ...variables };
  return execFileSync('sh', ['-c', `trap '' HUP; exec sh -c "$0"`, script], { env, encoding: 'utf8' }).split('\n');
}

describe('the launcher', () => {
  it('leaves the variables of its caller what they are', () => {
    const variables = { name: 'web', mask: '255', HOME: '/root' };
    expect(given(variables)).toEqual(expect.arrayContaining(['name=web', 'mask=255', 'HOME=/root']));
  });

  it('tells which signals its caller ignores', () => {
    const mask = given({}).find(line => line.startsWith('GANTRY_IGNORED_SIGNALS='));
    expect(BigInt(`0x${mask?.split('=')[1]}`) & 1n).toBe(1n);
  });

  it('tells nothing else', () => {
    expect(given({}).filter(line => /gantry/i.test(line.split('=')[0] ?? ''))).toHaveLength(1);
  });
});

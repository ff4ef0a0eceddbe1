import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { environmentFile, unitArguments } from '../../../src/bootstrap/daemons/environment-file.ts';
import { nodeUnits } from '../../../src/bootstrap/daemons/node.ts';
import { controlPlaneUnit, etcdUnit } from '../../../src/bootstrap/daemons/plan.ts';
import { filesBelow } from '../../../src/bootstrap/files.ts';
import { initSettings } from './init-settings.ts';

const GANTRY = ['/usr/lib/gantry/node', '/usr/lib/gantry/gantry.mjs'];

/** What systemd reads out of the value of a double-quoted assignment (parse_env_file of its env-file.c). */
function readValue(file: string): string {
  const quoted = /^GANTRY_ARGS="([\s\S]*)"\n$/m.exec(file)?.[1] ?? '';
  return quoted.replaceAll(/\\(["\\`$])/g, '$1');
}

/** What it makes of a variable that is a word of its own in ExecStart: words as extract_first_word() of extract-word.c takes them, quotes off. */
function splitWords(value: string): string[] {
  const words: string[] = [];
  const word = /\s*((?:"(?:\\[\s\S]|[^"\\])*"|\\[\s\S]|[^\s"\\])+)/y;
  for (let match = word.exec(value); match !== null; match = word.exec(value))
    words.push((match[1] ?? '').replaceAll(/\\([\s\S])|"/g, (_all, escaped: string | undefined) => escaped ?? ''));
  return words;
}

describe('unitArguments', () => {
  const settings = initSettings();
  const files = filesBelow('/');

  it('is what stands after the words of the unit, for each unit', () => {
    const units = [
      etcdUnit(settings, files),
      controlPlaneUnit(settings, files, GANTRY),
      ...nodeUnits(
        { nodeName: 'one', addresses: ['192.0.2.1'], labels: {}, taints: [] },
        settings.cluster,
        files,
        GANTRY,
        '',
      ),
    ];
    expect(units.map(unit => [unit.name, unitArguments(unit)[0]])).toEqual([
      ['gantry-etcd', `--name=${settings.nodeName}`],
      ['gantry-control-plane', `--advertise-address=${settings.advertiseAddress}`],
      ['gantry-cri', undefined],
      ['gantry-node', '--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf'],
    ]);
  });

  it.each([
    [{ name: 'sshd', argv: ['sshd'] }, 'there is no unit sshd.service'],
    [{ name: 'gantry-cri', argv: [...GANTRY, 'run', 'node'] }, 'gantry-cri.service runs "gantry run cri"'],
    [{ name: 'gantry-node', argv: ['node'] }, 'gantry-node.service runs "gantry run node"'],
  ])('refuses a command that no unit or another one runs: %j', (unit, message) => {
    expect(() => unitArguments(unit)).toThrow(message);
  });
});

describe('environmentFile', () => {
  it('leaves usual flags as they are, so that people can read them', () => {
    expect(
      environmentFile(['--name=one', '--listen=https://[::1]:2379,https://192.0.2.1:2379', '--controllers=*,-job']),
    ).toBe(
      '# Written by gantry init and gantry join. Further arguments go into /etc/default, as GANTRY_EXTRA_ARGS.\n' +
        'GANTRY_ARGS="--name=one --listen=https://[::1]:2379,https://192.0.2.1:2379 --controllers=*,-job"\n',
    );
  });

  it.each([
    ['a blank', 'a b', String.raw`\"a b\"`],
    ['a double quote', 'a"b', String.raw`\"a\\\"b\"`],
    ['a single quote', "a'b", String.raw`\"a'b\"`],
    ['a backslash', String.raw`a\b`, String.raw`\"a\\\\b\"`],
    ['a dollar', 'a$HOME', String.raw`\"a\$HOME\"`],
    ['nothing', '', String.raw`\"\"`],
    ['a line break', 'a\nb', '\\"a\nb\\"'],
  ])('quotes a word with %s', (_what, word, value) => {
    expect(environmentFile([word]).split('\n').slice(1).join('\n')).toBe(`GANTRY_ARGS="${value}"\n`);
  });

  it('changes with the configuration that is read beside it', () => {
    const lines = environmentFile(['--a'], 'sha256:1').split('\n');
    expect(lines.slice(1)).toEqual(['# Its configuration: sha256:1', 'GANTRY_ARGS="--a"', '']);
  });

  it('refuses a control character, for which systemd would drop all of it', () => {
    expect(() => environmentFile(['a\u0007b'])).toThrow('has a control character');
  });

  it('comes back as the same words', () => {
    const word = fc.string({ unit: fc.constantFrom(...'ab "\'\\$`%;#*\t\n=-é'), maxLength: 12 });
    fc.assert(
      fc.property(fc.array(word), words => {
        expect(splitWords(readValue(environmentFile(words)))).toEqual(words);
      }),
      { seed: 7, numRuns: 2000 },
    );
  });
});

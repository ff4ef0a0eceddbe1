import { expect, test } from 'vitest';
import { commandWords, environmentVariables, flagValue } from '../../../src/bootstrap/daemons/command-words.ts';
import { environmentFile } from '../../../src/bootstrap/daemons/environment-file.ts';

const words = (text: string, argv = ['run', '$GANTRY_ARGS', '$GANTRY_EXTRA_ARGS']) =>
  commandWords(argv, environmentVariables(text));

test('the words of a unit are those that init has decided', () => {
  const args = ['--a=b', '', 'a b', 'q"q', "s's", 'b\\b', '$HOME `id`', '%n %%', 'a\nb', '\t', 'é', '#', ';'];
  expect(words(environmentFile(args, 'sha256:0'))).toEqual(['run', ...args]);
});

test.each([
  ['GANTRY_EXTRA_ARGS=--root-dir=/data/kubelet', ['--root-dir=/data/kubelet']],
  ['# GANTRY_EXTRA_ARGS=--x\n; y\n\nGANTRY_EXTRA_ARGS="--root-dir=/a --b"  ', ['--root-dir=/a', '--b']],
  ["GANTRY_EXTRA_ARGS='--root-dir /a'", ['--root-dir', '/a']],
  ['GANTRY_EXTRA_ARGS=--a \\\n  --b', ['--a', '--b']],
  [`GANTRY_EXTRA_ARGS='"--a=x y"'`, ['--a=x y']],
  ['GANTRY_EXTRA_ARGS=--a\nGANTRY_EXTRA_ARGS=--b\n', ['--b']],
  ['export x\n=\nOTHER=--a', []],
  ['GANTRY_EXTRA_ARGS="--a', []],
])('%j is read as systemd reads it', (text, expected) => {
  expect(words(text)).toEqual(['run', ...expected]);
});

test('a variable in braces is a part of one word', () => {
  expect(words('A=x y', ['--a=\x24{A}/b', '\x24{B}', '$B'])).toEqual(['--a=x y/b', '']);
});

test('the last of several flags counts, whatever stands before its value', () => {
  expect(flagValue(['--root-dir=/a', '--root-dir', '/b', '--root-dirs=/c'], 'root-dir')).toBe('/b');
  expect(flagValue(['--root'], 'root-dir')).toBeUndefined();
});

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeAtomically } from '../../../../src/kubelet/volumes/atomic-writer.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/gantry-atomic-`);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const write = (files: Readonly<Record<string, string>>, mode = 0o644): void =>
  writeAtomically({
    directory,
    payload: new Map(Object.entries(files).map(([path, text]) => [path, { data: Buffer.from(text), mode }])),
    group: undefined,
    now: NOW,
  });
const read = (path: string): string => readFileSync(`${directory}/${path}`, 'utf8');
const names = (): string[] => readdirSync(directory).sort();
const version = (): string => readlinkSync(`${directory}/..data`);

describe('writeAtomically', () => {
  it('lays files out as upstream does: links into ..data, which is a link to a version named by time', () => {
    write({ a: '1', 'sub/b': '2', 'sub/deep/c': '3' });
    expect(version()).toMatch(/^\.\.2026_01_02_03_04_05\.\w+$/);
    expect(names()).toEqual(['..data', version(), 'a', 'sub'].sort());
    expect([readlinkSync(`${directory}/a`), readlinkSync(`${directory}/sub`)]).toEqual(['..data/a', '..data/sub']);
    expect([read('a'), read('sub/b'), read('sub/deep/c')]).toEqual(['1', '2', '3']);
  });

  it('gives files the modes they shall have, whatever the umask is', () => {
    write({ a: '1' }, 0o4666);
    expect(statSync(`${directory}/a`).mode & 0o7777).toBe(0o4666);
    expect(statSync(`${directory}/${version()}`).mode & 0o7777).toBe(0o755);
  });

  it('writes nothing where all is as it shall be', () => {
    write({ a: '1', 'sub/b': '2' });
    const before = version();
    write({ a: '1', 'sub/b': '2' });
    expect(version()).toBe(before);
  });

  it.each<[Readonly<Record<string, string>>, readonly string[], string]>([
    [{ a: '2' }, ['a'], 'changed'],
    [{ a: '1', b: '' }, ['a', 'b'], 'came'],
    [{}, [], 'went'],
    [{ 'a/b': '1' }, ['a'], 'became a directory'],
  ])('replaces the version when it is to be %j: a file %s', (files, expected) => {
    write({ a: '1' });
    const before = version();
    write(files);
    expect(version()).not.toBe(before);
    expect(names()).toEqual(['..data', version(), ...expected].sort());
  });

  it('cleans paths', () => {
    write({ './a//b': '1' });
    write({ 'a/b': '1' });
    expect(read('a/b')).toBe('1');
  });

  it.each([
    ['', 'must not be empty'],
    ['/a', 'must be relative path: /a'],
    ['a/../b', "must not contain '..'"],
    ['..', "must not contain '..'"],
    ['..a/b', "must not start with '..'"],
    [`${'x'.repeat(256)}/a`, 'filenames must be less than or equal to 255'],
    [`${'x/'.repeat(2049)}a`, 'must be less than or equal to 4096'],
  ])('refuses the path %j and changes nothing', (path, message) => {
    write({ a: '1' });
    const before = names();
    expect(() => write({ b: '2', [path]: '3' })).toThrow(message);
    expect(names()).toEqual(before);
  });

  it('leaves what others made in the volume, like a directory for a mount', () => {
    mkdirSync(`${directory}/point`);
    symlinkSync('/elsewhere', `${directory}/link`);
    write({ a: '1' });
    write({ b: '1' });
    expect(names()).toEqual(['..data', version(), 'b', 'link', 'point'].sort());
  });

  it('removes what a crash left over, at whichever line it was', () => {
    write({ a: '1' });
    mkdirSync(`${directory}/..2025_01_01_00_00_00.half`);
    writeFileSync(`${directory}/..2025_01_01_00_00_00.half/a`, 'half');
    symlinkSync('..2025_01_01_00_00_00.half', `${directory}/..data_tmp`);
    symlinkSync('..data/gone', `${directory}/gone`);
    write({ a: '2' });
    expect(names()).toEqual(['..data', version(), 'a'].sort());
    expect(read('a')).toBe('2');
    expect(existsSync(`${directory}/gone`)).toBe(false);
  });

  it('writes anew where the version that ..data names is gone', () => {
    symlinkSync('..nothing', `${directory}/..data`);
    write({ a: '1' });
    expect(read('a')).toBe('1');
  });

  it.runIf(process.getuid?.() === 0)('lets the group read all of it', () => {
    writeAtomically({
      directory,
      payload: new Map([
        ['a', { data: Buffer.from('1'), mode: 0o600, user: 1234 }],
        ['sub/b', { data: Buffer.from('2'), mode: 0o400 }],
      ]),
      group: 2000,
      now: NOW,
    });
    const shown = ['a', 'sub/b', 'sub', '..data/', ''].map(path => {
      const { mode, uid, gid } = statSync(`${directory}/${path}`);
      return `${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
    });
    expect(shown).toEqual(['640 1234:2000', '440 0:2000', '2755 0:2000', '2755 0:2000', '2750 0:2000']);
  });
});

import { linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unitPath } from '../../../src/bootstrap/configuration/field-rules.ts';
import { isWithin, placeNames, realPlace } from '../../../src/linux/real-place.ts';

describe('where a path really is', () => {
  let top = '';
  beforeAll(() => {
    top = realpathSync(mkdtempSync(join(tmpdir(), 'gantry-real-')));
    mkdirSync(join(top, 'disk'));
    symlinkSync(join(top, 'disk'), join(top, 'link'));
    symlinkSync('/root', join(top, 'home'));
  });
  afterAll(() => rmSync(top, { recursive: true }));

  it('is found of what is there, and of what is not yet', () => {
    expect(realPlace(join(top, 'link/'))).toBe(join(top, 'disk'));
    expect(realPlace(join(top, 'link/a/../b/c'))).toBe(join(top, 'disk/b/c'));
    expect(realPlace('/')).toBe('/');
  });

  it('decides what is within a directory, by either name', () => {
    expect(isWithin(join(top, 'link/a'), join(top, 'disk'))).toBe(true);
    expect(isWithin(join(top, 'disk/a'), join(top, 'link'))).toBe(true);
    expect(isWithin(join(top, 'disk2'), join(top, 'disk'))).toBe(false);
    expect(isWithin('/a', '/')).toBe(true);
  });

  it('decides what a unit sees', () => {
    expect(unitPath('certificatesDir', join(top, 'home/pki'))).toMatchObject([
      { detail: expect.stringContaining('do not see /root of this machine') },
    ]);
  });
});

describe('two paths', () => {
  let top = '';
  beforeAll(() => {
    top = realpathSync(mkdtempSync(join(tmpdir(), 'gantry-place-')));
    for (const name of ['node', 'other']) mkdirSync(join(top, name));
    writeFileSync(join(top, 'node/file'), '');
    linkSync(join(top, 'node/file'), join(top, 'other/hard'));
    symlinkSync(join(top, 'node'), join(top, 'link'));
    symlinkSync('../node/new', join(top, 'other/new'));
    symlinkSync(join(top, 'node/pki'), join(top, 'later'));
    symlinkSync('loop', join(top, 'loop'));
    symlinkSync('gone/../circle', join(top, 'circle'));
  });
  afterAll(() => rmSync(top, { recursive: true }));
  const isOne = (a: string, b: string, identity?: (directory: string) => string | undefined): boolean => {
    const names = placeNames(join(top, a), identity);
    return placeNames(join(top, b), identity).some(name => names.includes(name));
  };

  it.each([
    ['by a link to a directory', 'node/file', 'link/file', true],
    ['where nothing is there yet', 'node/pki/ca.crt', 'link/pki/ca.crt', true],
    ['by a link to what is not there yet', 'node/new', 'other/new', true],
    ['by a link to a directory that is not there yet', 'node/pki/ca.crt', 'later/ca.crt', true],
    ['not by a hard link, which another file may take the place of', 'node/file', 'other/hard', false],
    ['not by a name that is the same', 'node/ca.crt', 'other/ca.crt', false],
    ['not by links that lead nowhere', 'loop/ca.crt', 'circle/ca.crt', false],
  ])('lead to one place %s', (_, a, b, expected) => {
    expect(isOne(a, b)).toBe(expected);
  });

  it.each([
    ['of a directory', 'bind', 'node/pki', true],
    ['of one above, though nothing else is there yet', 'bind', 'node', true],
    ['but for what is in other directories of it', 'bind', 'node/etcd', false],
  ])('lead to one place by a bind mount %s', (_, target, source, expected) => {
    const mounted = (directory: string) => (directory === join(top, target) ? join(top, source) : directory);
    const rest = source === 'node' ? 'pki/ca.crt' : 'ca.crt';
    expect(isOne('node/pki/ca.crt', `${target}/${rest}`, mounted)).toBe(expected);
  });
});

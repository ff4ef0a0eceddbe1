import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unitPath } from '../../../src/bootstrap/configuration/field-rules.ts';
import { isWithin, realPlace } from '../../../src/linux/real-place.ts';

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

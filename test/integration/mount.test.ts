import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { bindMount, mountOverlay, readMountinfo, unmount } from '../../src/linux/mount.ts';
import { runDirectory } from '../harness/run-id.ts';

describe('mounts', () => {
  const base = runDirectory('mount');
  const target = join(base, 'target');

  afterEach(() => {
    unmount(target, { lazy: true });
    rmSync(base, { recursive: true, force: true });
  });

  it('stack more layers than one page of options holds, topmost first', () => {
    const lower = Array.from({ length: 60 }, (_, index) => join(base, 'layers', `${index}`.padStart(60, '0')));
    for (const [index, layer] of lower.entries()) {
      mkdirSync(layer, { recursive: true });
      writeFileSync(join(layer, 'depth'), String(index));
      writeFileSync(join(layer, `only-${index}`), '');
    }
    const [upper, work] = [join(base, 'upper'), join(base, 'work')];
    for (const directory of [upper, work, target]) mkdirSync(directory);
    const before = process.cwd();
    mountOverlay(target, { lower, upper, work });
    expect(process.cwd()).toBe(before);
    expect(readFileSync(join(target, 'depth'), 'utf8')).toBe('0');
    expect(readFileSync(join(target, 'only-59'), 'utf8')).toBe('');
    writeFileSync(join(target, 'depth'), 'new');
    expect(readFileSync(join(upper, 'depth'), 'utf8')).toBe('new');
    expect(readMountinfo().find(row => row.target === target)?.fstype).toBe('overlay');
    unmount(target);
    unmount(target);
    expect(readMountinfo().some(row => row.target === target)).toBe(false);
  });

  it('say how many layers are too many, instead of mounting some of them', () => {
    const lower = Array.from({ length: 100 }, (_, index) => join(base, `${index}`.padStart(60, '0')));
    expect(() => mountOverlay(target, { lower, upper: undefined, work: undefined })).toThrow('100 layers are too many');
  });

  it('bind read-only', () => {
    const source = join(base, 'source');
    for (const directory of [source, target]) mkdirSync(directory, { recursive: true });
    bindMount(source, target, { readonly: true });
    expect(() => writeFileSync(join(target, 'x'), '')).toThrow('EROFS');
    writeFileSync(join(source, 'x'), 'seen');
    expect(readFileSync(join(target, 'x'), 'utf8')).toBe('seen');
  });

  it('of a path that is not there or not mounted are taken off without a word', () => {
    unmount(join(base, 'nowhere'));
    mkdirSync(target, { recursive: true });
    unmount(target);
  });
});

import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bindMount, mount, readMountinfo, unmount } from '../../src/linux/mount.ts';
import { removeTree } from '../../src/linux/remove-tree.ts';
import { runDirectory } from '../harness/run-id.ts';

const base = runDirectory('remove-tree');
const tree = join(base, 'tree');
const elsewhere = join(base, 'elsewhere');

beforeEach(() => {
  for (const directory of [join(tree, 'a/b'), elsewhere]) mkdirSync(directory, { recursive: true });
  writeFileSync(join(tree, 'a/b/file'), '');
  writeFileSync(join(elsewhere, 'precious'), 'data');
});
afterEach(() => {
  const below = readMountinfo().filter(({ target }) => target.startsWith(`${base}/`));
  for (const { target } of below.toReversed()) unmount(target, { lazy: true });
  rmSync(base, { recursive: true, force: true });
});

describe('removeTree', () => {
  it('takes away a directory with all in it, and is fine with one that is gone', () => {
    expect(removeTree(tree)).toEqual({ removed: 4, left: [] });
    expect(existsSync(tree)).toBe(false);
    expect(removeTree(tree)).toEqual({ removed: 0, left: [] });
    expect(removeTree(join(tree, 'a'))).toEqual({ removed: 0, left: [] });
  });

  it('removes links and not what they lead to', () => {
    symlinkSync(elsewhere, join(tree, 'link'));
    removeTree(tree);
    expect(readFileSync(join(elsewhere, 'precious'), 'utf8')).toBe('data');
    symlinkSync(elsewhere, tree);
    removeTree(tree);
    expect(existsSync(tree)).toBe(false);
    expect(readFileSync(join(elsewhere, 'precious'), 'utf8')).toBe('data');
  });

  it.each([
    ['a bind mount of the same file system', (at: string) => bindMount(elsewhere, at)],
    ['another file system', (at: string) => mount('tmpfs', at, 'tmpfs', 0)],
  ])('leaves %s, removes all around it, and tells of it', (_what, cover) => {
    const at = join(tree, 'a/mounted');
    mkdirSync(at);
    cover(at);
    writeFileSync(join(at, 'inside'), 'kept');
    expect(removeTree(tree).left).toEqual([{ path: at, because: 'mount', code: 'EXDEV' }]);
    expect(readFileSync(join(at, 'inside'), 'utf8')).toBe('kept');
    expect(existsSync(join(tree, 'a/b'))).toBe(false);
  });

  it('leaves a file on which another one is bound', () => {
    bindMount(join(elsewhere, 'precious'), join(tree, 'a/b/file'));
    expect(removeTree(tree).left).toEqual([{ path: join(tree, 'a/b/file'), because: 'mount', code: 'EBUSY' }]);
    expect(readFileSync(join(elsewhere, 'precious'), 'utf8')).toBe('data');
  });

  it('empties a directory that is a mount itself, and leaves it', () => {
    mount('tmpfs', tree, 'tmpfs', 0);
    mkdirSync(join(tree, 'a/b'), { recursive: true });
    expect(removeTree(tree, { keepTop: true })).toEqual({ removed: 2, left: [] });
    expect(readMountinfo().some(({ target }) => target === tree)).toBe(true);
  });

  it('removes directories that are nested deeper than a path can tell', () => {
    const deep = 'd'.repeat(200);
    const before = process.cwd();
    process.chdir(tree);
    for (let depth = 0; depth < 300; depth += 1) {
      mkdirSync(deep);
      process.chdir(deep);
    }
    writeFileSync('bottom', '');
    process.chdir(before);
    expect(removeTree(tree).left).toEqual([]);
    expect(existsSync(tree)).toBe(false);
  });
});

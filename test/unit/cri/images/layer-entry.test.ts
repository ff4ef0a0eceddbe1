import { describe, expect, it } from 'vitest';
import { isLayerXattr, planEntry, unpackLimit } from '../../../../src/cri/images/layer-entry.ts';
import type { TarHeader } from '../../../../src/cri/images/tar-reader.ts';

function header(name: string, fields: Partial<TarHeader> = {}): TarHeader {
  const rest = {
    linkName: '',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 0,
    devMajor: 0,
    devMinor: 0,
    xattrs: new Map(),
  };
  return { name, type: 'file', ...rest, ...fields };
}

describe('planEntry', () => {
  const rows: readonly [string, TarHeader, unknown][] = [
    ['a plain file', header('a/b'), { kind: 'make', path: ['a', 'b'], linkTo: [] }],
    ['dots and doubled slashes fall away', header('./a//./b'), { kind: 'make', path: ['a', 'b'], linkTo: [] }],
    [
      'an absolute name starts at the root of the layer',
      header('/etc/passwd'),
      { kind: 'make', path: ['etc', 'passwd'], linkTo: [] },
    ],
    ['going up inside the layer is lexical', header('a/../b'), { kind: 'make', path: ['b'], linkTo: [] }],
    ['the root itself', header('./', { type: 'directory' }), { kind: 'make', path: [], linkTo: [] }],
    ['a whiteout', header('a/.wh.b'), { kind: 'whiteout', path: ['a', 'b'] }],
    ['an opaque directory', header('a/.wh..wh..opq'), { kind: 'opaque', path: ['a'] }],
    ['bookkeeping of aufs', header('.wh..wh.plnk/1.2'), { kind: 'skip', because: 'bookkeeping of aufs' }],
    [
      'a hard link',
      header('b', { type: 'hardlink', linkName: 'a/x' }),
      { kind: 'make', path: ['b'], linkTo: ['a', 'x'] },
    ],
    [
      'a symbolic link may say anything: it is read inside the container',
      header('l', { type: 'symlink', linkName: '../../etc' }),
      { kind: 'make', path: ['l'], linkTo: [] },
    ],
  ];
  it.each(rows)('%s', (_sentence, entry, expected) => {
    expect(planEntry(entry)).toEqual(expected);
  });

  const refused: readonly [string, TarHeader, RegExp][] = [
    ['a name above the root', header('../x'), /outside the root/],
    ['a name above the root after going down', header('a/../../x'), /outside the root/],
    ['an absolute name above the root', header('/../x'), /outside the root/],
    [
      'a hard link out of the layer',
      header('b', { type: 'hardlink', linkName: '../../etc/shadow' }),
      /outside the root/,
    ],
    ['a hard link to nothing', header('b', { type: 'hardlink', linkName: '' }), /no target/],
    ['a whiteout of the parent', header('a/.wh...'), /outside its directory/],
    ['a whiteout of the directory itself', header('a/.wh..'), /outside its directory/],
    ['a whiteout without a name', header('.wh.'), /outside its directory/],
    ['a whiteout above the root', header('../.wh.x'), /outside the root/],
    ['a file in place of the root', header('.'), /replace the root/],
    ['an empty symbolic link', header('l', { type: 'symlink' }), /no valid target/],
    ['a NUL in a name', header('a\0b'), /NUL/],
  ];
  it.each(refused)('refuses %s', (_sentence, entry, message) => {
    expect(() => planEntry(entry)).toThrow(message);
  });
});

describe('isLayerXattr', () => {
  it.each([
    ['user.mime', true],
    ['security.capability', true],
    ['system.posix_acl_access', true],
    ['trusted.overlay.opaque', false],
    ['trusted.overlay.redirect', false],
    ['user.overlay.opaque', false],
    ['security.selinux', false],
  ])('%s: %s', (name, expected) => {
    expect(isLayerXattr(name)).toBe(expected);
  });
});

describe('unpackLimit', () => {
  const limits = { ratio: 100, freeBytes: 64 << 20 };
  it.each([
    ['small layers may always unpack to the free amount', 1000, 64 << 20],
    ['large ones to the ratio', 10 << 20, 1000 << 20],
  ])('%s', (_sentence, size, expected) => {
    expect(unpackLimit(size, limits)).toBe(expected);
  });
});

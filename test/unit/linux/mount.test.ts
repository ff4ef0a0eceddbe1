import { describe, expect, it } from 'vitest';
import {
  commonDirectory,
  labelOption,
  mountHolding,
  overlayOptions,
  parseMountinfo,
} from '../../../src/linux/mount.ts';

describe('mountinfo', () => {
  it('gives propagation, escapes and both option lists', () => {
    const text =
      '36 35 98:0 /mnt1 /mnt/a\\040b rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue\n' +
      '32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n';
    expect(parseMountinfo(text)).toEqual([
      {
        id: 36,
        parentId: 35,
        device: '98:0',
        root: '/mnt1',
        target: '/mnt/a b',
        options: ['rw', 'noatime'],
        propagation: ['shared:1', 'master:2'],
        fstype: 'ext3',
        source: '/dev/root',
        superOptions: ['rw', 'errors=continue'],
      },
      {
        id: 32,
        parentId: 31,
        device: '0:29',
        root: '/',
        target: '/sys/fs/cgroup/cpu',
        options: ['rw', 'relatime'],
        propagation: [],
        fstype: 'cgroup',
        source: 'cgroup',
        superOptions: ['rw', 'cpu'],
      },
    ]);
  });
});

describe('overlay options', () => {
  it('escape what separates', () => {
    const overlay = { lower: ['/l/a:b', '/l/c,d'], upper: '/u', work: '/w' };
    expect(overlayOptions(overlay, overlay.lower, ['xino=off'])).toBe(
      'lowerdir=/l/a\\:b:/l/c\\,d,upperdir=/u,workdir=/w,xino=off',
    );
  });

  it('can be written from the directory that all layers share', () => {
    expect(commonDirectory(['/v/l/1/fs', '/v/l/22/fs'])).toBe('/v/l');
    expect(commonDirectory(['/v/a', '/w/b'])).toBe('/');
  });
});

describe('the label of a mount', () => {
  it.each(['system_u:object_r:container_file_t:s0:c1,c2', 'u:r:t:s0-s1:c0.c9,c12', 'u:r:t'])('%s is quoted', label => {
    expect(labelOption(label)).toBe(`context="${label}"`);
  });

  it.each([
    'u:r:t:s0",upperdir=/etc,workdir=/etc/w,x="',
    'u",upperdir=/etc:r:t:s0',
    'u,upperdir=/etc:r:t:s0',
    'u:r:t:s0\n',
    'u:r:t:s0\\"',
    'u:r t:t:s0',
    'u:r',
    '',
  ])('%j is refused', label => {
    expect(() => labelOption(label)).toThrow('is none that a mount can have');
  });
});

describe('the mount that holds a path', () => {
  const rows = parseMountinfo(
    ['/', '/srv', '/srv/a', '/srv'].map((target, id) => `${id} 0 8:1 / ${target} rw - ext4 /dev/${id} rw`).join('\n'),
  );
  it.each([
    ['/etc', 0],
    ['/srvx', 0],
    ['/srv/a/b', 2],
    ['/srv/b', 3],
    ['/srv', 3],
  ])('is the nearest above it, the last one there: %s', (path, id) => {
    expect(mountHolding(path, rows)?.id).toBe(id);
  });
});

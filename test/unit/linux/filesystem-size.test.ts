import { expect, it } from 'vitest';
import { sourceInMountinfo } from '../../../src/linux/filesystem-size.ts';

const MOUNTINFO = [
  '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
  '23 22 0:21 / /run rw - tmpfs tmpfs rw,size=1k',
  '',
].join('\n');

it.each([
  [8, 1, '/dev/sda1'],
  [0, 21, 'tmpfs'],
  [8, 11, undefined],
])('a device %i:%i is mounted from %s', (major, minor, source) => {
  expect(sourceInMountinfo(MOUNTINFO, major, minor)).toBe(source);
});

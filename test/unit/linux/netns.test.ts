import { describe, expect, it } from 'vitest';
import { isOnSharedMount } from '../../../src/linux/netns.ts';

const rows = [
  '22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw',
  '30 22 0:26 / /run rw,nosuid - tmpfs tmpfs rw',
  '41 30 0:26 /netns /run/netns rw,nosuid shared:7 master:2 - tmpfs tmpfs rw',
  '42 30 0:26 /a\\040b /run/a\\040b rw shared:9 - tmpfs tmpfs rw',
].join('\n');

describe('isOnSharedMount', () => {
  it.each([
    ['/var/lib', true, 'the root mount is shared'],
    ['/run/gantry', false, 'a private tmpfs covers the shared root'],
    ['/run/netns', true, 'the folder is itself a shared mount'],
    ['/run/netns2', false, 'a name that only begins like a mount point is not inside it'],
    ['/run/a b', true, 'escaped blanks in mount points are decoded'],
  ])('%s -> %s: %s', (folder, expected) => {
    expect(isOnSharedMount(rows, folder)).toBe(expected);
  });
});

import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { replaceFileAtomic } from '../../../src/linux/replace-file.ts';
import { getXattr, setXattr } from '../../../src/linux/xattr.ts';

const ACCESS = 'system.posix_acl_access';
const DEFAULT = 'system.posix_acl_default';
const TAGS = { owner: 1, user: 2, group: 4, mask: 0x10, other: 0x20 };
const NOBODY = 0xffffffff;

/** As the kernel has it: version 2, then tag, permissions and id of each entry. */
function acl(...entries: readonly (readonly [tag: keyof typeof TAGS, permissions: number, id?: number])[]): Buffer {
  const bytes = Buffer.alloc(4 + 8 * entries.length);
  bytes.writeUInt32LE(2, 0);
  for (const [index, [tag, permissions, id = NOBODY]] of entries.entries()) {
    bytes.writeUInt16LE(TAGS[tag], 4 + 8 * index);
    bytes.writeUInt16LE(permissions, 6 + 8 * index);
    bytes.writeUInt32LE(id, 8 + 8 * index);
  }
  return bytes;
}

/** `u::rw-, u:4243:r--, g::---, m::r--, o::---`: the one user may read, and the group of the file may not, whatever `ls` shows of it. */
const ONE_READER = acl(['owner', 6], ['user', 4, 4243], ['group', 0], ['mask', 4], ['other', 0]);
const [OWNER, READER, GROUP, STRANGER] = [4242, 4243, 4244, 4245];

let folder: string;
let path: string;
const probe = mkdtempSync(join(tmpdir(), 'acl-'));
const hasAcls = setXattr(probe, ACCESS, acl(['owner', 7], ['group', 5], ['other', 5]));
rmSync(probe, { recursive: true });
const isRoot = process.getuid?.() === 0;
const lacking = hasAcls ? '' : ` (skipped: the file system of ${tmpdir()} has no ACLs)`;
const lackingRoot = isRoot ? lacking : ' (skipped: it takes root to be others)';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'replace-'));
  chmodSync(folder, 0o755);
});
beforeEach(() => {
  path = join(folder, 'admin.conf');
  rmSync(path, { force: true });
  writeFileSync(path, 'old', { mode: 0o600 });
});
afterAll(() => rmSync(folder, { recursive: true }));

const modeOf = (file: string): number => statSync(file).mode & 0o7777;
/** Whether it is read by who has no other rights than by this user and group. */
const reads = (uid: number, gid: number): boolean => spawnSync('cat', [path], { uid, gid }).status === 0;

describe('a file that another takes the place of', () => {
  it('keeps its mode where it has no ACL', () => {
    chmodSync(path, 0o640);
    replaceFileAtomic(path, 'new');
    expect([modeOf(path), getXattr(path, ACCESS)]).toEqual([0o640, undefined]);
  });

  it.skipIf(!hasAcls)(`keeps its ACL${lacking}`, () => {
    expect(setXattr(path, ACCESS, ONE_READER)).toBe(true);
    expect(modeOf(path)).toBe(0o640);
    replaceFileAtomic(path, 'new');
    expect(getXattr(path, ACCESS)).toEqual(ONE_READER);
    expect(modeOf(path)).toBe(0o640);
  });

  it.skipIf(!hasAcls || !isRoot)(`is read by whom its ACL names, and by no others${lackingRoot}`, () => {
    chownSync(path, OWNER, GROUP);
    expect(setXattr(path, ACCESS, ONE_READER)).toBe(true);
    const readers = () => [
      reads(OWNER, OWNER),
      reads(READER, READER),
      reads(STRANGER, GROUP),
      reads(STRANGER, STRANGER),
    ];
    expect(readers()).toEqual([true, true, false, false]);
    replaceFileAtomic(path, 'new');
    expect(readers()).toEqual([true, true, false, false]);
    const { uid, gid } = statSync(path);
    expect([uid, gid, getXattr(path, ACCESS)]).toEqual([OWNER, GROUP, ONE_READER]);
  });

  it.skipIf(!hasAcls)(`gets no ACL that new files in its directory have${lacking}`, () => {
    const shared = join(folder, 'shared');
    mkdirSync(shared);
    const file = join(shared, 'ca.crt');
    writeFileSync(file, 'old');
    chmodSync(file, 0o640);
    const byDefault = acl(['owner', 7], ['user', 7, READER], ['group', 7], ['mask', 7], ['other', 0]);
    expect(setXattr(shared, DEFAULT, byDefault)).toBe(true);
    replaceFileAtomic(file, 'new');
    expect([modeOf(file), getXattr(file, ACCESS)]).toEqual([0o640, undefined]);
  });
});

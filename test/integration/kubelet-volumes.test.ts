import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { applyVolumes as apply } from '../../src/kubelet/volumes/apply.ts';
import { emptyDirPath, type VolumeStep } from '../../src/kubelet/volumes/plan.ts';
import { removeDirectory, removeVolumes } from '../../src/kubelet/volumes/remove.ts';
import { bindSubPath } from '../../src/kubelet/volumes/subpath.ts';
import { mount, readMountinfo, unmount } from '../../src/linux/mount.ts';

let podDir = '';
const mounts = (): string[] =>
  readMountinfo()
    .map(row => row.target)
    .filter(t => t.startsWith(podDir));

beforeEach(() => {
  podDir = mkdtempSync(`${tmpdir()}/gantry-volumes-`);
});
afterEach(() => {
  for (const target of mounts().reverse()) unmount(target, { lazy: true });
  rmSync(podDir, { recursive: true, force: true });
});

const emptyDir = (volume: string, more: object = {}) =>
  ({
    kind: 'empty-dir',
    volume,
    path: emptyDirPath(podDir, volume),
    tmpfs: undefined,
    group: undefined,
    ...more,
  }) as const;

const applyVolumes = (steps: readonly VolumeStep[]): Promise<void> =>
  apply(steps, { payload: async () => new Map(), now: () => 0, onFailure: () => {} });

describe('volumes on a real kernel', () => {
  it('makes empty directories that any user may write, in memory where asked, and again without losing content', async () => {
    const steps = [emptyDir('disk', { group: 2000 }), emptyDir('mem', { tmpfs: { sizeBytes: 1 << 20 } })];
    await applyVolumes(steps);
    writeFileSync(`${emptyDirPath(podDir, 'mem')}/kept`, 'x');
    await applyVolumes(steps);
    expect(readFileSync(`${emptyDirPath(podDir, 'mem')}/kept`, 'utf8')).toBe('x');
    expect(mounts()).toEqual([emptyDirPath(podDir, 'mem')]);
    const disk = statSync(emptyDirPath(podDir, 'disk'));
    expect([disk.mode & 0o7777, disk.gid]).toEqual([0o2777, 2000]);
    expect(statSync(emptyDirPath(podDir, 'mem')).mode & 0o7777).toBe(0o1777);
    expect(() => writeFileSync(`${emptyDirPath(podDir, 'mem')}/big`, Buffer.alloc(2 << 20))).toThrow('ENOSPC');
  });

  it('leaves an empty directory to its pod, whatever owner and mode that gave it', async () => {
    const steps = [
      emptyDir('disk', { group: 2000 }),
      emptyDir('mem', { group: 2000, tmpfs: { sizeBytes: 1 << 20 } }),
      emptyDir('own'),
    ];
    const shown = (volume: string): number[] => {
      const { mode, uid, gid } = statSync(emptyDirPath(podDir, volume));
      return [mode & 0o7777, uid, gid];
    };
    // what was begun by a kubelet that was ended meanwhile
    mkdirSync(`${podDir}/volumes/kubernetes.io~empty-dir/.own`, { recursive: true, mode: 0o700 });
    await applyVolumes(steps);
    expect([shown('disk'), shown('mem'), shown('own')]).toEqual([
      [0o2777, 0, 2000],
      [0o3777, 0, 2000],
      [0o777, 0, 0],
    ]);
    for (const volume of ['disk', 'mem', 'own']) {
      chownSync(emptyDirPath(podDir, volume), 999, 999);
      chmodSync(emptyDirPath(podDir, volume), 0o700);
    }
    await applyVolumes(steps);
    for (const volume of ['disk', 'mem', 'own']) expect(shown(volume)).toEqual([0o700, 999, 999]);
  });

  it.each([
    ['Directory', 'file', 'it is something else'],
    ['File', 'nothing', 'it does not exist'],
    ['Socket', 'file', 'it is something else'],
    ['FileOrCreate', 'no/such/dir/file', 'its directory does not exist'],
  ] as const)('refuses a hostPath of type %s at %s: %s', async (type, name, because) => {
    writeFileSync(`${podDir}/file`, '');
    await expect(applyVolumes([{ kind: 'host-path', volume: 'v', path: `${podDir}/${name}`, type }])).rejects.toThrow(
      because,
    );
  });

  it('makes what a hostPath of an OrCreate type lacks', async () => {
    await applyVolumes([
      { kind: 'host-path', volume: 'd', path: `${podDir}/a/b`, type: 'DirectoryOrCreate' },
      { kind: 'host-path', volume: 'f', path: `${podDir}/a/f`, type: 'FileOrCreate' },
    ]);
    expect([statSync(`${podDir}/a/b`).isDirectory(), statSync(`${podDir}/a/f`).isFile()]).toEqual([true, true]);
  });

  it('binds a sub-path, makes what is missing of it, and replaces an earlier bind', () => {
    const root = `${podDir}/v`;
    const target = `${podDir}/volume-subpaths/v/c/0`;
    mkdirSync(root);
    const sub = { root, path: 'a/b', readOnly: false, target };
    bindSubPath(sub);
    bindSubPath(sub);
    writeFileSync(`${target}/f`, 'seen');
    expect(readFileSync(`${root}/a/b/f`, 'utf8')).toBe('seen');
    expect(mounts()).toEqual([target]);
  });

  it('gives what it makes of a sub-path the mode and the group of the volume, whatever the umask is', () => {
    const root = `${podDir}/v`;
    mkdirSync(root);
    chownSync(root, 0, 2000);
    chmodSync(root, 0o3777);
    bindSubPath({ root, path: 'a/b', readOnly: false, target: `${podDir}/volume-subpaths/v/c/0` });
    const shown = ['a', 'a/b'].map(path => statSync(`${root}/${path}`)).map(s => [s.mode & 0o7777, s.uid, s.gid]);
    expect(shown).toEqual([
      [0o3777, 0, 2000],
      [0o3777, 0, 2000],
    ]);
  });

  it('binds a single file', () => {
    mkdirSync(`${podDir}/v`);
    writeFileSync(`${podDir}/v/f`, 'one');
    const target = `${podDir}/volume-subpaths/v/c/1`;
    bindSubPath({ root: `${podDir}/v`, path: 'f', readOnly: false, target });
    expect(readFileSync(target, 'utf8')).toBe('one');
  });

  it.each([
    ['../out', 'dot segments'],
    ['/etc', 'an absolute path'],
    ['link', 'a link out of the volume'],
    ['link/deeper', 'a path through such a link'],
    ['dangling', 'a link that leads nowhere'],
  ])('refuses the sub-path %s: %s', path => {
    mkdirSync(`${podDir}/v`);
    symlinkSync('/etc', `${podDir}/v/link`);
    symlinkSync('/no/such/place', `${podDir}/v/dangling`);
    expect(() =>
      bindSubPath({ root: `${podDir}/v`, path, readOnly: false, target: `${podDir}/volume-subpaths/v/c/0` }),
    ).toThrow('does not stay inside its volume');
    expect(mounts()).toEqual([]);
  });

  it('follows a link that stays inside the volume', () => {
    mkdirSync(`${podDir}/v/real`, { recursive: true });
    symlinkSync('real', `${podDir}/v/link`);
    const target = `${podDir}/volume-subpaths/v/c/0`;
    bindSubPath({ root: `${podDir}/v`, path: 'link', readOnly: false, target });
    writeFileSync(`${target}/f`, '');
    expect(existsSync(`${podDir}/v/real/f`)).toBe(true);
  });

  it('removes volumes with their mounts, twice, and never what a sub-path shows of elsewhere', async () => {
    const outside = `${podDir}/outside`;
    mkdirSync(outside);
    writeFileSync(`${outside}/precious`, '');
    await applyVolumes([emptyDir('mem', { tmpfs: { sizeBytes: undefined } })]);
    bindSubPath({ root: outside, path: '.', readOnly: false, target: `${podDir}/volume-subpaths/v/c/0` });
    await removeVolumes(podDir);
    await removeVolumes(podDir);
    expect(mounts()).toEqual([]);
    expect(existsSync(`${podDir}/volumes`)).toBe(false);
    expect(existsSync(`${outside}/precious`)).toBe(true);
  });

  it('refuses to remove across a mount of somebody else and names it', async () => {
    const foreign = `${podDir}/volumes/foreign`;
    mkdirSync(foreign, { recursive: true });
    mount('tmpfs', foreign, 'tmpfs', 0);
    writeFileSync(`${foreign}/precious`, '');
    await expect(removeVolumes(podDir)).rejects.toThrow(`${foreign} is a mount point (tmpfs)`);
    await expect(removeDirectory(podDir)).rejects.toThrow(`${foreign} is a mount point (tmpfs)`);
    expect(lstatSync(`${foreign}/precious`).isFile()).toBe(true);
  });
});

import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DirectoryUsage, DirectoryUsages, directoryUsage } from '../../../src/linux/directory-usage.ts';
import { FakeClock } from '../../harness/fake-clock.ts';

describe('what a directory takes', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'gantry-usage-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('is the blocks of all below it, and one inode for each, itself too', async () => {
    const empty = await directoryUsage(root);
    mkdirSync(`${root}/a/b`, { recursive: true });
    for (let i = 0; i < 20; i += 1) writeFileSync(`${root}/a/b/${i}`, Buffer.alloc(8192, 1));
    const full = await directoryUsage(root);
    expect(empty?.inodes).toBe(1);
    expect(full?.inodes).toBe(23);
    expect(full?.bytes).toBeGreaterThanOrEqual(20 * 8192);
    expect(full?.bytes).toBeLessThan(20 * 8192 + 64 * 1024);
  });

  it('counts a file with two names once, and does not follow links', async () => {
    writeFileSync(`${root}/file`, Buffer.alloc(1 << 20, 1));
    linkSync(`${root}/file`, `${root}/second`);
    symlinkSync('/', `${root}/everything`);
    const usage = await directoryUsage(root);
    expect(usage?.inodes).toBe(3);
    expect(usage?.bytes).toBeLessThan(1.5 * (1 << 20));
  });

  it('does not count the hole in a file', async () => {
    writeFileSync(`${root}/sparse`, 'x', { flag: 'w' });
    truncateSync(`${root}/sparse`, 1 << 30);
    expect((await directoryUsage(root))?.bytes).toBeLessThan(1 << 20);
  });

  it('is not known of one that is not there', async () => {
    expect(await directoryUsage(`${root}/none`)).toBeUndefined();
  });
});

describe('what directories took', () => {
  /** Each count is let end by hand. */
  const world = () => {
    const clock = new FakeClock();
    const asked: string[] = [];
    const ends: ((usage: DirectoryUsage | undefined | Error) => void)[] = [];
    const usages = new DirectoryUsages({
      clock,
      freshMs: 10_000,
      measure: path => {
        asked.push(path);
        return new Promise((resolve, reject) =>
          ends.push(usage => (usage instanceof Error ? reject(usage) : resolve(usage))),
        );
      },
    });
    const end = async (usage: DirectoryUsage | undefined | Error): Promise<void> => {
      await clock.advance(0);
      ends.shift()?.(usage);
      await clock.advance(0);
    };
    return { clock, asked, usages, end };
  };

  it('is counted when it is asked for, once for all who ask, and remembered', async () => {
    const { clock, asked, usages, end } = world();
    expect([usages.latest('/a'), usages.latest('/a')]).toEqual([undefined, undefined]);
    await end({ bytes: 5, inodes: 1 });
    expect(usages.latest('/a')).toEqual({ bytes: 5, inodes: 1, at: clock.now() });
    expect(asked).toEqual(['/a']);
  });

  it('is counted anew when it is old, and the old figure is told meanwhile', async () => {
    const { clock, asked, usages, end } = world();
    usages.latest('/a');
    await end({ bytes: 5, inodes: 1 });
    await clock.advance(9_999);
    usages.latest('/a');
    expect(asked).toEqual(['/a']);
    await clock.advance(1);
    expect(usages.latest('/a')?.bytes).toBe(5);
    await end({ bytes: 6, inodes: 1 });
    expect(usages.latest('/a')?.bytes).toBe(6);
  });

  it('is counted one directory at a time', async () => {
    const { asked, usages, end } = world();
    for (const path of ['/a', '/b']) usages.latest(path);
    await end(undefined);
    expect(asked).toEqual(['/a', '/b']);
    await end({ bytes: 1, inodes: 1 });
    expect(usages.latest('/b')?.bytes).toBe(1);
  });

  it('is counted the less often the longer it takes', async () => {
    const { clock, asked, usages, end } = world();
    usages.latest('/a');
    await clock.advance(2_000);
    await end({ bytes: 1, inodes: 1 });
    await clock.advance(39_000);
    usages.latest('/a');
    expect(asked).toEqual(['/a']);
    await clock.advance(1_000);
    usages.latest('/a');
    await clock.advance(0);
    expect(asked).toEqual(['/a', '/a']);
  });

  it('is waited for the first time, within a limit', async () => {
    const { clock, usages, end } = world();
    let answered = '';
    usages.counted(['/a'], 200).then(() => {
      answered = 'all';
    });
    await end({ bytes: 1, inodes: 1 });
    expect(answered).toBe('all');
    usages.counted(['/b'], 200).then(() => {
      answered = 'in time';
    });
    await clock.advance(199);
    expect(answered).toBe('all');
    await clock.advance(1);
    expect(answered).toBe('in time');
  });

  it('of one that cannot be read is not known, and does not stop the others', async () => {
    const { usages, end } = world();
    for (const path of ['/a', '/b']) usages.latest(path);
    await end(new Error('EIO'));
    await end({ bytes: 1, inodes: 1 });
    expect([usages.latest('/a'), usages.latest('/b')?.bytes]).toEqual([undefined, 1]);
  });

  it('is forgotten for those that are not kept', async () => {
    const { asked, usages, end } = world();
    usages.latest('/a');
    await end({ bytes: 1, inodes: 1 });
    usages.keep(new Set());
    expect(usages.latest('/a')).toBeUndefined();
    await end(undefined);
    expect(asked).toEqual(['/a', '/a']);
  });
});

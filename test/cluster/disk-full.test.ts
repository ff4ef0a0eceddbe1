import { mkdirSync, statfsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { errnoName } from '../../src/base/errors.ts';
import { MS, mount, unmount } from '../../src/linux/mount.ts';
import { TestCluster } from '../harness/cluster.ts';
import { makeRunDirectory, RUN_DIR } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

/** A small disk of its own, which a test fills up and makes room on. */
const DISK = `${RUN_DIR}/disk`;
const CLUSTERS = `${DISK}/clusters`;
const MIB = 1 << 20;

/** Takes all room but what is to be left, at once: the disk becomes as small as what lies on it, and never larger again. */
function fill(leftBytes = 0): void {
  for (;;) {
    const { blocks, bfree, bsize } = statfsSync(DISK);
    try {
      // a size of 0 is none
      remount(Math.max(bsize, Math.min(blocks, blocks - bfree + Math.ceil(leftBytes / bsize)) * bsize));
      return;
    } catch (error) {
      // somebody wrote between the look and the call
      if (errnoName(error) !== 'EINVAL') throw error;
    }
  }
}

/** Takes also what is given back: an etcd that finds no room for the next file of its log frees what it had of it already. */
async function keepFull(leftBytes: number, ended: Promise<unknown>): Promise<void> {
  let isOver = false;
  const over = ended.then(() => {
    isOver = true;
  });
  while (!isOver) {
    fill(leftBytes);
    await Promise.race([over, sleep(20)]);
  }
}

function makeRoom(): void {
  remount(800 * MIB);
}

function remount(bytes: number): void {
  mount('tmpfs', DISK, 'tmpfs', MS.NOSUID | MS.REMOUNT, `size=${bytes}`);
}

describe('a disk that is full', () => {
  const clusters: TestCluster[] = [];
  const newCluster = (): TestCluster => {
    const cluster = new TestCluster(CLUSTERS);
    clusters.push(cluster);
    return cluster;
  };

  beforeAll(() => {
    makeRunDirectory();
    mkdirSync(DISK, { recursive: true });
    mount('tmpfs', DISK, 'tmpfs', MS.NOSUID, 'size=800m');
  });
  afterEach(async () => {
    makeRoom();
    for (const cluster of clusters.splice(0)) await cluster.delete();
  });
  afterAll(() => unmount(DISK));

  it('is told before anything is made, with how much is missing', async () => {
    const cluster = newCluster();
    fill();
    expect(await cluster.run(['create', `--kubeconfig=${cluster.kubeconfig}`])).toEqual({
      code: 1,
      out: '',
      err: `gantry: only 0 MB are free in ${DISK}, and 1 node needs 536 MB: make room, or name another place with --clusters-dir\n`,
    });
    expect(await cluster.remains()).toEqual([]);
  });

  it.each([
    ['Making the network', 0],
    ['Making the network', 32 * MIB], // enough for certificates, not for the log of etcd
    ['[etcd] Starting', 0],
    ['[control-plane] Starting', 0],
  ])(
    'in the middle of create, at "%s", with %d bytes left, ends it soon with what to do, and nothing stays',
    async (line, left) => {
      const cluster = newCluster();
      const creating = cluster.start(['create', `--kubeconfig=${cluster.kubeconfig}`]);
      await waitFor(line, () => creating.seen().includes(line), { pauseMs: 1 });
      const exited = creating.exited();
      await keepFull(left, exited);
      expect(await exited).toBe(1);
      expect(creating.seen()).toMatch(
        new RegExp(`\ngantry: no space is left on the disk of ${CLUSTERS} \\(\\d+ MB are free\\): make room, or name`),
      );
      expect(creating.seen()).not.toContain('waited 60 s');
      expect(await cluster.remains()).toEqual([]);
    },
  );
});

import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { errnoName } from '../../src/base/errors.ts';
import { MS, mount, unmount } from '../../src/linux/mount.ts';
import { TestCluster } from '../harness/cluster.ts';
import { makeRunDirectory, RUN_DIR } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

/** A small disk of its own, which a test fills up and makes room on. */
const DISK = `${RUN_DIR}/disk`;
const CLUSTERS = `${DISK}/clusters`;
const SPARE = `${DISK}/spare`;
const MIB = 1 << 20;

/** Takes all room at once but what is to be left, as far as what else writes lets it. */
function fill(leftBytes = 0): void {
  const fd = openSync(SPARE, 'w');
  try {
    for (const size of [1 << 20, 1 << 12, 1]) for (const piece = Buffer.alloc(size); writes(fd, piece); );
    ftruncateSync(fd, fstatSync(fd).size - leftBytes);
  } finally {
    closeSync(fd);
  }
}

function writes(fd: number, piece: Buffer): boolean {
  try {
    return writeSync(fd, piece) > 0;
  } catch (error) {
    if (errnoName(error) === 'ENOSPC') return false;
    throw error;
  }
}

function makeRoom(): void {
  rmSync(SPARE, { force: true });
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
      // it takes a moment, in which a create that goes on would take its own share
      creating.child.kill('SIGSTOP');
      fill(left);
      creating.child.kill('SIGCONT');
      expect(await creating.exited()).toBe(1);
      expect(creating.seen()).toMatch(
        new RegExp(`\ngantry: no space is left on the disk of ${CLUSTERS} \\(\\d+ MB are free\\): make room, or name`),
      );
      expect(creating.seen()).not.toContain('waited 60 s');
      expect(await cluster.remains()).toEqual([]);
    },
  );
});

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { podProcesses, worksBelow } from '../../src/bootstrap/reset/facts.ts';
import { spawnProcess, waitForExit } from '../../src/linux/command.ts';
import { listProcesses } from '../../src/linux/procfs.ts';
import { RUN_DIR, RUN_ID } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

/** As the shim calls it; the id keeps it apart from what runs here. */
const BELOW = `/run/gantry/cri/${RUN_ID}`;

describe('monitors of containers that a reset would end', () => {
  const program = `${RUN_DIR}/monitors/conmon`;
  const started: { pid: number; ended: Promise<unknown> }[] = [];
  let own = 0;

  beforeAll(async () => {
    mkdirSync(`${RUN_DIR}/monitors`, { recursive: true });
    writeFileSync(program, '#!/bin/sh\nsleep 1000 & wait\n');
    chmodSync(program, 0o755);
    const start = (file: string, args: readonly string[]): number => {
      const { pid } = spawnProcess(file, [...args], {});
      started.push({ pid, ended: waitForExit(pid) });
      return pid;
    };
    own = start(program, ['--bundle', `${BELOW}/own`]);
    start('unshare', ['--pid', '--fork', '--kill-child', program, '--bundle', `${BELOW}/of-a-host`]);
    await waitFor(
      'both to run',
      () => listProcesses().filter(({ cmdline }) => cmdline.some(word => word.startsWith(`${BELOW}/`))).length >= 3,
    );
  });

  afterAll(async () => {
    for (const { pid, ended } of started) {
      for (const { pid: child, ppid } of listProcesses()) if (ppid === pid) process.kill(child, 'SIGKILL');
      process.kill(pid, 'SIGKILL');
      await ended;
    }
  });

  it('are those of this machine, and not those of a host on it, whose paths are the same inside', async () => {
    // a child that has not yet become another program is a monitor by its name
    await waitFor('the one of this machine alone', saw => {
      const found = podProcesses([], BELOW).map(({ pid }) => pid);
      saw({ found, own });
      return found.length === 1 && found[0] === own;
    });
  });

  it.each([
    [['conmon', '--bundle', '/run/gantry/cri/a'], true],
    [['conmon', '--bundle=/run/gantry/cri/a'], true],
    [['conmon', '--bundle', '/var/lib/gantry-hosts/n1/run/gantry/cri/a'], false],
    [['conmon', '--bundle', '/run/gantry-test/a'], false],
  ])('%j works below /run/gantry: %s', (argv, is) => {
    expect(worksBelow(argv, '/run/gantry')).toBe(is);
  });
});

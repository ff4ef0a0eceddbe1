import type { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { unknownDaemonFlag } from '../../../src/cmd/unknown-daemon-flag.ts';
import { program, runProgram } from '../../../src/main.ts';

/** Flags that have to be given are asked for first. */
const needed = (daemon: string): readonly string[] =>
  at(daemon)
    .options.filter(({ mandatory }) => mandatory)
    .map(({ long }) => `${long}=x`);
const at = (daemon: string): Command => {
  const [run] = program(['run', daemon]).commands;
  return run?.commands.find(each => each.name() === daemon) as Command;
};

describe('a flag that a daemon does not know', () => {
  let said = '';
  beforeEach(() => {
    said = '';
    vi.spyOn(process.stderr, 'write').mockImplementation(text => {
      said += String(text);
      return true;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = undefined;
  });

  it.each([
    ['kubelet', '--cgroup-driver=systemd', 'it is cgroupDriver of KubeletConfiguration (--config)'],
    [
      'node',
      '--cpu-manager-policy=static',
      "a flag of upstream's kubelet that Gantry's has not (there is no CPU manager",
    ],
    ['kubelet', '--rotate-server-certificates', 'it is serverTLSBootstrap of KubeletConfiguration (--config)'],
    [
      'apiserver',
      '--audit-log-path=/x',
      "a flag of upstream's API server that Gantry's has not (there is no audit log)",
    ],
    ['control-plane', '--concurrent-job-syncs=9', "a flag of upstream's controller manager that Gantry's has not"],
  ])('is told as upstream’s: gantry run %s %s', async (daemon, flag, because) => {
    await runProgram(['run', daemon, ...needed(daemon), flag]);
    expect(process.exitCode).toBe(1);
    expect(said.split('\n')).toEqual([
      expect.stringContaining(`error: unknown option '${flag}'`),
      '(gantry --help lists the commands)',
      expect.stringContaining(because),
      '',
    ]);
  });

  it.each([
    ['kubelet', "error: unknown option '--nope'"],
    ['cri', "error: unknown option '--cgroup-root'"],
    ['constructor', "error: unknown option '--v'"],
    ['kubelet', "error: unknown option '-x'"],
  ])('is nobody’s: %s, %s', (daemon, text) => {
    expect(unknownDaemonFlag(daemon, text)).toBeUndefined();
  });
});

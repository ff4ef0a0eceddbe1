import type { Command } from 'commander';
import { afterEach, describe, expect, it } from 'vitest';
import { unknownDaemonFlag } from '../../../src/cmd/unknown-daemon-flag.ts';
import { program, runProgram } from '../../../src/main.ts';
import { standardError } from '../../harness/standard-error.ts';

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
  const said = standardError();
  afterEach(() => {
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
    ['apiserver', '--profiling=false', "API server that Gantry's has not (nothing here serves profiles): leave it out"],
    ['scheduler', '--v=2', "a flag of upstream's scheduler that Gantry's has not (GANTRY_LOG_LEVEL in the environment"],
    ['scheduler', '--leader-elect-lease-duration=3s', "scheduler that Gantry's has not (how it leads is settled"],
    ['controller-manager', '--bind-address=::', '(it has but /healthz and /metrics, on 127.0.0.1 (--healthz-port))'],
    ['control-plane', '--leader-elect-retry-period=1s', '(a cluster has one control plane, of one process'],
    ['control-plane', '--cert-dir=/x', "a flag of upstream's API server that Gantry's has not (how it serves TLS"],
    ['kubelet', '-v', "-v is a flag of upstream's kubelet that Gantry's has not (GANTRY_LOG_LEVEL in the environment"],
    ['apiserver', '-v=4', "-v is a flag of upstream's API server that Gantry's has not"],
    ['scheduler', '-v4', "-v is a flag of upstream's scheduler that Gantry's has not"],
  ])('is told as upstream’s: gantry run %s %s', async (daemon, flag, because) => {
    await runProgram(['run', daemon, ...needed(daemon), flag]);
    expect(process.exitCode).toBe(1);
    expect(said().split('\n')).toEqual([
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
    ['kubelet', "error: unknown option '-vx'"],
    ['kubelet', "error: unknown option '-profiling'"],
    ['scheduler', "error: unknown option '---v'"],
  ])('is nobody’s: %s, %s', (daemon, text) => {
    expect(unknownDaemonFlag(daemon, text)).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { enterArgv, moveInto } from '../../../../src/local-cluster/host/enter.ts';

describe('moveInto', () => {
  it('passes files and command as arguments of a constant program', () => {
    const argv = moveInto(['/cg/a b/cgroup.procs'], ['cmd', '; rm']);
    expect(argv.slice(0, 2)).toEqual(['sh', '-c']);
    expect(argv.slice(3)).toEqual(['move-into', '1', '/cg/a b/cgroup.procs', 'cmd', '; rm']);
    expect(argv[2]).toBe(moveInto([], [])[2]);
  });
});

describe('enterArgv', () => {
  it('enters six namespaces and ties a command with an end to its caller', () => {
    const argv = enterArgv(42, ['/cg/procs'], ['ls', '-l'], { cwd: '/tmp', dieWithParent: true });
    expect(argv.slice(argv.indexOf('nsenter'))).toEqual([
      'nsenter',
      '--target=42',
      '--mount',
      '--net',
      '--uts',
      '--ipc',
      '--pid',
      '--cgroup',
      '--wdns=/tmp',
      '--',
      'setpriv',
      '--pdeathsig',
      'KILL',
      '--',
      'ls',
      '-l',
    ]);
  });

  it('lets a daemon outlive whoever started it', () => {
    expect(enterArgv(42, [], ['runsv', '/x'], { dieWithParent: false })).not.toContain('setpriv');
  });
});

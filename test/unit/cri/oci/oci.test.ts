import { describe, expect, it } from 'vitest';
import { parseSyncMessage } from '../../../../src/cri/oci/conmon-protocol.ts';
import { parseLdd } from '../../../../src/cri/oci/infra-rootfs.ts';
import { servesOneOf } from '../../../../src/cri/oci/reap.ts';
import { runtimeFailure, saysUnknownContainer } from '../../../../src/cri/oci/runtime-failure.ts';

describe('what a runtime says', () => {
  const context = { runtime: 'crun', verb: 'create', memoryLimit: 65536 };
  it.each([
    [
      'crun misses a command',
      'executable file `/nope` not found in $PATH: No such file or directory\n',
      'exec: "/nope": no such file or directory in the image',
    ],
    [
      'runc misses a command by path',
      'time="2026-11-21T02:20:43Z" level=error msg="runc create failed: unable to start container process: exec: \\"/nope\\": stat /nope: no such file or directory"\n',
      'exec: "/nope": no such file or directory in the image',
    ],
    [
      'runc misses a command by name',
      'time="2026-11-21T02:20:43Z" level=error msg="runc create failed: unable to start container process: exec: \\"nope\\": executable file not found in $PATH"\n',
      'exec: "nope": no such file or directory in the image',
    ],
    [
      'runc may not run a command',
      'time="x" level=error msg="runc create failed: unable to start container process: exec: \\"/etc/passwd\\": permission denied"',
      'exec: "/etc/passwd": permission denied',
    ],
    [
      'runc cannot set the memory limit',
      'time="x" level=error msg="runc create failed: unable to start container process: error during container init: error setting cgroup config for procHooks process: unable to set memory limit to 65536 (current usage: 1945600, peak usage: 2248704)"',
      'the memory limit of 65536 bytes is too small to start the container: error during container init',
    ],
    [
      'crun has not enough memory to begin',
      'OOM: the memory limit could be too low: read from sync socket: Connection reset by peer\n',
      'the memory limit of 65536 bytes is too small to start the container: OOM',
    ],
    [
      'crun finds a file where a process is to begin',
      'chdir `/bin/sh`: Not a directory\n',
      'working directory "/bin/sh": not a directory',
    ],
    [
      'runc finds a file where a process is to begin',
      'time="x" level=error msg="runc create failed: unable to start container process: error during container init: chdir to cwd (\\"/bin/sh\\") set in config.json failed: not a directory"',
      'working directory "/bin/sh": not a directory',
    ],
    [
      'runc cannot make the directory in which a process is to begin',
      'time="x" level=error msg="runc create failed: unable to start container process: error during container init: mkdir /bin/sh: not a directory"',
      'working directory "/bin/sh": not a directory',
    ],
    ['anything else keeps its words, on one line', 'one\n  two\n', 'crun create failed: one; two'],
    ['nothing at all', '', 'crun create failed: it gave no reason'],
    [
      'warnings are no reason',
      'time="x" level=warning msg="odd"\ntime="x" level=error msg="bad"\n',
      'crun create failed: bad',
    ],
    ['an escaped line end is a space', 'time="x" level=error msg="one\\ntwo"\n', 'crun create failed: one two'],
  ])('%s', (_why, output, message) => {
    expect(runtimeFailure(output, context).message).toContain(message);
    expect(runtimeFailure(output, context).message).not.toContain('\n');
  });

  it.each([
    ['failed-precondition', 'container `5cc8` is not running', 'crun'],
    ['failed-precondition', 'time="x" level=error msg="cannot start a container that has stopped"', 'runc'],
    ['failed-precondition', 'error opening file `/run/crun/x/status`: No such file or directory', 'crun'],
    ['invalid-argument', 'writing file `memory.memsw.limit_in_bytes`: Invalid argument', 'crun'],
    ['invalid-argument', 'writing file `cpuset.cpus`: Numerical result out of range', 'crun'],
    [
      'invalid-argument',
      'failed to write "99": write /sys/fs/cgroup/cpuset/a/b/cpuset.cpus: numerical result out of range',
      'runc',
    ],
    ['invalid-argument', 'chdir `/bin/sh`: Not a directory', 'crun'],
    ['invalid-argument', 'open executable: Operation not permitted', 'crun'],
    ['invalid-argument', 'open /proc/sys/net/nope: No such file or directory', 'crun'],
    ['invalid-argument', 'write to `/proc/sys/kernel/sem`: Invalid argument', 'crun'],
    ['internal', 'setns `mnt`: Bad file descriptor', 'crun'],
  ])('is %s where it says: %s', (code, output, runtime) => {
    expect(runtimeFailure(output, { runtime, verb: 'start' }).code).toBe(code);
  });

  it('of a container it does not know', () => {
    expect(saysUnknownContainer('error opening file `/run/crun/x/status`: No such file or directory')).toBe(true);
    expect(saysUnknownContainer('time="x" level=error msg="container does not exist"')).toBe(true);
    expect(saysUnknownContainer('permission denied')).toBe(false);
  });
});

describe('what conmon says', () => {
  it('is a pid, or a message', () => {
    expect(parseSyncMessage('{"pid": 63}')).toEqual({ pid: 63, text: '' });
    expect(parseSyncMessage('{"pid": -1, "message": "why\\n"}')).toEqual({ pid: undefined, text: 'why\n' });
    expect(() => parseSyncMessage('conmon: oops')).toThrow('not JSON');
    expect(() => parseSyncMessage('{}')).toThrow('without a pid');
  });
});

describe('processes of an interrupted create', () => {
  const ids = new Set(['a'.repeat(64)]);
  it.each([
    ['a monitor', ['/usr/bin/conmon', '--cid', 'a'.repeat(64)], true],
    ['a runtime', ['/usr/bin/crun', '--root=/r', 'create', 'a'.repeat(64)], true],
    ['a monitor of another container', ['/usr/bin/conmon', '--cid', 'b'.repeat(64)], false],
    ['an editor with the id in hand', ['vi', 'a'.repeat(64)], false],
    ['a kernel thread', [], false],
  ])('%s', (_why, cmdline, expected) => {
    expect(servesOneOf({ cmdline }, ids)).toBe(expected);
  });
});

describe('the libraries of a program', () => {
  it('are the paths in the answer of ldd', () => {
    const text = `\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n`;
    expect(parseLdd(text)).toEqual(['/lib/x86_64-linux-gnu/libc.so.6', '/lib64/ld-linux-x86-64.so.2']);
  });
});

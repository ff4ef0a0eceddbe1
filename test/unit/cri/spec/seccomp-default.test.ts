import { describe, expect, it } from 'vitest';
import { DEFAULT_CAPABILITIES } from '../../../../src/cri/spec/capabilities.ts';
import type { OciSeccompRule } from '../../../../src/cri/spec/oci-spec.ts';
import { defaultSeccomp } from '../../../../src/cri/spec/seccomp-default.ts';

/** What the filter does with a call, its first argument being `argument`: the rules as the kernel would be told. */
function verdict(call: string, granted: readonly string[], argument = 0): string {
  const profile = defaultSeccomp('x64', granted);
  const holds = ({ args = [] }: OciSeccompRule): boolean =>
    args.every(({ op, value, valueTwo = 0 }) => {
      if (op === 'SCMP_CMP_EQ') return argument === value;
      if (op === 'SCMP_CMP_NE') return argument !== value;
      return (argument & value) === valueTwo;
    });
  const rule = profile.syscalls.find(r => r.names.includes(call) && holds(r));
  if (rule === undefined) return `errno ${profile.defaultErrnoRet}`;
  return rule.action === 'SCMP_ACT_ALLOW' ? 'allowed' : `errno ${rule.errnoRet}`;
}

const EPERM = 'errno 1';
const ENOSYS = 'errno 38';

describe('the default seccomp profile', () => {
  it.each([
    ['programs can be', 'execve', 'allowed'],
    ['a younger call is not there', 'some_call_of_2040', ENOSYS],
    ['nobody mounts', 'mount', EPERM],
    ['nobody makes namespaces', 'unshare', EPERM],
    ['nobody enters them', 'setns', EPERM],
    ['nobody names the machine', 'sethostname', EPERM],
    ['no modules', 'init_module', EPERM],
    ['no other kernel', 'kexec_load', EPERM],
    ['no keys of the machine', 'keyctl', EPERM],
    ['no way around the filter', 'io_uring_setup', EPERM],
    ['no programs in the kernel', 'bpf', EPERM],
    ['the clock stays', 'clock_settime', EPERM],
    ['C libraries fall back from clone3', 'clone3', ENOSYS],
  ])('%s', (_sentence, call, expected) => {
    expect(verdict(call, DEFAULT_CAPABILITIES)).toBe(expected);
  });

  it.each([
    ['CAP_SYS_ADMIN', 'mount'],
    ['CAP_SYS_ADMIN', 'clone3'],
    ['CAP_SYS_ADMIN', 'syslog'],
    ['CAP_SYSLOG', 'syslog'],
    ['CAP_SYS_TIME', 'clock_settime'],
    ['CAP_SYS_MODULE', 'finit_module'],
    ['CAP_BPF', 'bpf'],
    ['CAP_SYS_CHROOT', 'chroot'],
    ['CAP_SYS_NICE', 'mbind'],
  ])('%s opens %s', (capability, call) => {
    expect(verdict(call, [...DEFAULT_CAPABILITIES, capability])).toBe('allowed');
  });

  it.each([
    ['a thread', 0x003d0f00, 'allowed'],
    ['a child in a user namespace', 0x10000000, EPERM],
    ['a child in a network and a mount namespace', 0x40020011, EPERM],
  ])('clone of %s', (_what, flags, expected) => {
    expect(verdict('clone', DEFAULT_CAPABILITIES, flags)).toBe(expected);
    expect(verdict('clone', ['CAP_SYS_ADMIN'], flags)).toBe('allowed');
  });

  it.each([
    ['an internet socket', 'socket', 2, 'allowed'],
    ['a socket to the hypervisor', 'socket', 40, EPERM],
    ['the personality of Linux', 'personality', 0, 'allowed'],
    ['memory without random addresses', 'personality', 0x0040000, ENOSYS],
  ])('%s', (_what, call, argument, expected) => {
    expect(verdict(call, DEFAULT_CAPABILITIES, argument)).toBe(expected);
  });

  it('no call is both allowed and refused', () => {
    const [allowed, refused] = defaultSeccomp('x64', ['CAP_SYS_ADMIN']).syscalls;
    expect(refused?.names.filter(name => allowed?.names.includes(name))).toEqual([]);
    expect(new Set(allowed?.names).size).toBe(allowed?.names.length);
  });

  it('programs of the smaller sibling run too, and an architecture that is not known has its own alone', () => {
    expect(defaultSeccomp('arm64', []).architectures).toEqual(['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']);
    expect(defaultSeccomp('riscv64', []).architectures).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { checkCommand } from '../../../../src/cri/validation/command.ts';
import { checkContainerConfig } from '../../../../src/cri/validation/container-config.ts';
import { checkResources } from '../../../../src/cri/validation/resources.ts';
import { ContainerConfig, LinuxContainerResources } from '../../../../src/rpc/cri-api.ts';

type Partial = Parameters<typeof ContainerConfig.fromPartial>[0];

const BASE = { metadata: { name: 'main', attempt: 0 }, image: { image: 'busybox' } };
const configOf = (partial: Partial): ContainerConfig => ContainerConfig.fromPartial({ ...BASE, ...partial });
const refused = (message: string): unknown =>
  expect.objectContaining({ code: 'invalid-argument', message: expect.stringContaining(message) });

describe('a container configuration', () => {
  it.each<[string, Partial]>([
    ['that says nothing but what it is', {}],
    [
      'as a kubelet writes it',
      {
        logPath: 'main/0.log',
        workingDir: 'relative/to/the/root',
        envs: [{ key: 'A', value: Buffer.from([0xff, 0x20]) }],
        mounts: [
          { containerPath: 'data', hostPath: '/var/lib/data', propagation: 2 },
          { containerPath: '/image', image: { image: 'x' }, imageSubPath: 'a/b' },
        ],
        devices: [{ hostPath: '/dev/null', containerPath: '', permissions: '' }],
        stopSignal: 65,
        linux: {
          securityContext: {
            maskedPaths: ['/proc/kcore'],
            namespaceOptions: { pid: 3, targetId: 'abc' },
            seccomp: { profileType: 2, localhostRef: 'localhost/x' },
          },
        },
      },
    ],
    ['whose log path begins with a slash', { logPath: '/0.log' }],
  ])('%s is taken', (_what, partial) => {
    expect(checkContainerConfig(configOf(partial))).toMatchObject({ metadata: BASE.metadata });
  });

  it.each<[string, Partial, string]>([
    ['no metadata', { metadata: undefined }, 'config.metadata is missing'],
    ['no name', { metadata: { name: '', attempt: 0 } }, 'config.metadata.name is empty'],
    [
      'a name that is too long',
      { metadata: { name: 'x'.repeat(254), attempt: 0 } },
      'is longer than the 253 characters of a name',
    ],
    ['no image', { image: undefined }, 'config.image.image is empty'],
    [
      'a NUL byte in a variable',
      { envs: [{ key: 'A', value: Buffer.from('a\0') }] },
      'config.envs[0].value contains a NUL byte',
    ],
    [
      'a variable without a name',
      { envs: [{ key: '', value: Buffer.from('a') }] },
      'config.envs[0].key "" is not the name of a variable',
    ],
    [
      'a variable with = in its name',
      { envs: [{ key: 'A=B', value: Buffer.from('a') }] },
      'config.envs[0].key "A=B" is not the name',
    ],
    ['an argument that no program can be given', { args: ['x', 'y'.repeat(131_072)] }, 'config.args[1] "yy'],
    ['a working directory that leads up', { workingDir: '../x' }, 'config.working_dir "../x" may not contain ".."'],
    [
      'a mount over everything',
      { mounts: [{ containerPath: '/', hostPath: '/x' }] },
      'config.mounts[0].container_path "/" is the root of the container',
    ],
    [
      'a mount nowhere',
      { mounts: [{ containerPath: '', hostPath: '/x' }] },
      'config.mounts[0].container_path "" is the root of the container',
    ],
    [
      'a mount of nothing',
      { mounts: [{ containerPath: '/x', hostPath: '' }] },
      'config.mounts[0].host_path "" must be an absolute path',
    ],
    [
      'a mount from above',
      { mounts: [{ containerPath: '/x', hostPath: '/a/../b' }] },
      'config.mounts[0].host_path "/a/../b" may not contain ".."',
    ],
    [
      'an unknown propagation',
      { mounts: [{ containerPath: '/x', hostPath: '/y', propagation: 3 as never }] },
      'config.mounts[0].propagation 3 is not a value of its enum',
    ],
    [
      'a relative device',
      { devices: [{ hostPath: 'null' }] },
      'config.devices[0].host_path "null" must be an absolute path',
    ],
    [
      'permissions that are none',
      { devices: [{ hostPath: '/dev/null', permissions: 'rwx' }] },
      'config.devices[0].permissions "rwx" are not made of r, w and m',
    ],
    ['a log that leads out', { logPath: '../x.log' }, 'config.log_path "../x.log" may not contain ".."'],
    ['a log that is a directory', { logPath: 'main/' }, 'config.log_path "main/" is a directory'],
    ['an unknown signal', { stopSignal: 66 as never }, 'config.stop_signal 66 is not a value of its enum'],
    [
      'a profile without a name',
      { linux: { securityContext: { seccomp: { profileType: 2 } } } },
      'config.linux.security_context.seccomp.localhost_ref "" must name the profile',
    ],
    [
      'an SELinux user that brings mount options',
      { linux: { securityContext: { selinuxOptions: { user: 'u",x' } } } },
      'config.linux.security_context.selinux_options.user "u\\",x" has other characters',
    ],
    [
      'an unknown type of profile',
      { linux: { securityContext: { apparmor: { profileType: 3 as never } } } },
      'config.linux.security_context.apparmor.profile_type 3 is not a value',
    ],
    [
      'no container to join',
      { linux: { securityContext: { namespaceOptions: { pid: 3 } } } },
      'namespace_options.target_id "" must name the container',
    ],
    [
      'a relative masked path',
      { linux: { securityContext: { maskedPaths: ['/a', 'b'] } } },
      'config.linux.security_context.masked_paths[1] "b" must be an absolute path',
    ],
    [
      'a policy that is none',
      { linux: { securityContext: { supplementalGroupsPolicy: 2 as never } } },
      'supplemental_groups_policy 2 is not a value of its enum',
    ],
    [
      'a group over the range',
      { linux: { securityContext: { supplementalGroups: [1n, 2n ** 32n] } } },
      'supplemental_groups[1] 4294967296 is not between 0 and 4294967294',
    ],
  ])('with %s is refused by name', (_what, partial, message) => {
    expect(() => checkContainerConfig(configOf(partial))).toThrow(refused(message) as Error);
  });
});

describe('limits', () => {
  it.each<[Parameters<typeof LinuxContainerResources.fromPartial>[0]]>([
    [{ cpusetCpus: '0-3,8', cpusetMems: '0', cpuPeriod: 1_000n, cpuQuota: 1_000n }],
    [{ memoryLimitInBytes: -1n, memorySwapLimitInBytes: -1n, cpuQuota: -1n }],
    [
      {
        hugepageLimits: [{ pageSize: '2MB', limit: 0n }],
        unified: { 'memory.high': 'max', 'hugetlb.2MB.max': '0', 'io.max': '8:0 rbps=1' },
      },
    ],
  ])('that machines can have are taken', resources => {
    expect(() => checkResources('linux', LinuxContainerResources.fromPartial(resources))).not.toThrow();
  });

  it.each<[string, Parameters<typeof LinuxContainerResources.fromPartial>[0]]>([
    ['linux.cpu_period 1000001', { cpuPeriod: 1_000_001n }],
    ['linux.cpu_quota 999', { cpuQuota: 999n }],
    ['linux.cpu_quota -2', { cpuQuota: -2n }],
    ['linux.cpu_shares -1', { cpuShares: -1n }],
    ['linux.memory_limit_in_bytes 9007199254740992', { memoryLimitInBytes: 2n ** 53n }],
    ['linux.memory_swap_limit_in_bytes -2', { memorySwapLimitInBytes: -2n }],
    ['linux.oom_score_adj 1001', { oomScoreAdj: 1001n }],
    ['linux.cpuset_cpus "3-1"', { cpusetCpus: '3-1' }],
    ['linux.cpuset_cpus "0,"', { cpusetCpus: '0,' }],
    ['linux.cpuset_mems "99999999"', { cpusetMems: '99999999' }],
    ['linux.hugepage_limits[0].page_size "2mb"', { hugepageLimits: [{ pageSize: '2mb' }] }],
    ['a key of linux.unified, "../x"', { unified: { '../x': '1' } }],
    ['a key of linux.unified, "cgroup.procs"', { unified: { 'cgroup.procs': '1' } }],
    ['linux.unified.memory.high "1\\n2"', { unified: { 'memory.high': '1\n2' } }],
  ])('that none can have are refused: %s', (message, resources) => {
    expect(() => checkResources('linux', LinuxContainerResources.fromPartial(resources))).toThrow(
      refused(message) as Error,
    );
  });
});

describe('a command', () => {
  it.each<[string, readonly string[], string]>([
    ['nothing', [], 'cmd is empty'],
    ['a NUL byte', ['a', 'b\0'], 'cmd[1] "b\\u0000" contains a NUL byte'],
    ['more than an argument can be', ['x'.repeat(200_000)], 'is longer than the 131071 bytes'],
  ])('of %s is refused', (_what, cmd, message) => {
    expect(() => checkCommand(cmd)).toThrow(refused(message) as Error);
  });
});

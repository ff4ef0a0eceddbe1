import { describe, expect, it } from 'vitest';
import { checkSandboxConfig } from '../../../../src/cri/validation/sandbox-config.ts';
import { PodSandboxConfig } from '../../../../src/rpc/cri-api.ts';

type Partial = Parameters<typeof PodSandboxConfig.fromPartial>[0];

const METADATA = { name: 'web', namespace: 'default', uid: 'u1', attempt: 0 };
const configOf = (partial: Partial): PodSandboxConfig =>
  PodSandboxConfig.fromPartial({ metadata: METADATA, ...partial });
const LONG = 'x'.repeat(300);

describe('a sandbox configuration', () => {
  it.each<[string, Partial]>([
    ['that says nothing but who it is', {}],
    [
      'as a kubelet writes it',
      {
        hostname: 'web-0',
        logDirectory: '/var/log/pods/default_web_u1',
        dnsConfig: { servers: ['10.0.0.10'], searches: ['default.svc.cluster.local'], options: ['ndots:5'] },
        portMappings: [
          { protocol: 0, containerPort: 80, hostPort: 0, hostIp: '' },
          { protocol: 2, containerPort: 80, hostPort: 65_535, hostIp: 'fd00::1' },
        ],
        linux: {
          cgroupParent: '/kubepods/burstable/podu1',
          sysctls: {
            'net.ipv4.conf.eth0/1.forwarding': '1',
            'net/ipv4/ip_forward': '0',
            'kernel.shm_rmid_forced': '1',
          },
          securityContext: {
            namespaceOptions: { network: 2, pid: 1 },
            selinuxOptions: { user: 'system_u', role: '', type: 'container-x.y_t', level: 's0:c1,c2' },
            runAsUser: { value: 0n },
            supplementalGroups: [0n],
          },
          resources: { cpuPeriod: 100_000n, cpuQuota: -1n, cpuShares: 2n, oomScoreAdj: -998n },
        },
      },
    ],
    ['with a cgroup of the systemd driver', { linux: { cgroupParent: 'kubepods-podu1.slice' } }],
  ])('%s is taken', (_what, partial) => {
    expect(checkSandboxConfig(configOf(partial))).toMatchObject({ metadata: METADATA });
  });

  it.each<[string, Partial, string]>([
    ['no metadata', { metadata: undefined }, 'config.metadata is missing'],
    ['no uid', { metadata: { ...METADATA, uid: '' } }, 'config.metadata.uid is empty'],
    [
      'a name that could be two',
      { metadata: { ...METADATA, name: 'a/b' } },
      'config.metadata.name "a/b" contains a slash',
    ],
    ['a NUL byte', { hostname: 'a\0b' }, 'config.hostname "a\\u0000b" contains a NUL byte'],
    [
      'a NUL byte far inside',
      { dnsConfig: { servers: ['1', 'a\0'] } },
      'config.dns_config.servers[1] "a\\u0000" contains a NUL byte',
    ],
    ['a NUL byte in a key', { labels: { 'a\0': 'b' } }, 'a key of config.labels contains a NUL byte'],
    [
      'a long host name',
      { hostname: LONG },
      `config.hostname "${'x'.repeat(60)}…" is longer than the 64 bytes of a host name`,
    ],
    ['a host name of two lines', { hostname: 'a\nb' }, 'config.hostname "a\\nb" is not a host name'],
    ['a relative log directory', { logDirectory: 'logs' }, 'config.log_directory "logs" must be an absolute path'],
    [
      'a log directory that leads up',
      { logDirectory: '/var/../etc' },
      'config.log_directory "/var/../etc" may not contain ".."',
    ],
    ['a long name in a path', { logDirectory: `/${LONG}` }, 'config.log_directory "/xx'],
    [
      'a DNS server that brings a line',
      { dnsConfig: { servers: ['1.1.1.1\nnameserver 6.6.6.6'] } },
      'config.dns_config.servers[0] "1.1.1.1\\nnameserver 6.6.6.6" contains white space',
    ],
    ['an empty search domain', { dnsConfig: { searches: [''] } }, 'config.dns_config.searches[0] "" is empty'],
    [
      'a port over the range',
      { portMappings: [{ hostPort: 65_536 }] },
      'config.port_mappings[0].host_port 65536 is not between 0 and 65535',
    ],
    [
      'a port under the range',
      { portMappings: [{}, { hostPort: 1, containerPort: -1 }] },
      'config.port_mappings[1].container_port -1 is not between 1 and 65535',
    ],
    [
      'an unknown protocol',
      { portMappings: [{ protocol: 3 as never }] },
      'config.port_mappings[0].protocol 3 is not a value of its enum',
    ],
    [
      'an address that is none',
      { portMappings: [{ hostIp: '10.0.0.300' }] },
      'config.port_mappings[0].host_ip "10.0.0.300" is not an IP address',
    ],
    ...(['user', 'role', 'type'] as const).map((part): [string, Partial, string] => [
      `an SELinux ${part} that brings mount options`,
      { linux: { securityContext: { selinuxOptions: { [part]: 'u:r:t:s0",upperdir=/etc,workdir=/x' } } } },
      `config.linux.security_context.selinux_options.${part} "u:r:t:s0\\",upperdir=/etc,workdir=/x" has other characters`,
    ]),
    [
      'an SELinux type of two labels',
      { linux: { securityContext: { selinuxOptions: { type: 'a:b' } } } },
      'config.linux.security_context.selinux_options.type "a:b" has other characters than letters, digits and _ . -',
    ],
    [
      'a cgroup that leads up',
      { linux: { cgroupParent: '/a/../../b' } },
      'config.linux.cgroup_parent "/a/../../b" may not contain ".."',
    ],
    [
      'a cgroup that is a file of one',
      { linux: { cgroupParent: '/kubepods/cgroup.procs' } },
      'config.linux.cgroup_parent "/kubepods/cgroup.procs" names a file that groups have, not a group',
    ],
    [
      'a relative cgroup',
      { linux: { cgroupParent: 'kubepods/x' } },
      'config.linux.cgroup_parent "kubepods/x" must be an absolute path',
    ],
    [
      'a sysctl that leads up',
      { linux: { sysctls: { 'net/../kernel/pid_max': '1' } } },
      'a key of config.linux.sysctls, "net/../kernel/pid_max", is not the name of a sysctl',
    ],
    [
      'an empty sysctl',
      { linux: { sysctls: { 'net.x': '' } } },
      'config.linux.sysctls.net.x "" is not one line of text',
    ],
    [
      'an unknown namespace mode',
      { linux: { securityContext: { namespaceOptions: { ipc: -1 as never } } } },
      'config.linux.security_context.namespace_options.ipc -1 is not a value of its enum',
    ],
    [
      'a negative user',
      { linux: { securityContext: { runAsUser: { value: -1n } } } },
      'config.linux.security_context.run_as_user -1 is not between 0 and 4294967294',
    ],
    [
      'a period that no kernel takes',
      { linux: { resources: { cpuPeriod: 999n } } },
      'config.linux.resources.cpu_period 999 is not between 1000 and 1000000',
    ],
  ])('with %s is refused by name', (_what, partial, message) => {
    expect(() => checkSandboxConfig(configOf(partial))).toThrow(
      expect.objectContaining({ code: 'invalid-argument', message: expect.stringContaining(message) }),
    );
  });
});

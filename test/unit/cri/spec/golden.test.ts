import { describe, expect, it } from 'vitest';
import { buildContainerSpec } from '../../../../src/cri/spec/container-spec.ts';
import type { ContainerSpecInputs, SandboxSpecInputs } from '../../../../src/cri/spec/inputs.ts';
import { buildSandboxSpec } from '../../../../src/cri/spec/sandbox-spec.ts';
import { CONFIG, containerInputs, HOST, SECURITY, sandboxInputs, withResources, withSecurity } from './build-inputs.ts';

const CONTAINERS: readonly [file: string, behaviour: string, inputs: ContainerSpecInputs][] = [
  ['container-plain', 'the smallest request of a kubelet', containerInputs()],
  [
    'container-no-security-context',
    'a request without a security context gets the default masked paths',
    containerInputs({ config: { ...CONFIG, linux: undefined } }),
  ],
  [
    'container-privileged',
    'privileged has every capability and device, a writable /sys and nothing hidden',
    withSecurity({ privileged: true }),
  ],
  [
    'container-hardened',
    'a user by number, groups, a read-only root, no new privileges and a single capability',
    withSecurity(
      {
        runAsUser: { value: 1000n },
        runAsGroup: { value: 3000n },
        supplementalGroups: [60000n],
        readonlyRootfs: true,
        noNewPrivs: true,
        capabilities: {
          addCapabilities: ['NET_BIND_SERVICE'],
          dropCapabilities: ['ALL'],
          addAmbientCapabilities: ['NET_BIND_SERVICE'],
        },
        seccomp: { profileType: 2, localhostRef: 'profiles/app.json' },
      },
      { seccompProfile: { defaultAction: 'SCMP_ACT_ERRNO' } },
    ),
  ],
  [
    'container-runtime-default',
    'the default seccomp profile, for a container with the default capabilities',
    withSecurity({ seccomp: { profileType: 0, localhostRef: '' } }),
  ],
  [
    'container-host-namespaces',
    'host network, pid and ipc leave only a mount namespace',
    withSecurity(
      { namespaceOptions: { network: 2, pid: 2, ipc: 2, targetId: '' } },
      { sandbox: { ...containerInputs().sandbox, netnsPath: undefined } },
    ),
  ],
  [
    'container-pod-pid-on-v2',
    'a shared pid namespace is the pause process one; v2 adds a cgroup namespace',
    withSecurity(
      { namespaceOptions: { network: 0, pid: 0, ipc: 0, targetId: '' } },
      { host: { ...HOST, cgroupVersion: 2 } },
    ),
  ],
  [
    'container-target-pid',
    'an ephemeral container joins the pid namespace of its target',
    withSecurity({ namespaceOptions: { network: 0, pid: 3, ipc: 0, targetId: 'other' } }, { targetPid: 777 }),
  ],
  [
    'container-resources-v1',
    'requests and limits on v1',
    withResources({
      cpuShares: 512n,
      cpuQuota: 50_000n,
      cpuPeriod: 100_000n,
      memoryLimitInBytes: 268_435_456n,
      oomScoreAdj: 985n,
      cpusetCpus: '0-1',
      cpusetMems: '0',
      hugepageLimits: [{ pageSize: '2MB', limit: 0n }],
      unified: { 'pids.max': '100' },
    }),
  ],
  [
    'container-resources-v2',
    'v2 takes raw values too, and the systemd driver names a slice',
    withResources(
      { memoryLimitInBytes: 1_048_576n, memorySwapLimitInBytes: 2_097_152n, unified: { 'memory.oom.group': '1' } },
      {
        host: { ...HOST, cgroupVersion: 2 },
        sandbox: { ...containerInputs().sandbox, cgroupParent: 'kubepods-burstable-pod1234.slice' },
      },
    ),
  ],
  [
    'container-mounts',
    'volumes stand after the directories they lie in, with their propagation, and replace defaults',
    containerInputs({
      config: {
        ...CONFIG,
        tty: true,
        mounts: [
          {
            containerPath: '/data/deep/er',
            hostPath: '/v/deeper',
            readonly: false,
            propagation: 2,
            recursiveReadOnly: false,
          },
          { containerPath: '/data', hostPath: '/v/data', readonly: true, propagation: 0, recursiveReadOnly: true },
          {
            containerPath: '/etc/hosts',
            hostPath: '/pods/1/hosts',
            readonly: false,
            propagation: 0,
            recursiveReadOnly: false,
          },
          { containerPath: '/cfg/', hostPath: '/v/cfg', readonly: true, propagation: 1, recursiveReadOnly: false },
        ],
        linux: { resources: undefined, securityContext: SECURITY },
      },
      devices: [
        {
          device: { path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 },
          access: 'rw',
        },
      ],
      rlimits: [{ type: 'RLIMIT_NOFILE', soft: 4096, hard: 8192 }],
    }),
  ],
];

const SANDBOXES: readonly [file: string, behaviour: string, inputs: SandboxSpecInputs][] = [
  ['sandbox-plain', 'a pause process with namespaces of its own', sandboxInputs()],
  [
    'sandbox-host-network',
    'on the host network it has the name of the machine and no uts namespace',
    sandboxInputs(
      {
        securityContext: {
          namespaceOptions: { network: 2, pid: 0, ipc: 0, targetId: '' },
          readonlyRootfs: false,
          supplementalGroups: [],
          privileged: false,
        },
      },
      { netnsPath: undefined },
    ),
  ],
  [
    'sandbox-sysctls-v2',
    'kernel parameters of the pod are set where its namespaces are made',
    sandboxInputs(
      { sysctls: { 'net.ipv4.ip_unprivileged_port_start': '1024', 'kernel/shm_rmid_forced': '1' } },
      { host: { ...HOST, cgroupVersion: 2 } },
    ),
  ],
];

describe('OCI specifications', () => {
  it.each(CONTAINERS)('%s: %s', async (file, _behaviour, inputs) => {
    await expect(`${JSON.stringify(buildContainerSpec(inputs).spec, null, 2)}\n`).toMatchFileSnapshot(
      `./golden/${file}.json`,
    );
  });

  it.each(SANDBOXES)('%s: %s', async (file, _behaviour, inputs) => {
    await expect(`${JSON.stringify(buildSandboxSpec(inputs).spec, null, 2)}\n`).toMatchFileSnapshot(
      `./golden/${file}.json`,
    );
  });

  it('tells what could not be done as asked', () => {
    const inputs = withResources(
      { oomScoreAdj: -997n },
      { host: { ...HOST, oomScoreAdj: { current: 0, canLower: false } }, annotations: { own: '1' } },
    );
    const steered = {
      ...inputs,
      config: { ...inputs.config, annotations: { 'run.oci.keep_original_groups': '1', kept: 'yes' } },
    };
    const built = buildContainerSpec(steered);
    expect(built.notes).toEqual([
      'oom_score_adj -997 needs CAP_SYS_RESOURCE, which this daemon lacks; 0 is used',
      'annotation run.oci.keep_original_groups steers the runtime and is not passed on',
    ]);
    expect(built.spec.annotations).toEqual({ kept: 'yes', own: '1' });
  });
});

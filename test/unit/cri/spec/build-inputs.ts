/** Inputs of specifications as a kubelet's smallest request makes them; tests change what they are about. */
import type {
  ContainerSpecInputs,
  CriContainerConfig,
  CriContainerSecurityContext,
  CriResources,
  CriSandboxConfig,
  HostFacts,
  SandboxSpecInputs,
} from '../../../../src/cri/spec/inputs.ts';
import { CAPABILITY_NAMES } from '../../../../src/linux/capabilities.ts';

export const CONTAINER_ID = 'c'.repeat(64);
const SANDBOX_ID = 'a'.repeat(64);

export const HOST: HostFacts = {
  architecture: 'x64',
  boundingCapabilities: CAPABILITY_NAMES,
  knownCapabilities: CAPABILITY_NAMES,
  oomScoreAdj: { current: 0, canLower: true },
  hardRlimits: undefined,
  cgroupVersion: 1,
  swapAccounting: true,
  hugetlb: true,
  appArmor: false,
  recursiveReadOnly: true,
  selinux: undefined,
  noUserNamespaces: undefined,
};

export const NO_RESOURCES: CriResources = {
  cpuPeriod: 0n,
  cpuQuota: 0n,
  cpuShares: 0n,
  memoryLimitInBytes: 0n,
  oomScoreAdj: 0n,
  cpusetCpus: '',
  cpusetMems: '',
  hugepageLimits: [],
  unified: {},
  memorySwapLimitInBytes: 0n,
};

export const SECURITY: CriContainerSecurityContext = {
  privileged: false,
  namespaceOptions: { network: 0, pid: 1, ipc: 0, targetId: '' },
  runAsUsername: '',
  readonlyRootfs: false,
  supplementalGroups: [],
  supplementalGroupsPolicy: 0,
  noNewPrivs: false,
  maskedPaths: ['/proc/kcore'],
  readonlyPaths: ['/proc/sys'],
};

export const CONFIG: CriContainerConfig = {
  command: ['/bin/app'],
  args: ['--serve'],
  workingDir: '',
  envs: [{ key: 'GREETING', value: new TextEncoder().encode('grüß') }],
  mounts: [],
  annotations: { 'io.kubernetes.container.hash': 'abc' },
  tty: false,
  linux: { resources: NO_RESOURCES, securityContext: SECURITY },
};

export function containerInputs(changes: Partial<ContainerSpecInputs> = {}): ContainerSpecInputs {
  return {
    id: CONTAINER_ID,
    config: CONFIG,
    sandbox: {
      hostname: 'web-0',
      netnsPath: '/run/gantry/netns/web-0',
      userns: undefined,
      infraPid: 4242,
      shmPath: '/run/gantry/cri/sandboxes/a/shm',
      resolvConfPath: '/run/gantry/cri/sandboxes/a/resolv.conf',
      hostnamePath: '/run/gantry/cri/sandboxes/a/hostname',
      hostsPath: '/run/gantry/cri/sandboxes/a/hosts',
      cgroupParent: '/kubepods/burstable/pod1234',
    },
    image: { entrypoint: ['/entry'], cmd: ['cmd'], env: ['PATH=/image/bin', 'A=1'], workingDir: '/srv', user: '' },
    rootfs: '/run/gantry/cri/containers/c/rootfs',
    passwd: 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:App:/srv:/bin/sh\n',
    group: 'root:x:0:\napp:x:1001:\nlogs:x:50000:app\nextra:x:50001:other,app\n',
    host: HOST,
    devices: [],
    hostDevices: [{ path: '/dev/kvm', type: 'c', major: 10, minor: 232, fileMode: 0o660, uid: 0, gid: 108 }],
    targetPid: undefined,
    seccompProfile: undefined,
    annotations: {},
    rlimits: [],
    selinux: undefined,
    ...changes,
  };
}

/** Inputs with a changed security context. */
export function withSecurity(
  changes: Partial<CriContainerSecurityContext>,
  more: Partial<ContainerSpecInputs> = {},
): ContainerSpecInputs {
  return containerInputs({
    config: { ...CONFIG, linux: { resources: NO_RESOURCES, securityContext: { ...SECURITY, ...changes } } },
    ...more,
  });
}

/** Inputs with changed resources. */
export function withResources(
  changes: Partial<CriResources>,
  more: Partial<ContainerSpecInputs> = {},
): ContainerSpecInputs {
  return containerInputs({
    config: { ...CONFIG, linux: { resources: { ...NO_RESOURCES, ...changes }, securityContext: SECURITY } },
    ...more,
  });
}

export function sandboxInputs(
  linux: Partial<NonNullable<CriSandboxConfig['linux']>> = {},
  more: Partial<SandboxSpecInputs> = {},
): SandboxSpecInputs {
  return {
    id: SANDBOX_ID,
    cgroupParent: '/kubepods/burstable/pod1234',
    config: {
      annotations: { 'example.com/team': 'blue' },
      linux: {
        cgroupParent: '/kubepods/burstable/pod1234',
        sysctls: {},
        securityContext: {
          namespaceOptions: { network: 0, pid: 1, ipc: 0, targetId: '' },
          readonlyRootfs: false,
          supplementalGroups: [],
          privileged: false,
          seccomp: { profileType: 0, localhostRef: '' },
        },
        ...linux,
      },
    },
    hostname: 'web-0',
    netnsPath: '/run/gantry/netns/web-0',
    userns: undefined,
    selinux: undefined,
    rootfs: '/run/gantry/cri/infra',
    args: ['/catatonit', '-P'],
    host: HOST,
    annotations: {},
    ...more,
  };
}

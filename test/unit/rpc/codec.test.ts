import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';
import { describe, expect, it } from 'vitest';
import {
  ContainerConfig,
  ContainerEventResponse,
  ContainerEventType,
  ContainerState,
  ContainerStats,
  ContainerStatus,
  CreateContainerRequest,
  ImageSpec,
  ListContainersResponse,
  Mount,
  MountPropagation,
  NamespaceMode,
  Protocol,
  SecurityProfile_ProfileType,
  Signal,
  StatusResponse,
  SupplementalGroupsPolicy,
} from '../../../src/rpc/cri-api.ts';

const protos = loadSync('runtime/v1/services.proto', { includeDirs: ['proto'], longs: String, defaults: true });

/** Bytes of the generated codec, read and written again by protobufjs, which shares no code with it. */
function throughTheOtherCodec(name: string, bytes: Uint8Array): Buffer {
  const type = protos[`runtime.v1.${name}`] as MessageTypeDefinition<object, object>;
  return type.serialize(type.deserialize(Buffer.from(bytes)));
}

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}
const row = <T>(name: string, codec: Codec<T>, message: T) => ({
  name,
  bytes: () => codec.encode(message).finish(),
  decode: (bytes: Uint8Array): unknown => codec.decode(bytes),
  message: message as unknown,
});

const config = ContainerConfig.fromPartial({
  metadata: { name: 'web', attempt: 4_294_967_295 },
  image: { image: 'registry:5000/a/b@sha256:00', annotations: { k: 'v', '': 'empty key' }, imageRef: 'sha256:11' },
  command: ['/bin/sh', '-c', ''],
  args: ['ü', '\u{1f433}'],
  workingDir: '/srv',
  envs: [
    { key: 'BINARY', value: Buffer.from([0xff, 0x00, 0xfe]) },
    { key: 'EMPTY', value: Buffer.alloc(0) },
  ],
  mounts: [
    {
      containerPath: '/data',
      hostPath: '/var/lib/x',
      readonly: true,
      propagation: MountPropagation.PROPAGATION_BIDIRECTIONAL,
      uidMappings: [{ hostId: 100_000, containerId: 0, length: 65_536 }],
      recursiveReadOnly: true,
      image: ImageSpec.fromPartial({ image: 'x' }),
      imageSubPath: 'sub',
    },
  ],
  devices: [{ containerPath: '/dev/null', hostPath: '/dev/null', permissions: 'rwm' }],
  labels: { 'io.kubernetes.pod.name': 'web-0', constructor: 'a name every object has' },
  logPath: 'web/0.log',
  stdin: true,
  tty: true,
  linux: {
    resources: {
      cpuPeriod: 100_000n,
      cpuQuota: -1n,
      memoryLimitInBytes: 9_223_372_036_854_775_807n,
      oomScoreAdj: -998n,
      hugepageLimits: [{ pageSize: '2MB', limit: 18_446_744_073_709_551_615n }],
      unified: { 'memory.high': '100' },
    },
    securityContext: {
      capabilities: { addCapabilities: ['NET_ADMIN'], dropCapabilities: ['ALL'] },
      namespaceOptions: { network: NamespaceMode.NODE, pid: NamespaceMode.TARGET, targetId: 'abc' },
      runAsUser: { value: 0n },
      runAsGroup: { value: -9_223_372_036_854_775_808n },
      supplementalGroups: [0n, 1n, 4_294_967_296n],
      supplementalGroupsPolicy: SupplementalGroupsPolicy.Strict,
      seccomp: { profileType: SecurityProfile_ProfileType.Localhost, localhostRef: 'p.json' },
      maskedPaths: ['/proc/kcore'],
      noNewPrivs: true,
    },
  },
  CDIDevices: [{ name: 'vendor.com/class=one' }],
  stopSignal: Signal.SIGRTMAX,
});

const ROWS = [
  row(
    'CreateContainerRequest',
    CreateContainerRequest,
    CreateContainerRequest.fromPartial({
      podSandboxId: 'f'.repeat(64),
      config,
      sandboxConfig: {
        metadata: { name: 'web-0', uid: 'u', namespace: 'default' },
        dnsConfig: { servers: ['10.96.0.10'], searches: ['svc.cluster.local'], options: ['ndots:5'] },
        portMappings: [{ protocol: Protocol.SCTP, containerPort: 80, hostPort: 65_535, hostIp: '::1' }],
        linux: { cgroupParent: '/kubepods/pod1', sysctls: { 'net.core.somaxconn': '1024' }, overhead: {} },
      },
    }),
  ),
  row(
    'ContainerStatus',
    ContainerStatus,
    ContainerStatus.fromPartial({
      id: 'c',
      state: ContainerState.CONTAINER_EXITED,
      createdAt: 1_795_225_639_123_456_789n,
      exitCode: -1,
      mounts: [Mount.fromPartial({ containerPath: '/x' })],
      resources: { linux: { cpuShares: 2n } },
      user: { linux: { uid: 1000n, gid: 1000n, supplementalGroups: [5n] } },
    }),
  ),
  row(
    'ContainerEventResponse',
    ContainerEventResponse,
    ContainerEventResponse.fromPartial({
      containerEventType: ContainerEventType.CONTAINER_DELETED_EVENT,
      podSandboxStatus: { id: 's', network: { ip: '10.0.0.1', additionalIps: [{ ip: 'fd00::1' }] } },
      containersStatuses: [{ id: 'a' }, { id: 'b' }],
    }),
  ),
  row(
    'ContainerStats',
    ContainerStats,
    ContainerStats.fromPartial({
      cpu: {
        timestamp: 1n,
        usageCoreNanoSeconds: { value: 0n },
        psi: { full: { total: 18_446_744_073_709_551_615n, avg10: 0.5, avg300: 99.99 } },
      },
      io: { psi: { some: { avg60: 1e-9 } } },
    }),
  ),
  row(
    'StatusResponse',
    StatusResponse,
    StatusResponse.fromPartial({
      status: {
        conditions: [
          { type: 'RuntimeReady', status: true },
          { type: 'NetworkReady', reason: 'X' },
        ],
      },
      info: { config: '{}' },
      runtimeHandlers: [{ name: '', features: { userNamespaces: true } }],
      features: { supplementalGroupsPolicy: true },
    }),
  ),
  row('ListContainersResponse', ListContainersResponse, ListContainersResponse.fromPartial({})),
];

describe('the generated codec', () => {
  it.each(ROWS)('$name comes back whole from an independent codec', ({ name, bytes, decode, message }) => {
    expect(decode(throughTheOtherCodec(name, bytes()))).toEqual(message);
  });

  it('keeps "zero" and "not given" apart where the contract does', () => {
    const decoded = ContainerConfig.decode(ContainerConfig.encode(config).finish());
    expect(decoded.linux?.securityContext?.runAsUser).toEqual({ value: 0n });
    expect(decoded.linux?.securityContext?.apparmor).toBeUndefined();
  });

  it('skips fields that it does not know, such as those of Windows and of later releases', () => {
    const known = Mount.encode(Mount.fromPartial({ containerPath: '/x' })).finish();
    const mountOptions = Buffer.from([11 * 8 + 2, 2, 0x72, 0x6f]); // mount_options = 11 of CRI 1.37: "ro"
    expect(Mount.decode(Buffer.concat([known, mountOptions]))).toEqual(Mount.fromPartial({ containerPath: '/x' }));
  });

  it('keeps an enum value of a later release as its number', () => {
    expect(ContainerStatus.decode(Buffer.from([3 * 8, 77])).state).toBe(77);
  });

  it('refuses bytes that end inside a field', () => {
    const bytes = ContainerConfig.encode(config).finish();
    expect(() => ContainerConfig.decode(bytes.subarray(0, bytes.length - 1))).toThrow();
  });
});

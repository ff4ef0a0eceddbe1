import { LABEL } from '../../../../src/kubelet/runtime/labels.ts';
import { type ContainerStats, PodSandboxStats } from '../../../../src/rpc/cri-api.ts';

const AT = 1_700_000_000_500_000_000n;
const PSI = { total: 2_000_000_000n, avg10: 1, avg60: 2, avg300: 3 };
const psi = { full: PSI, some: PSI };
const labels = (uid: string, container?: string) => ({
  [LABEL.podName]: 'web',
  [LABEL.podNamespace]: 'default',
  [LABEL.podUid]: uid,
  ...(container === undefined ? {} : { [LABEL.containerName]: container }),
});

/** Milliseconds at which all of it was read. */
export const READ_AT = 1_700_000_000_500;

/** A container of the pod `uid-web`, with so many seconds of CPU and MiB of memory. */
export function criContainer(id: string, name: string, seconds: number, mebibytes: number) {
  const bytes = (count: number) => ({ value: BigInt(count * (1 << 20)) });
  return {
    attributes: { id, metadata: { name, attempt: 0 }, labels: labels('uid-web', name) },
    cpu: { timestamp: AT, usageCoreNanoSeconds: { value: BigInt(seconds) * 1_000_000_000n }, psi },
    memory: {
      timestamp: AT,
      workingSetBytes: bytes(mebibytes),
      usageBytes: bytes(mebibytes + 1),
      rssBytes: bytes(mebibytes),
      pageFaults: { value: 5n },
      majorPageFaults: { value: 1n },
      psi,
    },
    writableLayer: {
      timestamp: AT,
      fsId: { mountpoint: '/var/lib/images' },
      usedBytes: bytes(1),
      inodesUsed: { value: 3n },
    },
    swap: { timestamp: AT, swapUsageBytes: { value: 4096n }, swapAvailableBytes: { value: 8192n } },
    io: { timestamp: AT, psi },
  } satisfies DeepPartial<ContainerStats>;
}

/** The pod `default/web` with two links and the given containers. */
export function criPod(containers: readonly object[], uid = 'uid-web'): PodSandboxStats {
  const counters = { rxErrors: { value: 0n }, txErrors: { value: 1n } };
  return PodSandboxStats.fromPartial({
    attributes: { id: 'sandbox', metadata: { name: 'web', namespace: 'default', uid }, labels: labels(uid) },
    linux: {
      cpu: { timestamp: AT, usageCoreNanoSeconds: { value: 9_000_000_000n }, usageNanoCores: { value: 250_000_000n } },
      memory: { timestamp: AT, workingSetBytes: { value: 100n << 20n } },
      network: {
        timestamp: AT,
        defaultInterface: { name: 'eth0', rxBytes: { value: 10n }, txBytes: { value: 20n }, ...counters },
        interfaces: [{ name: 'net1', rxBytes: { value: 1n }, txBytes: { value: 2n }, ...counters }],
      },
      process: { timestamp: AT, processCount: { value: 4n } },
      containers: [...containers],
      io: { timestamp: AT, psi },
    },
  });
}

type DeepPartial<T> = {
  [K in keyof T]?: T[K] extends object | undefined ? DeepPartial<NonNullable<T[K]>> | undefined : T[K];
};

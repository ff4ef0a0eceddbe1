import type { Container, ContainerStatus } from '../../rpc/cri-api.ts';
import { criSignalValue } from '../cri-signal.ts';
import { type ContainerRecord, criContainerState } from '../store/container-record.ts';

/** The row of ListContainers. Pure. */
export function containerListItem(record: ContainerRecord): Container {
  return {
    id: record.id,
    podSandboxId: record.sandboxId,
    metadata: record.config.metadata,
    image: record.config.image,
    imageRef: record.imageRef,
    imageId: record.imageId,
    state: criContainerState(record),
    createdAt: record.createdAt ?? 0n,
    labels: record.config.labels,
    annotations: record.config.annotations,
  };
}

/** The status of ContainerStatus. Pure. */
export function containerStatus(record: ContainerRecord): ContainerStatus {
  const { config, user } = record;
  return {
    id: record.id,
    metadata: config.metadata,
    state: criContainerState(record),
    createdAt: record.createdAt ?? 0n,
    startedAt: record.startedAt ?? 0n,
    finishedAt: record.finishedAt ?? 0n,
    exitCode: record.exitCode ?? 0,
    image: config.image,
    imageRef: record.imageRef,
    imageId: record.imageId,
    reason: record.reason ?? '',
    message: record.message ?? '',
    labels: config.labels,
    annotations: config.annotations,
    mounts: config.mounts,
    logPath: record.logPath,
    resources: config.linux?.resources === undefined ? undefined : { linux: config.linux.resources },
    user:
      user === undefined
        ? undefined
        : {
            linux: {
              uid: BigInt(user.uid),
              gid: BigInt(user.gid),
              supplementalGroups: user.additionalGids.map(BigInt),
            },
          },
    stopSignal: criSignalValue(record.stopSignal),
  };
}

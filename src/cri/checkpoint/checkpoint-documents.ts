import type { ContainerStatus } from '../../rpc/cri-api.ts';

/** The texts about a container that stand in its checkpoint, by their names there. They are what containerd writes, so that what reads its archives reads these. */
export type CheckpointDocuments = ReadonlyMap<string, string>;

/**
 * `config.dump` (what was checkpointed, from which image, when), `spec.dump` (its OCI specification), `status.dump` (its CRI status with the names that the protocol
 * spells) and `status` (containerd's own record, which checkpointctl reads). Times in `status.dump` and `status` are nanoseconds since the epoch. Pure.
 */
export function checkpointDocuments(of: {
  readonly status: ContainerStatus;
  readonly spec: string;
  readonly runtime: string;
  readonly pid: number;
  /** Nanoseconds since the epoch. */
  readonly now: bigint;
}): CheckpointDocuments {
  const { status, now } = of;
  const image = status.image?.image ?? '';
  const config = {
    id: status.id,
    name: status.metadata?.name ?? '',
    rootfsImage: image,
    rootfsImageRef: status.imageRef,
    rootfsImageName: image,
    runtime: of.runtime,
    createdTime: rfc3339(status.createdAt),
    checkpointedTime: rfc3339(now),
    restoredTime: '0001-01-01T00:00:00Z',
    restored: false,
  };
  const record = {
    Version: 'v1',
    Pid: of.pid,
    CreatedAt: status.createdAt,
    StartedAt: status.startedAt,
    FinishedAt: 0,
    ExitCode: 0,
    Reason: '',
    Message: '',
  };
  return new Map([
    ['config.dump', json(config)],
    ['spec.dump', of.spec],
    ['status.dump', json(statusFields(status))],
    ['status', json(record)],
  ]);
}

function statusFields(status: ContainerStatus): object {
  return {
    id: status.id,
    metadata: { name: status.metadata?.name, attempt: status.metadata?.attempt },
    state: status.state,
    created_at: status.createdAt,
    started_at: status.startedAt,
    image: { image: status.image?.image, user_specified_image: status.image?.userSpecifiedImage },
    image_ref: status.imageRef,
    image_id: status.imageId,
    labels: status.labels,
    annotations: status.annotations,
    mounts: status.mounts.map(mount => ({
      container_path: mount.containerPath,
      host_path: mount.hostPath,
      readonly: mount.readonly,
      selinux_relabel: mount.selinuxRelabel,
      propagation: mount.propagation,
    })),
    log_path: status.logPath,
  };
}

/** JSON in which large integers stand as they are. */
function json(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${json(field)}`).join(',')}}`;
}

function rfc3339(ns: bigint): string {
  const seconds = new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${(ns % 1_000_000_000n).toString().padStart(9, '0')}Z`;
}

import type { PodSandbox, PodSandboxStatus } from '../../rpc/cri-api.ts';
import { criSandboxState, type SandboxRecord } from '../store/sandbox-record.ts';

/** The row of ListPodSandbox. Pure. */
export function sandboxListItem(record: SandboxRecord): PodSandbox {
  return {
    id: record.id,
    metadata: record.config.metadata,
    state: criSandboxState(record),
    createdAt: record.createdAt,
    labels: record.config.labels,
    annotations: record.config.annotations,
    runtimeHandler: record.runtimeHandler,
  };
}

/** The status of PodSandboxStatus. IPs are shown while the network is there; a pod on the host network has none of its own. Pure. */
export function sandboxStatus(record: SandboxRecord): PodSandboxStatus {
  const [ip = '', ...additional] = record.releasedAt === undefined ? record.ips : [];
  const options = record.config.linux?.securityContext?.namespaceOptions;
  return {
    id: record.id,
    metadata: record.config.metadata,
    state: criSandboxState(record),
    createdAt: record.createdAt,
    network: { ip, additionalIps: additional.map(other => ({ ip: other })) },
    linux: { namespaces: { options } },
    labels: record.config.labels,
    annotations: record.config.annotations,
    runtimeHandler: record.runtimeHandler,
  };
}

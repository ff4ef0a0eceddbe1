import type { Lease } from '../../api/types/gen/coordination-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { errorMessage, isAlreadyExists, isNotFound } from '../../base/errors.ts';
import { deadlineSignal, sleep } from '../../base/signals.ts';
import type { ResourceId } from '../../client/api-object.ts';
import type { ApiConnection } from '../../client/connection.ts';
import { ResourceClient } from '../../client/resource-client.ts';

const LEASES: ResourceId = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' };
const NAMESPACE = 'kube-node-lease';
/** Upstream: renewed four times within its duration; after a failure again after 200 ms, doubled up to 7 s. */
const RENEWALS = 4;
const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 7_000;

export interface NodeLeaseOptions {
  readonly connection: ApiConnection;
  readonly nodeName: string;
  /** Of the Node, which owns the lease; undefined where it is not known. */
  readonly nodeUid: () => string | undefined;
  /** nodeLeaseDurationSeconds. */
  readonly durationSeconds: number;
  readonly clock: Clock;
  readonly onTrouble: (message: string) => void;
}

/** Renews the lease by which the control plane sees that this node is alive, until the signal aborts. Never rejects. */
export async function keepNodeLease(options: NodeLeaseOptions, signal: AbortSignal): Promise<void> {
  const { connection, durationSeconds, clock, onTrouble } = options;
  const leases = new ResourceClient<Lease>(connection, LEASES);
  const renewMs = (durationSeconds * 1000) / RENEWALS;
  let known: Lease | undefined;
  let failures = 0;
  while (!signal.aborted) {
    const attempt = deadlineSignal(renewMs, 'the node lease to be renewed', signal, clock);
    let pauseMs = renewMs;
    try {
      known = await renew(options, leases, known, attempt.signal);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      // somebody else wrote it, or it is gone: it is read anew
      known = undefined;
      if (failures === 0) onTrouble(`the node lease was not renewed: ${errorMessage(error)}`);
      pauseMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 10), MAX_RETRY_MS);
      failures += 1;
    } finally {
      attempt.release();
    }
    await sleep(pauseMs, signal, clock).catch(() => undefined);
  }
}

async function renew(
  options: NodeLeaseOptions,
  leases: ResourceClient<Lease>,
  known: Lease | undefined,
  signal: AbortSignal,
): Promise<Lease> {
  const lease = known ?? (await read(leases, options.nodeName, signal));
  if (lease !== undefined) return leases.update(renewed(options, lease), signal);
  try {
    return await leases.create(
      renewed(options, { metadata: { name: options.nodeName, namespace: NAMESPACE }, spec: {} }),
      signal,
    );
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return leases.update(renewed(options, await leases.get(NAMESPACE, options.nodeName, signal)), signal);
  }
}

async function read(leases: ResourceClient<Lease>, name: string, signal: AbortSignal): Promise<Lease | undefined> {
  try {
    return await leases.get(NAMESPACE, name, signal);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function renewed({ nodeName, nodeUid, durationSeconds, clock }: NodeLeaseOptions, lease: Lease): Lease {
  const uid = nodeUid();
  const owned = (lease.metadata.ownerReferences ?? []).length > 0 || uid === undefined;
  return {
    ...lease,
    metadata: owned
      ? lease.metadata
      : { ...lease.metadata, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }] },
    spec: {
      ...lease.spec,
      holderIdentity: nodeName,
      leaseDurationSeconds: durationSeconds,
      renewTime: new Date(clock.now()).toISOString().replace('Z', '000Z'),
    },
  };
}

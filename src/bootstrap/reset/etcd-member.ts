import { existsSync, readFileSync } from 'node:fs';
import { errorMessage } from '../../base/errors.ts';
import { sleep } from '../../base/signals.ts';
import { EtcdClient } from '../../etcd/client.ts';
import { EtcdError } from '../../etcd/errors.ts';
import type { Files } from '../files.ts';
import type { Marker } from '../marker/format.ts';
import { etcdMember } from '../marker/paths.ts';

const ENDPOINT = 'https://127.0.0.1:2379';
const CALL_PATIENCE_MS = 3000;
/** etcd lets no member go while those that would be left have not been connected for 5 s, as after a start of one of them: it is asked again meanwhile. */
const UNHEALTHY = 'etcdserver: unhealthy cluster';
const UNHEALTHY_PATIENCE_MS = 8000;
const RETRY_MS = 500;

export type MemberOutcome = 'removed' | 'last' | 'unknown';

/**
 * Takes the member whose data lies here out of the etcd cluster, so that the others do not count on it. The last one has nobody to tell. Throws when etcd does not answer, or does not
 * let it go within some seconds. Unless `dryRun`: then it only tells what it would do.
 */
export async function removeLocalMember(
  files: Files,
  advertised: (peerUrl: string) => boolean,
  options: { readonly dryRun: boolean; readonly signal: AbortSignal },
): Promise<MemberOutcome> {
  const pem = (name: string): Buffer => readFileSync(`${files.pkiDir}/${name}`);
  const client = new EtcdClient({
    endpoints: [ENDPOINT],
    timeoutMs: CALL_PATIENCE_MS,
    retryMs: 0,
    tls: { ca: pem('etcd/ca.crt'), cert: pem('etcd/healthcheck-client.crt'), key: pem('etcd/healthcheck-client.key') },
  });
  try {
    const members = await client.members({ signal: options.signal });
    if (members.length <= 1) return 'last';
    const own = members.find(({ peerUrls }) => peerUrls.some(advertised));
    if (own === undefined) return 'unknown';
    if (!options.dryRun) await leave(client, own.id, options.signal);
    return 'removed';
  } finally {
    client.close();
  }
}

async function leave(client: EtcdClient, id: string, signal: AbortSignal): Promise<void> {
  for (let waited = 0; ; waited += RETRY_MS)
    try {
      return await client.removeMember(id, { signal });
    } catch (error) {
      if (!isUnhealthy(error) || waited >= UNHEALTHY_PATIENCE_MS) throw error;
      await sleep(RETRY_MS, signal);
    }
}

/** Why a member is still in its cluster, for people. Pure. */
export function memberProblem(error: unknown): string {
  const what = isUnhealthy(error)
    ? 'etcd does not let its member go'
    : 'etcd does not answer, so its member is not removed';
  return `${what}: ${errorMessage(error)}. Where other members are left, remove it there with "etcdctl member remove"`;
}

function isUnhealthy(error: unknown): boolean {
  return error instanceof EtcdError && error.said.includes(UNHEALTHY);
}

/** Whether this node has had an etcd of its own to leave: by its marker, for one of somebody else may have its data and keys in the same places. */
export function hasLocalEtcd(files: Files, marker: Marker | undefined): boolean {
  const member = etcdMember(files);
  return (
    marker?.made.includes(member) === true &&
    existsSync(member) &&
    existsSync(`${files.pkiDir}/etcd/healthcheck-client.key`)
  );
}

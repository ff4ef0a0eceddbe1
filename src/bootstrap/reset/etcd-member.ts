import { existsSync, readFileSync } from 'node:fs';
import { EtcdClient } from '../../etcd/client.ts';
import type { Files } from '../files.ts';
import type { Marker } from '../marker/format.ts';
import { etcdMember } from '../marker/paths.ts';

const ENDPOINT = 'https://127.0.0.1:2379';
const CALL_PATIENCE_MS = 3000;

export type MemberOutcome = 'removed' | 'last' | 'unknown';

/**
 * Takes the member whose data lies here out of the etcd cluster, so that the others do not count on it. The last one has nobody to tell. Throws when etcd does not answer.
 * Unless `dryRun`: then it only tells what it would do.
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
    if (!options.dryRun) await client.removeMember(own.id, { signal: options.signal });
    return 'removed';
  } finally {
    client.close();
  }
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

import { readFileSync } from 'node:fs';
import { unavailable } from '../../base/errors.ts';
import type { Files } from '../../bootstrap/files.ts';
import { EtcdClient, type Member, type StatusResponse } from '../../etcd/client.ts';
import type { EtcdTls } from '../../etcd/connection.ts';
import type { Reach } from '../reach/reach.ts';
import { answerOf } from './answer.ts';
import type { EtcdFacts, EtcdMemberFacts } from './facts.ts';

const LOCAL = 'https://127.0.0.1:2379';
/** Members are asked side by side, and then others of them: both within the time of the whole. */
const CALL_MS = 1100;

/**
 * Asks the etcd of this machine for its members, each of them for its state, and for alarms. A member that does not answer is told as such; without a leader nobody
 * knows who the members are, and the own one alone is asked. Throws where the own one does not answer.
 */
export async function askEtcd(files: Files, reach: Reach, signal: AbortSignal): Promise<EtcdFacts> {
  const silence = reach.silenceAt(`${files.pkiDir}/etcd/healthcheck-client.key`);
  if (silence !== undefined) throw unavailable(`it is not asked, for want of a certificate: ${silence}`);
  const pem = (name: string): Buffer => readFileSync(`${files.pkiDir}/etcd/${name}`);
  const tls = { ca: pem('ca.crt'), cert: pem('healthcheck-client.crt'), key: pem('healthcheck-client.key') };
  const client = new EtcdClient({ endpoints: [LOCAL], timeoutMs: CALL_MS, retryMs: 0, tls });
  try {
    const [own, members, alarms] = await Promise.all([
      client.status(LOCAL, { signal }),
      client.members({ signal }).catch(() => []),
      client.alarms({ signal }).catch(() => []),
    ]);
    const nameOf = (id: string): string => members.find(member => member.id === id)?.name ?? id;
    return {
      members: await memberFacts(own, members, tls, signal),
      alarms: alarms.map(({ memberId, alarm }) => ({ member: nameOf(memberId), alarm })),
    };
  } finally {
    client.close();
  }
}

async function memberFacts(
  own: StatusResponse,
  members: readonly Member[],
  tls: EtcdTls,
  signal: AbortSignal,
): Promise<readonly EtcdMemberFacts[]> {
  const [only = { id: '', name: '', isLearner: own.isLearner }, ...more] = members;
  // one alone is at hand already; each of several is asked where it says that it serves, for an answer does not tell whose it is
  if (more.length === 0) {
    const { id, name, isLearner } = only;
    return [{ id, name, isLearner, status: { answered: true, ...memberStatus(own, id) } }];
  }
  return Promise.all(
    members.map(async ({ id, name, isLearner, clientUrls }) => {
      const url = clientUrls[0] ?? '';
      return {
        id,
        name,
        isLearner,
        status: await answerOf(url, signal, within => askMember(url, id, tls, within), CALL_MS),
      };
    }),
  );
}

async function askMember(
  url: string,
  id: string,
  tls: EtcdTls,
  signal: AbortSignal,
): Promise<ReturnType<typeof memberStatus>> {
  const client = new EtcdClient({ endpoints: [url], timeoutMs: CALL_MS, retryMs: 0, tls });
  try {
    return memberStatus(await client.status(url, { signal }), id);
  } finally {
    client.close();
  }
}

function memberStatus({ version, leader, dbSize, dbSizeInUse, errors }: StatusResponse, id: string) {
  return {
    version,
    isLeader: leader === id,
    hasLeader: leader !== '0',
    dbBytes: dbSize,
    dbBytesInUse: dbSizeInUse,
    errors,
  };
}

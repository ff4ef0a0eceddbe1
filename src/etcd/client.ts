import { ClusterService, type Member } from '../rpc/gen/etcd/cluster.ts';
import {
  type Compare,
  Compare_CompareResult,
  Compare_CompareTarget,
  type KeyValue,
  KVService,
  RangeRequest_SortOrder,
  RangeRequest_SortTarget,
  type RequestOp,
  type ResponseOp,
} from '../rpc/gen/etcd/kv.ts';
import { LeaseService } from '../rpc/gen/etcd/lease.ts';
import {
  AlarmRequest_AlarmAction,
  AlarmType,
  MaintenanceService,
  type StatusResponse,
} from '../rpc/gen/etcd/maintenance.ts';
import { type EtcdCallOptions, EtcdConnection, type EtcdOptions } from './connection.ts';
import { EtcdError } from './errors.ts';
import { keepAlive } from './keep-alive.ts';
import { snapshot } from './snapshot.ts';
import { type WatchBatch, type WatchOptions, watch } from './watch.ts';

export type { KeyValue, Member, RequestOp, ResponseOp, StatusResponse };

export interface RangeOptions extends EtcdCallOptions {
  /** Exclusive; absent: the one key. */
  readonly end?: string;
  /** 0 or absent: all. */
  readonly limit?: number;
  /** 0 or absent: now. */
  readonly revision?: number;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
}

export interface RangeAnswer {
  readonly kvs: readonly KeyValue[];
  /** Of the store, when the answer was made. */
  readonly revision: number;
  /** Keys in the range, whatever the limit. */
  readonly count: number;
}

export interface TxnAnswer {
  readonly succeeded: boolean;
  readonly revision: number;
  readonly responses: readonly ResponseOp[];
}

const EMPTY = Buffer.alloc(0);

/**
 * The calls of one etcd cluster. Keys are text; values are bytes. Failures are EtcdErrors, an aborted call throws the reason of its signal.
 * Reads are made again at other members; what writes is not, once it may have arrived (see EtcdConnection.call).
 */
export class EtcdClient {
  readonly connection: EtcdConnection;

  constructor(options: EtcdOptions) {
    this.connection = new EtcdConnection(options);
  }

  /** Linearizable. */
  async range(key: string, options: RangeOptions = {}): Promise<RangeAnswer> {
    const request = {
      key: Buffer.from(key),
      rangeEnd: options.end === undefined ? EMPTY : Buffer.from(options.end),
      limit: options.limit ?? 0,
      revision: options.revision ?? 0,
      sortOrder: RangeRequest_SortOrder.NONE,
      sortTarget: RangeRequest_SortTarget.KEY,
      serializable: false,
      keysOnly: options.keysOnly ?? false,
      countOnly: options.countOnly ?? false,
    };
    const answer = await this.connection.call(KVService.range, request, { ...options, changesNothing: true });
    return { kvs: answer.kvs, count: answer.count, revision: answer.header?.revision ?? 0 };
  }

  /** Returns the revision of the write. `lease` is the id of a lease. */
  async put(
    key: string,
    value: Buffer,
    options: EtcdCallOptions & { readonly lease?: string } = {},
  ): Promise<{ revision: number }> {
    const request = { ...putRequest(key, value, options.lease) };
    const answer = await this.connection.call(KVService.put, request, { ...options, changesNothing: false });
    return { revision: answer.header?.revision ?? 0 };
  }

  /** Deletes a key, or all from `key` up to `end`; none being there is no error. */
  async delete(
    key: string,
    options: EtcdCallOptions & { readonly end?: string } = {},
  ): Promise<{ deleted: number; revision: number }> {
    const request = {
      key: Buffer.from(key),
      rangeEnd: options.end === undefined ? EMPTY : Buffer.from(options.end),
      prevKv: false,
    };
    const answer = await this.connection.call(KVService.deleteRange, request, { ...options, changesNothing: false });
    return { deleted: answer.deleted, revision: answer.header?.revision ?? 0 };
  }

  /** Atomic: when every compare holds `success` is carried out, else `failure`. */
  async txn(
    compare: readonly Compare[],
    success: readonly RequestOp[],
    failure: readonly RequestOp[],
    options: EtcdCallOptions = {},
  ): Promise<TxnAnswer> {
    const request = { compare, success, failure };
    const answer = await this.connection.call(KVService.txn, request, { ...options, changesNothing: false });
    return { succeeded: answer.succeeded, revision: answer.header?.revision ?? 0, responses: answer.responses };
  }

  /** Forgets history below `revision`. Throws `compacted` when that has happened already. */
  async compact(revision: number, options: EtcdCallOptions & { readonly physical?: boolean } = {}): Promise<void> {
    const request = { revision, physical: options.physical ?? false };
    await this.connection.call(KVService.compact, request, { ...options, changesNothing: false });
  }

  /** Changes of a key or range from a revision on, in order, each exactly once, over broken connections. See `watch`. */
  watch(options: WatchOptions): AsyncGenerator<WatchBatch> {
    return watch(this.connection, options);
  }

  /** A lease of at least `ttlSeconds`; its id is decimal text. */
  async grantLease(ttlSeconds: number, options: EtcdCallOptions = {}): Promise<{ id: string; ttlSeconds: number }> {
    const answer = await this.connection.call(
      LeaseService.leaseGrant,
      { ttl: ttlSeconds, id: '0' },
      { ...options, changesNothing: false },
    );
    if (answer.error !== '') throw new EtcdError('internal', 'other', `etcd LeaseGrant: ${answer.error}`);
    return { id: answer.id, ttlSeconds: answer.ttl };
  }

  /** Ends a lease and deletes its keys. Throws `lease-not-found` when it is gone. */
  async revokeLease(id: string, options: EtcdCallOptions = {}): Promise<void> {
    await this.connection.call(LeaseService.leaseRevoke, { id }, { ...options, changesNothing: false });
  }

  /** Seconds that are left, undefined when the lease is gone. */
  async leaseTimeToLive(
    id: string,
    options: EtcdCallOptions = {},
  ): Promise<{ ttlSeconds: number; grantedSeconds: number; keys: string[] } | undefined> {
    const request = { id, keys: true };
    const answer = await this.connection.call(LeaseService.leaseTimeToLive, request, {
      ...options,
      changesNothing: true,
    });
    if (answer.ttl < 0) return undefined;
    return { ttlSeconds: answer.ttl, grantedSeconds: answer.grantedTtl, keys: answer.keys.map(k => k.toString()) };
  }

  /** Renews a lease until the signal aborts (then it throws the reason) or the lease is gone (`lease-not-found`). See `keepAlive`. */
  keepLeaseAlive(id: string, ttlSeconds: number, signal: AbortSignal): Promise<never> {
    return keepAlive(this.connection, id, ttlSeconds, signal);
  }

  async members(options: EtcdCallOptions = {}): Promise<readonly Member[]> {
    const request = { linearizable: true };
    return (await this.connection.call(ClusterService.memberList, request, { ...options, changesNothing: true }))
      .members;
  }

  /** The new member, not started yet. A learner does not vote until it is promoted. */
  async addMember(
    peerUrls: readonly string[],
    options: EtcdCallOptions & { readonly learner: boolean },
  ): Promise<Member> {
    const request = { peerUrls, isLearner: options.learner };
    const answer = await this.connection.call(ClusterService.memberAdd, request, { ...options, changesNothing: false });
    if (answer.member === undefined) throw new EtcdError('internal', 'other', 'etcd MemberAdd: the answer is empty');
    return answer.member;
  }

  async removeMember(id: string, options: EtcdCallOptions = {}): Promise<void> {
    await this.connection.call(ClusterService.memberRemove, { id }, { ...options, changesNothing: false });
  }

  /** Makes a learner vote. Throws `failed-precondition` while it lags behind. */
  async promoteMember(id: string, options: EtcdCallOptions = {}): Promise<void> {
    await this.connection.call(ClusterService.memberPromote, { id }, { ...options, changesNothing: false });
  }

  /** Version, size and health of the member behind one endpoint. */
  status(endpoint: string, options: EtcdCallOptions = {}): Promise<StatusResponse> {
    return this.connection.callMember(endpoint, MaintenanceService.status, {}, options);
  }

  /** Gives the space of compacted history of one member back. The member answers nothing else meanwhile. */
  async defragment(endpoint: string, options: EtcdCallOptions = {}): Promise<void> {
    await this.connection.callMember(endpoint, MaintenanceService.defragment, {}, options);
  }

  /** What alarms are raised; with NOSPACE a member takes no writes. */
  async alarms(options: EtcdCallOptions = {}): Promise<readonly { memberId: string; alarm: 'no-space' | 'corrupt' }[]> {
    const request = { action: AlarmRequest_AlarmAction.GET, memberId: '0', alarm: AlarmType.NONE };
    const answer = await this.connection.call(MaintenanceService.alarm, request, { ...options, changesNothing: true });
    return answer.alarms.map(a => ({
      memberId: a.memberId,
      alarm: a.alarm === AlarmType.CORRUPT ? 'corrupt' : 'no-space',
    }));
  }

  /** Ends the NOSPACE alarm of every member. */
  async clearSpaceAlarm(options: EtcdCallOptions = {}): Promise<void> {
    const request = { action: AlarmRequest_AlarmAction.DEACTIVATE, memberId: '0', alarm: AlarmType.NOSPACE };
    await this.connection.call(MaintenanceService.alarm, request, { ...options, changesNothing: true });
  }

  /** The member's database as a stream of pieces, for a file that `etcdutl snapshot restore` takes. See `snapshot`. */
  snapshot(signal: AbortSignal): AsyncGenerator<Buffer> {
    return snapshot(this.connection, signal);
  }

  /** Ends every open call and stream. */
  close(): void {
    this.connection.close();
  }
}

/** The first key after all that begin with `prefix` (which ends in an ASCII character here). */
export function prefixEnd(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

/** Holds when the key was last changed at `revision`; 0: when it is not there. */
export function compareModRevision(key: string, revision: number): Compare {
  return {
    key: Buffer.from(key),
    target: Compare_CompareTarget.MOD,
    result: Compare_CompareResult.EQUAL,
    modRevision: revision,
    rangeEnd: EMPTY,
  };
}

/** Holds when the key has been written `version` times since its creation; 0: when it is not there. */
export function compareVersion(key: string, version: number): Compare {
  return {
    key: Buffer.from(key),
    target: Compare_CompareTarget.VERSION,
    result: Compare_CompareResult.EQUAL,
    version,
    rangeEnd: EMPTY,
  };
}

export function opPut(key: string, value: Buffer, lease?: string): RequestOp {
  return { requestPut: putRequest(key, value, lease) };
}

export function opGet(key: string): RequestOp {
  return {
    requestRange: {
      key: Buffer.from(key),
      rangeEnd: EMPTY,
      limit: 0,
      revision: 0,
      sortOrder: RangeRequest_SortOrder.NONE,
      sortTarget: RangeRequest_SortTarget.KEY,
      serializable: false,
      keysOnly: false,
      countOnly: false,
    },
  };
}

export function opDelete(key: string): RequestOp {
  return { requestDeleteRange: { key: Buffer.from(key), rangeEnd: EMPTY, prevKv: false } };
}

function putRequest(key: string, value: Buffer, lease: string | undefined) {
  return {
    key: Buffer.from(key),
    value,
    lease: lease ?? '0',
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  };
}

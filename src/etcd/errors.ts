import { type ServiceError, status } from '@grpc/grpc-js';
import { type ErrorCode, GantryError } from '../base/errors.ts';
import { fromServiceError } from '../rpc/status.ts';

/** What etcd refused, where that matters to a caller; `other` is told by the code alone. */
export type EtcdFault =
  | 'compacted'
  | 'future-revision'
  | 'lease-not-found'
  | 'no-space'
  | 'request-too-large'
  | 'no-leader'
  | 'server-timeout'
  | 'not-sent'
  | 'other';

/** A failed call or watch. `code` is its meaning, `fault` the part of it that only etcd has. */
export class EtcdError extends GantryError {
  readonly fault: EtcdFault;
  /** For `compacted` watches: the first revision that is left. 0 where etcd does not say. */
  readonly compactRevision: number;
  /** The words of etcd alone; empty where it said nothing. */
  readonly said: string;

  constructor(
    code: ErrorCode,
    fault: EtcdFault,
    message: string,
    options: { cause?: unknown; compactRevision?: number; said?: string } = {},
  ) {
    super(code, message, options);
    this.name = 'EtcdError';
    this.fault = fault;
    this.compactRevision = options.compactRevision ?? 0;
    this.said = options.said ?? '';
  }
}

/** Beginnings of the texts that etcd (api/v3rpc/rpctypes) and the gRPC library send; codes alone do not tell these apart. */
const FAULTS: readonly (readonly [text: string, fault: EtcdFault])[] = [
  ['etcdserver: mvcc: required revision has been compacted', 'compacted'],
  ['etcdserver: mvcc: required revision is a future revision', 'future-revision'],
  ['etcdserver: requested lease not found', 'lease-not-found'],
  ['etcdserver: mvcc: database space exceeded', 'no-space'],
  ['etcdserver: request is too large', 'request-too-large'],
  ['grpc: received message larger than max', 'request-too-large'],
  ['etcdserver: no leader', 'no-leader'],
  ['etcdserver: request timed out', 'server-timeout'],
  ['etcdserver: leader changed', 'server-timeout'],
  ['No connection established', 'not-sent'],
  ['Name resolution failed', 'not-sent'],
];

/** The fault that a text of etcd or of the gRPC library names. */
export function faultOf(details: string): EtcdFault {
  return FAULTS.find(([text]) => details.startsWith(text))?.[1] ?? 'other';
}

/** The error a caller gets for a failed call of etcd. */
export function fromEtcdServiceError(error: ServiceError, method: string, endpoint: string): EtcdError {
  const { code, message } = fromServiceError(error, method, endpoint);
  const fault = faultOf(error.details);
  const named = error.code === status.UNAVAILABLE || message.startsWith(method) ? message : `${method}: ${message}`;
  const said = error.details;
  return new EtcdError(code, fault, fault === 'no-space' ? `${named}; ${NO_SPACE}` : named, { cause: error, said });
}

const NO_SPACE = 'compact and defragment etcd, then clear its alarm, or raise --quota-backend-bytes';

export function isCompacted(error: unknown): error is EtcdError {
  return error instanceof EtcdError && error.fault === 'compacted';
}

/**
 * Whether a call may be made again. One that never left this machine always may. One that may have reached etcd only when it changes nothing:
 * its answer got lost, so whether it was carried out is not known.
 */
export function mayRepeat(error: unknown, changesNothing: boolean): boolean {
  if (!(error instanceof EtcdError)) return false;
  if (error.fault === 'not-sent') return true;
  if (!changesNothing) return false;
  return error.code === 'unavailable' || error.fault === 'server-timeout';
}

/** Whether another member might do better: this one is away, keeps silent, or has lost its leader. */
export function isOfMember(error: unknown): boolean {
  if (!(error instanceof EtcdError)) return false;
  return error.code === 'unavailable' || error.code === 'deadline-exceeded' || error.fault === 'server-timeout';
}

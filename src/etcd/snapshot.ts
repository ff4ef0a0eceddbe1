import type { ServiceError } from '@grpc/grpc-js';
import { MaintenanceService, type SnapshotResponse } from '../rpc/gen/etcd/maintenance.ts';
import { type EtcdConnection, nameOf } from './connection.ts';
import { EtcdError, fromEtcdServiceError } from './errors.ts';

/**
 * Yields the database of one member in pieces, followed by the SHA-256 over it (32 bytes), as it is written to a snapshot file. Throws
 * `data-loss` when the stream ends before etcd had sent all that it announced, so a file is whole only when the generator has ended.
 */
export async function* snapshot(connection: EtcdConnection, signal: AbortSignal): AsyncGenerator<Buffer> {
  signal.throwIfAborted();
  const { stream, endpoint } = connection.openServerStream(MaintenanceService.snapshot, {});
  const onAbort = (): void => stream.cancel();
  signal.addEventListener('abort', onAbort, { once: true });
  let remaining = -1;
  try {
    for await (const response of stream as AsyncIterable<SnapshotResponse>) {
      remaining = response.remainingBytes;
      yield response.blob;
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof Error && 'code' in error && 'details' in error)
      throw fromEtcdServiceError(error as ServiceError, nameOf(MaintenanceService.snapshot), endpoint);
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    stream.on('error', () => {});
    stream.cancel();
  }
  if (remaining !== 0)
    throw new EtcdError('data-loss', 'other', `etcd Snapshot: ${endpoint} ended the stream before all was sent`);
}

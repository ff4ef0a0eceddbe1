import { sleep } from '../base/signals.ts';
import { type LeaseKeepAliveResponse, LeaseService } from '../rpc/gen/etcd/lease.ts';
import type { EtcdConnection } from './connection.ts';
import { EtcdError } from './errors.ts';

/**
 * Renews a lease three times per `ttlSeconds` (as etcd's own client), over broken streams. Ends only by throwing: the reason of the signal,
 * or `lease-not-found` when etcd says so or when no renewal has been confirmed for a whole `ttlSeconds`.
 */
export async function keepAlive(
  connection: EtcdConnection,
  id: string,
  ttlSeconds: number,
  signal: AbortSignal,
): Promise<never> {
  let confirmed = performance.now();
  let lastError: unknown;
  for (;;) {
    signal.throwIfAborted();
    try {
      const ttl = await renewOnce(connection, id, (ttlSeconds * 1000) / 3, signal);
      if (ttl <= 0) throw gone(id, 'etcd says so', undefined);
      confirmed = performance.now();
      await sleep((ttlSeconds * 1000) / 3, signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof EtcdError && error.fault === 'lease-not-found') throw error;
      lastError = error;
      if (performance.now() - confirmed > ttlSeconds * 1000)
        throw gone(id, `no renewal was confirmed for ${ttlSeconds} s`, lastError);
      await sleep(Math.min(500, (ttlSeconds * 1000) / 6), signal);
    }
  }
}

/** One renewal on a stream of its own, which no one has to watch between renewals. Returns the seconds that the lease has then. */
function renewOnce(connection: EtcdConnection, id: string, timeoutMs: number, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const { stream, endpoint, failed } = connection.openBidi(LeaseService.leaseKeepAlive);
    const timer = setTimeout(() => fail(new Error(`no answer from ${endpoint} within ${timeoutMs} ms`)), timeoutMs);
    const onAbort = (): void => fail(signal.reason);
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      stream.cancel();
    };
    const fail = (error: unknown): void => {
      done();
      failed();
      reject(error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    // stays after the answer: cancelling makes one more
    stream.on('error', fail);
    stream.on('end', () => fail(new Error(`${endpoint} ended the stream`)));
    stream.once('data', (response: LeaseKeepAliveResponse) => {
      done();
      resolve(response.ttl);
    });
    stream.write({ id });
  });
}

function gone(id: string, why: string, cause: unknown): EtcdError {
  return new EtcdError('not-found', 'lease-not-found', `etcd lease ${id} is gone: ${why}`, { cause });
}

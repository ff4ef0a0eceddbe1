import { request } from 'node:https';
import { errorMessage } from '../base/errors.ts';
import { deadlineSignal, withDeadline } from '../base/signals.ts';
import type { Storage } from './storage/storage.ts';

/** What a component of the control plane says of itself. */
export interface ComponentHealth {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly message: string;
  readonly error: string;
}

/** Never rejects. */
export type ComponentCheck = (signal: AbortSignal) => Promise<ComponentHealth>;

/** Ports on which upstream's components, and ours, answer by HTTPS (pkg/cluster/ports and the scheduler's). */
const PORTS = { 'controller-manager': 10257, scheduler: 10259 } as const;
/** Those on this machine answer at once or not at all; upstream waits 20 s. */
const TIMEOUT_MS = 3_000;
const MAX_BODY_BYTES = 10 * 1024;

/** The checks behind componentstatuses, by component, in the order of their names. They know the components of this machine alone, as upstream's do. */
export function componentChecks(storage: Storage): ReadonlyMap<string, ComponentCheck> {
  return new Map<string, ComponentCheck>([
    ['controller-manager', signal => askHealthz(PORTS['controller-manager'], signal)],
    ['etcd-0', signal => checkStorage(storage, signal)],
    ['scheduler', signal => askHealthz(PORTS.scheduler, signal)],
  ]);
}

async function checkStorage(storage: Storage, signal: AbortSignal): Promise<ComponentHealth> {
  try {
    await withDeadline(TIMEOUT_MS, 'the storage', signal, limited => storage.currentRevision(limited));
    return { status: 'True', message: 'ok', error: '' };
  } catch (error) {
    return { status: 'False', message: '', error: errorMessage(error) };
  }
}

/** GET /healthz on loopback; any certificate will do, for nothing is told and nothing believed but that it is well. */
export function askHealthz(port: number, signal: AbortSignal): Promise<ComponentHealth> {
  const url = `https://127.0.0.1:${port}/healthz`;
  const failed = (message: string): ComponentHealth => ({ status: 'False', message, error: '' });
  const deadline = deadlineSignal(TIMEOUT_MS, url, signal);
  return new Promise<ComponentHealth>(resolve => {
    const asked = request(url, { rejectUnauthorized: false, agent: false, signal: deadline.signal });
    asked.once('error', error => resolve(failed(`Get "${url}": ${goText(error, port)}`)));
    asked.once('response', response => {
      response.on('error', () => {}); // whoever broke it, 'close' follows
      const pieces: Buffer[] = [];
      let size = 0;
      response.on('data', (piece: Buffer) => {
        if (size < MAX_BODY_BYTES) pieces.push(piece.subarray(0, MAX_BODY_BYTES - size));
        size += piece.length;
        // a body without an end is no reason to wait
        if (size >= MAX_BODY_BYTES) response.destroy();
      });
      response.once('close', () => {
        const { statusCode = 0 } = response;
        const isWell = statusCode >= 200 && statusCode < 400;
        const message = Buffer.concat(pieces).toString();
        resolve(
          isWell ? { status: 'True', message, error: '' } : failed(`HTTP probe failed with statuscode: ${statusCode}`),
        );
      });
    });
    asked.end();
  }).finally(() => deadline.release());
}

/** The usual failures in the words of upstream, which people search for. */
function goText(error: NodeJS.ErrnoException, port: number): string {
  if (error.code === 'ECONNREFUSED') return `dial tcp 127.0.0.1:${port}: connect: connection refused`;
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'context deadline exceeded';
  return errorMessage(error);
}

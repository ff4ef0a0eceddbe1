import { Socket } from 'node:net';
import { errnoName, errorMessage, unavailable } from '../../base/errors.ts';
import { tcpSocketIn } from '../../linux/netns-socket.ts';

/** What Go says of a connection that cannot be made: what users of upstream's runtimes know. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENETUNREACH: 'network is unreachable',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EAFNOSUPPORT: 'address family not supported by protocol',
  ETIMEDOUT: 'connection timed out',
};

/** The network that a port is looked for in: that of a pod, or this process's own for a pod on the host network. */
export interface PodNetworkNamespace {
  readonly sandboxId: string;
  readonly netnsPath: string | undefined;
}

/**
 * A connection to a port of a pod's loopback, as its own processes would make it: over IPv4, or else over IPv6. Half-open connections are allowed. Throws
 * `unavailable` with upstream's sentence when nobody listens on either, the signal's reason on abort.
 */
export async function connectToPod(pod: PodNetworkNamespace, port: number, signal: AbortSignal): Promise<Socket> {
  const failures: string[] = [];
  for (const family of [4, 6] as const) {
    try {
      return await connect(pod.netnsPath, family, port, signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const address = family === 4 ? '127.0.0.1' : '[::1]';
      const reason = REASONS[errnoName(error) ?? ''] ?? errorMessage(error);
      failures.push(`IPv${family}: dial tcp${family} ${address}:${port}: connect: ${reason}`);
    }
  }
  throw unavailable(`failed to connect to localhost:${port} inside namespace ${pod.sandboxId}, ${failures.join(' ')}`);
}

function connect(netns: string | undefined, family: 4 | 6, port: number, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const socket = netns === undefined ? new Socket({ allowHalfOpen: true }) : tcpSocketIn(netns, family);
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError);
      socket.off('connect', onConnect);
      finish();
    };
    const onAbort = (): void => onError(signal.reason as Error);
    const onError = (error: Error): void =>
      settle(() => {
        socket.on('error', () => {});
        socket.destroy();
        reject(error);
      });
    const onConnect = (): void =>
      settle(() => {
        socket.setNoDelay(true);
        resolve(socket);
      });
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', onError);
    socket.on('connect', onConnect);
    socket.connect({ port, host: family === 4 ? '127.0.0.1' : '::1' });
  });
}

import { createSocket } from 'node:dgram';
import { createServer, isIPv4 } from 'node:net';

/** A port that something of ours serves on. */
export interface SocketNeed {
  readonly protocol: 'tcp' | 'udp';
  /** `0.0.0.0` for all of this machine's. */
  readonly address: string;
  readonly port: number;
  /** Whose it is, where that makes a difference to whoever finds it taken. */
  readonly of?: 'dns' | 'proxy' | 'runtime';
}

const ANY = '0.0.0.0';
const LOOPBACK = '127.0.0.1';

/** A TCP port, of all addresses unless one is named. */
export function needOf(port: number, address: string = ANY): SocketNeed {
  return { protocol: 'tcp', address, port };
}

/** /healthz and /metrics of the service proxy, by the fields of its configuration that say where, upstream's unless they do. Pure. */
export function proxySockets(proxy: Readonly<Record<string, unknown>>): readonly SocketNeed[] {
  return [
    proxySocket(proxy['healthzBindAddress'], ANY, 10_256),
    proxySocket(proxy['metricsBindAddress'], LOOPBACK, 10_249),
  ];
}

function proxySocket(told: unknown, address: string, port: number): SocketNeed {
  const [, host, digits] = /^(.*):(\d+)$/.exec(typeof told === 'string' ? told : '') ?? [];
  return {
    protocol: 'tcp',
    address: host === undefined || !isIPv4(host) ? address : host,
    port: digits === undefined ? port : Number(digits),
    of: 'proxy',
  };
}

/** True where it could be served on now. An address that this machine has not got yet has nobody on it. */
export function isFree({ protocol, address, port }: SocketNeed): Promise<boolean> {
  const isTaken = (error: NodeJS.ErrnoException): boolean => error.code === 'EADDRINUSE' || error.code === 'EACCES';
  return new Promise(resolve => {
    if (protocol === 'tcp') {
      const server = createServer();
      server.once('error', error => resolve(!isTaken(error)));
      server.listen({ port, host: address, exclusive: true }, () => server.close(() => resolve(true)));
      return;
    }
    const socket = createSocket(isIPv4(address) ? 'udp4' : 'udp6');
    socket.once('error', error => socket.close(() => resolve(!isTaken(error))));
    socket.bind({ port, address, exclusive: true }, () => socket.close(() => resolve(true)));
  });
}

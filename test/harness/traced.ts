import { ipToBigInt, lastAddress, parseCidr } from '../../src/base/cidr.ts';

/** A packet that begins a connection. */
export interface TracedPacket {
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  readonly port: number;
  /** Where it comes in; undefined: a program of this machine sends it. */
  readonly link?: string;
}

export interface TracedEnd {
  readonly verdict: 'accept' | 'drop' | 'reject';
  readonly destination: string;
  readonly port: number;
  readonly masquerade: boolean;
}

/** `10.244.0.5:8080`, with `masquerade`; `drop`, `reject`; `pass` for what is left alone. */
export function endText({ verdict, destination, port, masquerade }: TracedEnd, packet: TracedPacket): string {
  if (verdict !== 'accept') return verdict;
  if (destination === packet.destination && port === packet.port) return 'pass';
  const host = destination.includes(':') ? `[${destination}]` : destination;
  return `${host}:${port}${masquerade ? ' masquerade' : ''}`;
}

export function isInCidr(ip: string, text: string): boolean {
  const cidr = parseCidr(text);
  const value = ipToBigInt(ip);
  return ip.includes(':') === (cidr.family === 6) && value >= cidr.base && value <= lastAddress(cidr);
}

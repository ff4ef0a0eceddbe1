import type { IpFamily } from '../../../base/cidr.ts';
import type { Protocol } from '../../desired/service-port.ts';
import { type SavedSets, type SetId, setName } from './sets.ts';

/** An address and port that IPVS answers for. */
export interface VirtualServer {
  readonly protocol: Protocol;
  readonly ip: string;
  readonly port: number;
  readonly scheduler: string;
  /** How long a client stays with its real server, in seconds; 0: each connection is scheduled. */
  readonly persistentSeconds: number;
}

export interface RealServer {
  readonly ip: string;
  readonly port: number;
  readonly weight: number;
}

/** What stands in the kernel. */
export interface PresentServer {
  readonly server: VirtualServer;
  readonly reals: readonly PresentReal[];
}

export interface PresentReal extends RealServer {
  /** Connections that it has, those that are about to end too. */
  readonly connections: number;
}

export type ServerChange =
  | { readonly verb: 'add' | 'edit' | 'delete'; readonly server: VirtualServer }
  | {
      readonly verb: 'add-real' | 'edit-real' | 'delete-real';
      readonly server: VirtualServer;
      readonly real: RealServer;
    };

/** `tcp 10.96.0.10:80` */
export function serverKey({ protocol, ip, port }: VirtualServer): string {
  return `${protocol} ${hostPort(ip, port)}`;
}

/** `10.0.0.1:80`, `[fd00::1]:80` */
export function hostPort(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** A server with its real servers as a text, by which it is compared and from which it is read again. */
export function serverText(
  server: VirtualServer,
  reals: readonly { readonly ip: string; readonly port: number }[],
): string {
  return JSON.stringify([server, reals.map(({ ip, port }) => [ip, port])]);
}

export function parseServerText(text: string): {
  readonly server: VirtualServer;
  readonly reals: readonly RealServer[];
} {
  const [server, reals] = JSON.parse(text) as [VirtualServer, [string, number][]];
  return { server, reals: reals.map(([ip, port]) => ({ ip, port, weight: 1 })) };
}

/**
 * What brings a server to what is wanted; undefined on either side is none. A real server of TCP that is wanted no more and has connections keeps
 * them until they end: nothing new goes to it (weight 0), and it is deleted later. Those of UDP and SCTP go at once, as upstream's.
 */
export function serverChanges(
  wanted: { readonly server: VirtualServer; readonly reals: readonly RealServer[] } | undefined,
  present: PresentServer | undefined,
): ServerChange[] {
  if (wanted === undefined) return present === undefined ? [] : [{ verb: 'delete', server: present.server }];
  const { server } = wanted;
  const changes: ServerChange[] = [];
  if (present === undefined) changes.push({ verb: 'add', server });
  else if (JSON.stringify(present.server) !== JSON.stringify(server)) changes.push({ verb: 'edit', server });
  const known = new Map((present?.reals ?? []).map(real => [hostPort(real.ip, real.port), real]));
  for (const real of wanted.reals) {
    const before = known.get(hostPort(real.ip, real.port));
    known.delete(hostPort(real.ip, real.port));
    if (before === undefined) changes.push({ verb: 'add-real', server, real });
    else if (before.weight !== real.weight) changes.push({ verb: 'edit-real', server, real });
  }
  for (const { ip, port, weight, connections } of known.values()) {
    const isKept = server.protocol === 'tcp' && connections > 0;
    if (!isKept) changes.push({ verb: 'delete-real', server, real: { ip, port, weight: 0 } });
    else if (weight !== 0) changes.push({ verb: 'edit-real', server, real: { ip, port, weight: 0 } });
  }
  return changes;
}

/** Whether real servers that are wanted no more have connections that they keep. */
export function keepsConnections(
  wanted: { readonly reals: readonly RealServer[] } | undefined,
  present: PresentServer | undefined,
): boolean {
  if (wanted === undefined || present === undefined || present.server.protocol !== 'tcp') return false;
  const names = new Set(wanted.reals.map(({ ip, port }) => hostPort(ip, port)));
  return present.reals.some(({ ip, port, connections }) => connections > 0 && !names.has(hostPort(ip, port)));
}

/** Whether a proxy made a server: each stands in one of its sets as long as it is there. */
export function isOwnedServer({ protocol, ip, port }: VirtualServer, sets: SavedSets, family: IpFamily): boolean {
  const has = (id: SetId, element: string): boolean => sets.get(setName(id, family))?.elements.has(element) === true;
  const addresses = ['clusterIp', 'externalIp', 'externalIpLocal', 'loadBalancer', 'nodePortSctp'] as const;
  return (
    addresses.some(id => has(id, `${ip},${protocol}:${port}`)) ||
    (protocol === 'tcp' && has('nodePortTcp', String(port))) ||
    (protocol === 'udp' && has('nodePortUdp', String(port)))
  );
}

/** A change in the words of ipvsadm. */
export function changeText(change: ServerChange): string {
  const { server } = change;
  const { protocol, ip, port, scheduler, persistentSeconds } = server;
  const flag = { tcp: '-t', udp: '-u', sctp: '--sctp-service' }[protocol];
  const at = `${flag} ${hostPort(ip, port)}`;
  const how = `-s ${scheduler}${persistentSeconds === 0 ? '' : ` -p ${persistentSeconds}`}`;
  const to = 'real' in change ? `-r ${hostPort(change.real.ip, change.real.port)}` : '';
  switch (change.verb) {
    case 'add':
      return `-A ${at} ${how}`;
    case 'edit':
      return `-E ${at} ${how}`;
    case 'delete':
      return `-D ${at}`;
    case 'add-real':
      return `-a ${at} ${to} -m -w ${change.real.weight}`;
    case 'edit-real':
      return `-e ${at} ${to} -m -w ${change.real.weight}`;
    case 'delete-real':
      return `-d ${at} ${to}`;
  }
}

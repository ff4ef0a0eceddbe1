import { bigIntToIp, ipBytes, ipFamily } from '../../base/cidr.ts';
import { attribute, attributes, nested, textAttribute, uint32 } from './attributes.ts';
import { familyId } from './generic.ts';
import { NetlinkError, type NetlinkSocket } from './socket.ts';

const VERSION = 1;
const NEW_SERVICE = 1;
const SET_SERVICE = 2;
const DEL_SERVICE = 3;
const GET_SERVICE = 4;
const NEW_DEST = 5;
const SET_DEST = 6;
const DEL_DEST = 7;
const GET_DEST = 8;
const SET_CONFIG = 12;

const ATTRIBUTE_SERVICE = 1;
const ATTRIBUTE_DEST = 2;
const ATTRIBUTE_TIMEOUT_TCP = 4;
const ATTRIBUTE_TIMEOUT_TCP_FIN = 5;
const ATTRIBUTE_TIMEOUT_UDP = 6;

const SERVICE = { af: 1, protocol: 2, address: 3, port: 4, scheduler: 6, flags: 7, timeout: 8, netmask: 9 } as const;
const DEST = {
  address: 1,
  port: 2,
  method: 3,
  weight: 4,
  upper: 5,
  lower: 6,
  active: 7,
  inactive: 8,
  family: 11,
} as const;

const AF = { 4: 2, 6: 10 } as const;
const FLAG_PERSISTENT = 0x1;
/** Of the scheduler `mh`: it chooses by the source's port too. */
const FLAG_SCHEDULER_2 = 0x10;
const FORWARD_MASQUERADE = 0;
const PROTOCOLS = { tcp: 6, udp: 17, sctp: 132 } as const;

export interface IpvsService {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly ip: string;
  readonly port: number;
  readonly scheduler: string;
  /** How long a client stays with its destination, in seconds; 0: each connection is scheduled. */
  readonly persistentSeconds: number;
}

export interface IpvsDestination {
  readonly ip: string;
  readonly port: number;
  readonly weight: number;
}

export interface IpvsPresentDestination extends IpvsDestination {
  /** Active connections and those that are about to end. */
  readonly connections: number;
}

/** The kernel's IPVS in the network namespace in which this was opened. Every call is a few ten microseconds in which the thread stands. */
export class Ipvs {
  readonly #socket: NetlinkSocket;
  readonly #family: number;

  private constructor(socket: NetlinkSocket, family: number) {
    this.#socket = socket;
    this.#family = family;
  }

  /** On a socket of NETLINK_GENERIC, which stays the caller's. Undefined where the kernel has no IPVS. */
  static open(socket: NetlinkSocket): Ipvs | undefined {
    const family = familyId(socket, 'IPVS');
    return family === undefined ? undefined : new Ipvs(socket, family);
  }

  /** Every service of both families that has an address; those of packet marks are left out. */
  services(): IpvsService[] {
    return this.#socket.dump('list services', this.#family, [header(GET_SERVICE)]).flatMap(({ data }) => {
      const service = attributes(data.subarray(4)).get(ATTRIBUTE_SERVICE);
      return service === undefined ? [] : parseService(service);
    });
  }

  destinations(service: IpvsService): IpvsPresentDestination[] {
    const body = [header(GET_DEST), nested(ATTRIBUTE_SERVICE, serviceKey(service))];
    const family = ipFamily(service.ip);
    return this.#socket.dump(`list destinations of ${nameOf(service)}`, this.#family, body).flatMap(({ data }) => {
      const destination = attributes(data.subarray(4)).get(ATTRIBUTE_DEST);
      return destination === undefined ? [] : [parseDestination(destination, family)];
    });
  }

  /** Makes a service, or brings one that is there to this scheduler and persistence. */
  addService(service: IpvsService): void {
    const body = [nested(ATTRIBUTE_SERVICE, wholeService(service))];
    try {
      this.#request(`add service ${nameOf(service)}`, NEW_SERVICE, body);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      this.#request(`edit service ${nameOf(service)}`, SET_SERVICE, body);
    }
  }

  /** One that is gone is fine. */
  deleteService(service: IpvsService): void {
    this.#forgiving(`delete service ${nameOf(service)}`, DEL_SERVICE, [nested(ATTRIBUTE_SERVICE, serviceKey(service))]);
  }

  /** Makes a destination, or gives one that is there this weight. */
  addDestination(service: IpvsService, destination: IpvsDestination): void {
    const body = [
      nested(ATTRIBUTE_SERVICE, serviceKey(service)),
      nested(ATTRIBUTE_DEST, [
        ...destinationKey(destination),
        attribute(DEST.method, uint32(FORWARD_MASQUERADE)),
        attribute(DEST.weight, uint32(destination.weight)),
        attribute(DEST.upper, uint32(0)),
        attribute(DEST.lower, uint32(0)),
      ]),
    ];
    const name = `${destination.ip} of ${nameOf(service)}`;
    try {
      this.#request(`add destination ${name}`, NEW_DEST, body);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      this.#request(`edit destination ${name}`, SET_DEST, body);
    }
  }

  /** One that is gone is fine, and its service too. */
  deleteDestination(service: IpvsService, destination: IpvsDestination): void {
    this.#forgiving(`delete destination ${destination.ip} of ${nameOf(service)}`, DEL_DEST, [
      nested(ATTRIBUTE_SERVICE, serviceKey(service)),
      nested(ATTRIBUTE_DEST, destinationKey(destination)),
    ]);
  }

  /** How long connections are kept without a packet, in seconds; 0 leaves the kernel's. */
  setTimeouts({ tcp, tcpFin, udp }: { readonly tcp: number; readonly tcpFin: number; readonly udp: number }): void {
    this.#request('set time-outs of IPVS', SET_CONFIG, [
      attribute(ATTRIBUTE_TIMEOUT_TCP, uint32(tcp)),
      attribute(ATTRIBUTE_TIMEOUT_TCP_FIN, uint32(tcpFin)),
      attribute(ATTRIBUTE_TIMEOUT_UDP, uint32(udp)),
    ]);
  }

  #request(operation: string, command: number, body: Buffer[]): void {
    this.#socket.request(operation, this.#family, [header(command), ...body]);
  }

  #forgiving(operation: string, command: number, body: Buffer[]): void {
    try {
      this.#request(operation, command, body);
    } catch (error) {
      // ESRCH: no such service; ENOENT: no such destination
      if (codeOf(error) !== 'ESRCH' && codeOf(error) !== 'ENOENT') throw error;
    }
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof NetlinkError ? error.code : undefined;
}

function nameOf({ protocol, ip, port }: IpvsService): string {
  return `${protocol} ${ip} ${port}`;
}

/** struct genlmsghdr */
function header(command: number): Buffer {
  return Buffer.from([command, VERSION, 0, 0]);
}

function serviceKey({ protocol, ip, port }: IpvsService): Buffer[] {
  return [
    attribute(SERVICE.af, uint16(AF[ipFamily(ip)])),
    attribute(SERVICE.protocol, uint16(PROTOCOLS[protocol])),
    attribute(SERVICE.address, addressBytes(ip)),
    attribute(SERVICE.port, networkUint16(port)),
  ];
}

function wholeService(service: IpvsService): Buffer[] {
  const { scheduler, persistentSeconds, ip } = service;
  const flags = (persistentSeconds > 0 ? FLAG_PERSISTENT : 0) | (scheduler === 'mh' ? FLAG_SCHEDULER_2 : 0);
  const netmask = Buffer.alloc(4, 0xff);
  return [
    ...serviceKey(service),
    textAttribute(SERVICE.scheduler, scheduler),
    // struct ip_vs_flags: the flags, and which of them are told
    attribute(SERVICE.flags, Buffer.concat([uint32(flags), Buffer.alloc(4, 0xff)])),
    attribute(SERVICE.timeout, uint32(persistentSeconds)),
    // persistence by single clients: a mask in IPv4, a number of bits in IPv6
    attribute(SERVICE.netmask, ipFamily(ip) === 4 ? netmask : uint32(128)),
  ];
}

function destinationKey({ ip, port }: IpvsDestination): Buffer[] {
  return [
    attribute(DEST.address, addressBytes(ip)),
    attribute(DEST.port, networkUint16(port)),
    attribute(DEST.family, uint16(AF[ipFamily(ip)])),
  ];
}

function parseService(data: Buffer): IpvsService[] {
  const parts = attributes(data);
  const address = parts.get(SERVICE.address);
  const number = parts.get(SERVICE.protocol)?.readUInt16LE(0);
  const protocol = (['tcp', 'udp', 'sctp'] as const).find(each => PROTOCOLS[each] === number);
  if (address === undefined || protocol === undefined) return [];
  const flags = parts.get(SERVICE.flags)?.readUInt32LE(0) ?? 0;
  return [
    {
      protocol,
      ip: addressText(address, parts.get(SERVICE.af)?.readUInt16LE(0) === AF[6] ? 6 : 4),
      port: parts.get(SERVICE.port)?.readUInt16BE(0) ?? 0,
      scheduler: (parts.get(SERVICE.scheduler) ?? Buffer.alloc(0)).toString('latin1').replace(/\0.*$/, ''),
      persistentSeconds: (flags & FLAG_PERSISTENT) === 0 ? 0 : (parts.get(SERVICE.timeout)?.readUInt32LE(0) ?? 0),
    },
  ];
}

function parseDestination(data: Buffer, family: 4 | 6): IpvsPresentDestination {
  const parts = attributes(data);
  const number = (type: number): number => parts.get(type)?.readUInt32LE(0) ?? 0;
  return {
    ip: addressText(parts.get(DEST.address) ?? Buffer.alloc(16), family),
    port: parts.get(DEST.port)?.readUInt16BE(0) ?? 0,
    weight: number(DEST.weight),
    connections: number(DEST.active) + number(DEST.inactive),
  };
}

/** union nf_inet_addr: 16 bytes, of which IPv4 uses the first four. */
function addressBytes(ip: string): Buffer {
  const bytes = Buffer.alloc(16);
  Buffer.from(ipBytes(ip)).copy(bytes);
  return bytes;
}

function addressText(bytes: Buffer, family: 4 | 6): string {
  return bigIntToIp(BigInt(`0x${bytes.subarray(0, family === 4 ? 4 : 16).toString('hex')}`), family);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function networkUint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

import type { PortRange } from './node-port.ts';

/** Where the node ports that are taken stand: upstream's key, and upstream's form of the value. */
export const NODE_PORTS_KEY = '/registry/ranges/servicenodeports';

export interface NodePortMap {
  /** `30000-32767`: bits are counted from its first port. */
  readonly range: string;
  readonly ports: ReadonlySet<number>;
}

export function rangeText({ first, last }: PortRange): string {
  return `${first}-${last}`;
}

/** The ports as a RangeAllocation: a bit for each of the range, as the bytes of a big-endian number. Ports out of the range have none. */
export function encodeNodePorts(range: PortRange, ports: Iterable<number>): Buffer {
  let bits = 0n;
  for (const port of ports) if (port >= range.first && port <= range.last) bits |= 1n << BigInt(port - range.first);
  const hex = bits === 0n ? '' : bits.toString(16);
  const data = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64');
  const meta = { kind: 'RangeAllocation', apiVersion: 'v1', metadata: { creationTimestamp: null } };
  return Buffer.from(JSON.stringify({ ...meta, range: rangeText(range), data }));
}

/** Undefined for what is no such value: it is to be made anew from the services. */
export function decodeNodePorts(value: Buffer): NodePortMap | undefined {
  try {
    const { range, data = '' } = JSON.parse(value.toString()) as { readonly range: string; readonly data?: string };
    const [, first = ''] = /^(\d{1,5})-\d{1,5}$/.exec(range) ?? [];
    if (first === '') return undefined;
    const bytes = Buffer.from(data, 'base64').reverse();
    const ports = new Set<number>();
    for (const [index, byte] of bytes.entries())
      for (let bit = 0; bit < 8; bit++) if ((byte & (1 << bit)) !== 0) ports.add(Number(first) + index * 8 + bit);
    return { range, ports };
  } catch {
    return undefined;
  }
}

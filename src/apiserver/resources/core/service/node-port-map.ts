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
  const bytes = Buffer.alloc(((range.last - range.first) >> 3) + 1);
  for (const port of ports) {
    const bit = port - range.first;
    if (bit >= 0 && port <= range.last) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (1 << (bit & 7));
  }
  // the lowest bit is in the last byte, and a number has no zeros before it
  const big = bytes.reverse();
  const first = big.findIndex(byte => byte !== 0);
  const data = first < 0 ? '' : big.subarray(first).toString('base64');
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

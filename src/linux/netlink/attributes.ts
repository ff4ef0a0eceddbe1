/** Netlink attributes (struct nlattr) for the protocols that the `netlink` package has no codec for. */

/** Set on the type of an attribute that holds attributes (NLA_F_NESTED). */
export const NESTED = 0x8000;
const TYPE_MASK = 0x3fff;

/** An attribute with its padding. */
export function attribute(type: number, data: Buffer): Buffer {
  const out = Buffer.alloc((4 + data.length + 3) & ~3);
  out.writeUInt16LE(4 + data.length, 0);
  out.writeUInt16LE(type, 2);
  data.copy(out, 4);
  return out;
}

export function nested(type: number, parts: readonly Buffer[]): Buffer {
  return attribute(type | NESTED, Buffer.concat(parts));
}

/** A text with its ending zero. */
export function textAttribute(type: number, text: string): Buffer {
  return attribute(type, Buffer.from(`${text}\0`));
}

/** The attributes in a stretch of bytes, by type; what does not end inside it is left out. */
export function attributes(data: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  let offset = 0;
  while (offset + 4 <= data.length) {
    const length = data.readUInt16LE(offset);
    if (length < 4 || offset + length > data.length) break;
    found.set(data.readUInt16LE(offset + 2) & TYPE_MASK, data.subarray(offset + 4, offset + length));
    offset += (length + 3) & ~3;
  }
  return found;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

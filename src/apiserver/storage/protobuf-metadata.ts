import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { corruptObject } from './errors.ts';

const MAGIC = Buffer.from('k8s\0', 'latin1');

// Numbers of runtime.Unknown, of every object and of ObjectMeta (generated.proto of apimachinery).
const RAW = 2;
const METADATA = 1;
const UID = 5;
const RESOURCE_VERSION = 6;

export function isProtobuf(value: Buffer): boolean {
  return value.length >= 4 && value[0] === 0x6b && value.compare(MAGIC, 0, 4, 0, 4) === 0;
}

/** The value with ObjectMeta.resourceVersion set: the three messages around the field are written anew, their other fields copied. */
export function spliceProtobuf(value: Buffer, resourceVersion: string): Buffer {
  const version = new BinaryWriter().uint32(tag(RESOURCE_VERSION)).string(resourceVersion).finish();
  const envelope = value.subarray(MAGIC.length);
  const raw = field(envelope, RAW) ?? Buffer.alloc(0);
  const metadata = field(raw, METADATA) ?? Buffer.alloc(0);
  const newMetadata = Buffer.concat([without(metadata, RESOURCE_VERSION), version]);
  const newRaw = Buffer.concat([delimited(METADATA, newMetadata), without(raw, METADATA)]);
  return Buffer.concat([MAGIC, without(envelope, RAW, delimited(RAW, newRaw))]);
}

export function protobufUid(value: Buffer): string {
  const raw = field(value.subarray(MAGIC.length), RAW);
  const metadata = raw === undefined ? undefined : field(raw, METADATA);
  return (metadata === undefined ? undefined : field(metadata, UID))?.toString() ?? '';
}

const tag = (number: number): number => (number << 3) | WireType.LengthDelimited;

function delimited(number: number, bytes: Uint8Array): Uint8Array {
  return new BinaryWriter().uint32(tag(number)).bytes(bytes).finish();
}

/** The bytes of a length-delimited field, its last one where it is repeated. */
function field(message: Buffer, number: number): Buffer | undefined {
  let found: Buffer | undefined;
  eachField(message, (at, start, end, reader) => {
    if (at !== number) return;
    const bytes = new BinaryReader(message.subarray(start, end));
    bytes.uint32();
    found = Buffer.from(bytes.bytes());
    reader.pos = end;
  });
  return found;
}

/** The message without a field, or with `instead` in the place where it was first (at the end where it was not). */
function without(message: Buffer, number: number, instead: Uint8Array = Buffer.alloc(0)): Buffer {
  const parts: Uint8Array[] = [];
  let placed = false;
  eachField(message, (at, start, end) => {
    if (at !== number) parts.push(message.subarray(start, end));
    else if (!placed) {
      parts.push(instead);
      placed = true;
    }
  });
  if (!placed) parts.push(instead);
  return Buffer.concat(parts);
}

function eachField(
  message: Buffer,
  visit: (number: number, start: number, end: number, reader: BinaryReader) => void,
): void {
  const reader = new BinaryReader(message);
  try {
    while (reader.pos < reader.len) {
      const start = reader.pos;
      const [number, type] = reader.tag();
      reader.skip(type, number);
      visit(number, start, reader.pos, reader);
    }
  } catch (error) {
    throw corruptObject(error instanceof Error ? error.message : 'bad protobuf');
  }
}

import { BinaryReader } from '@bufbuild/protobuf/wire';
import { corruptObject } from './errors.ts';

const MAGIC = Buffer.from('k8s\0', 'latin1');

// Numbers of runtime.Unknown, of every object and of ObjectMeta (generated.proto of apimachinery).
const RAW = 2;
const METADATA = 1;
const UID = 5;

export function isProtobuf(value: Buffer): boolean {
  return value.length >= 4 && value[0] === 0x6b && value.compare(MAGIC, 0, 4, 0, 4) === 0;
}

/** `metadata.uid` of a value behind `k8s\0`, empty when it has none. Throws `corrupt` for what is no such message. */
export function protobufUid(value: Buffer): string {
  const raw = field(value.subarray(MAGIC.length), RAW);
  const metadata = raw === undefined ? undefined : field(raw, METADATA);
  return (metadata === undefined ? undefined : field(metadata, UID))?.toString() ?? '';
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

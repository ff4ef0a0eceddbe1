const BLOCK = 512;
const ZEROS = Buffer.alloc(64 * 1024);

export type TarEntryType = 'file' | 'link' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo';

export interface TarEntry {
  /** Relative, without a slash at its end. */
  readonly name: string;
  readonly type: TarEntryType;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds since the epoch. */
  readonly mtime: number;
  /** Where a link leads. */
  readonly linkName?: string;
  /** Numbers of a device. */
  readonly device?: { readonly major: number; readonly minor: number };
  readonly xattrs?: ReadonlyMap<string, Buffer>;
  /** Of a file: so many bytes stand in the archive, whatever the content gives. */
  readonly size?: number;
  readonly content?: AsyncIterable<Buffer>;
}

const FLAGS: Readonly<Record<TarEntryType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/**
 * A tar archive (POSIX ustar, with pax records where a value does not fit) of these entries, in pieces. A content that is longer than its entry said is cut, one that is
 * shorter is filled up with zeros: who writes on while it is read cannot shift what follows.
 */
export async function* tarChunks(entries: AsyncIterable<TarEntry>): AsyncGenerator<Buffer> {
  for await (const entry of entries) {
    yield header(entry);
    const size = entry.size ?? 0;
    let left = size;
    if (entry.content !== undefined && size > 0)
      for await (const chunk of entry.content) {
        yield chunk.length > left ? chunk.subarray(0, left) : chunk;
        left -= Math.min(left, chunk.length);
        if (left === 0) break;
      }
    for (left += padding(size); left > 0; left -= Math.min(left, ZEROS.length))
      yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
  }
  yield ZEROS.subarray(0, 2 * BLOCK);
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** The header of an entry, with the pax header before it where one is needed. */
function header(entry: TarEntry): Buffer {
  const name = entry.type === 'directory' ? `${entry.name}/` : entry.name;
  const { linkName = '', size = 0, uid, gid, mtime } = entry;
  const records: Buffer[] = [];
  const fits = (key: string, value: string, fitting: boolean): void => {
    if (!fitting) records.push(paxRecord(key, Buffer.from(value)));
  };
  fits('path', name, Buffer.byteLength(name) <= 100);
  fits('linkpath', linkName, Buffer.byteLength(linkName) <= 100);
  for (const [key, value, digits] of [
    ['size', size, 11],
    ['uid', uid, 7],
    ['gid', gid, 7],
    ['mtime', mtime, 11],
  ] as const)
    fits(key, String(value), value >= 0 && value < 8 ** digits);
  for (const [key, value] of entry.xattrs ?? []) records.push(paxRecord(`SCHILY.xattr.${key}`, value));
  const own = block({ ...entry, name, linkName, size }, FLAGS[entry.type]);
  if (records.length === 0) return own;
  const pax = Buffer.concat(records);
  const before = block({ name: 'pax', mode: 0o600, uid: 0, gid: 0, mtime: 0, linkName: '', size: pax.length }, 'x');
  return Buffer.concat([before, pax, ZEROS.subarray(0, padding(pax.length)), own]);
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.byteLength(key) + value.length + 3;
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from('\n')]);
}

interface Fields extends Pick<TarEntry, 'name' | 'mode' | 'uid' | 'gid' | 'mtime' | 'device'> {
  readonly linkName: string;
  readonly size: number;
}

function block({ name, mode, uid, gid, mtime, device, linkName, size }: Fields, flag: string): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  const number = (value: number, offset: number, width: number): void => {
    const octal = (value >= 0 ? value : 0).toString(8).padStart(width - 1, '0');
    // what does not fit stands in a pax record, which counts
    bytes.write(octal.length < width ? octal : '0'.repeat(width - 1), offset);
  };
  Buffer.from(name).copy(bytes, 0, 0, 100);
  number(mode & 0o7777, 100, 8);
  number(uid, 108, 8);
  number(gid, 116, 8);
  number(size, 124, 12);
  number(mtime, 136, 12);
  bytes.fill(' ', 148, 156);
  bytes.write(flag, 156);
  Buffer.from(linkName).copy(bytes, 157, 0, 100);
  bytes.write('ustar\0', 257);
  bytes.write('00', 263);
  number(device?.major ?? 0, 329, 8);
  number(device?.minor ?? 0, 337, 8);
  let sum = 0;
  for (const byte of bytes) sum += byte;
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return bytes;
}

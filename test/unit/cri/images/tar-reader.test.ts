import fc from 'fast-check';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { type TarHeader, TarReader } from '../../../../src/cri/images/tar-reader.ts';

interface Seen {
  readonly header: TarHeader;
  readonly content: Buffer;
}

function readAll(archive: Buffer, chunkSize: number): Seen[] {
  const seen: Seen[] = [];
  let header: TarHeader | undefined;
  let content: Buffer[] = [];
  const keep = (): void => {
    const last = header;
    header = undefined;
    seen.push(...(last === undefined ? [] : [{ header: last, content: Buffer.concat(content) }]));
    content = [];
  };
  const reader = new TarReader({
    entry(h) {
      header = h;
    },
    data: chunk => content.push(Buffer.from(chunk)),
    end: keep,
  });
  for (let at = 0; at < archive.length; at += chunkSize) reader.write(archive.subarray(at, at + chunkSize));
  reader.close();
  return seen;
}

async function archiveOf(
  entries: readonly [Parameters<ReturnType<typeof pack>['entry']>[0], string?][],
): Promise<Buffer> {
  const tar = pack();
  for (const [header, content] of entries) tar.entry(header, content ?? '');
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** One pax record, its length counted as the format wants it: the digits count themselves. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function block(name: string, type: string, size: number, linkName = ''): Buffer {
  const b = Buffer.alloc(512);
  b.write(name, 0, 'latin1');
  b.write(linkName, 157, 'latin1');
  b.write('0000644\0', 100);
  b.write('0000000\0', 108);
  b.write('0000000\0', 116);
  b.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  b.write('00000000000\0', 136);
  b.write('        ', 148);
  b.write(type, 156);
  b.write('ustar\x0000', 257, 'latin1');
  const sum = b.reduce((s, x) => s + x, 0);
  b.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return b;
}

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);

describe('TarReader', () => {
  const latin1 = Buffer.from('caf\xe9/b', 'latin1');
  const blockNamed = (name: string, type = '0', linkName = ''): Buffer => block(name, type, 0, linkName);
  const pax = (key: string, value: Buffer): Buffer => {
    const record = paxRecord(key, value);
    return Buffer.concat([block('pax', 'x', record.length), padded(record)]);
  };
  const longName = Buffer.concat([block('././@LongLink', 'L', latin1.length), padded(latin1)]);
  it.each([
    ['in the header', blockNamed(latin1.toString('latin1'))],
    ['in a pax record', Buffer.concat([pax('path', latin1), blockNamed('b')])],
    ['in GNU’s long form', Buffer.concat([longName, blockNamed('b')])],
  ])('refuses a name %s that is not UTF-8, and shows its bytes', (_where, archive) => {
    expect(() => readAll(archive, 512)).toThrow('an entry is named "caf\\xe9/b", which is not UTF-8');
  });

  it.each([
    ['in the header', blockNamed('l', '2', latin1.toString('latin1'))],
    ['in a pax record', Buffer.concat([pax('linkpath', latin1), blockNamed('l', '2', 'x')])],
  ])('refuses the target of a link %s that is not UTF-8', (_where, archive) => {
    expect(() => readAll(archive, 512)).toThrow('the target of the entry "l" is named "caf\\xe9/b", which is not');
  });

  it('does not mind a broken name in the header when a pax record has the real one', () => {
    const real = Buffer.from('café', 'utf8');
    const archive = Buffer.concat([pax('path', real), blockNamed(latin1.toString('latin1'))]);
    expect(readAll(archive, 512).map(({ header }) => header.name)).toEqual(['café']);
  });

  it('reads what tar-stream writes, whatever the size of the chunks', async () => {
    const long = `${'d/'.repeat(80)}${'f'.repeat(90)}`;
    const archive = await archiveOf([
      [{ name: 'dir/', type: 'directory', mode: 0o1777, uid: 7, gid: 8, mtime: new Date(5000) }],
      [{ name: 'dir/file', mode: 0o4755, uid: 200_000, gid: 2 }, 'x'.repeat(1500)],
      [{ name: long }, 'long'],
      [{ name: 'link', type: 'symlink', linkname: `/${long}` }],
      [{ name: 'hard', type: 'link', linkname: 'dir/file' }],
      [{ name: 'dev', type: 'character-device', devmajor: 5, devminor: 1 }],
      [{ name: 'empty' }],
    ]);
    const whole = readAll(archive, archive.length);
    expect(whole.map(s => [s.header.name, s.header.type, s.content.length])).toEqual([
      ['dir/', 'directory', 0],
      ['dir/file', 'file', 1500],
      [long, 'file', 4],
      ['link', 'symlink', 0],
      ['hard', 'hardlink', 0],
      ['dev', 'char', 0],
      ['empty', 'file', 0],
    ]);
    expect(whole[0]?.header).toMatchObject({ mode: 0o1777, uid: 7, gid: 8, mtime: 5 });
    expect(whole[1]?.header).toMatchObject({ mode: 0o4755, uid: 200_000 });
    expect(whole[3]?.header.linkName).toBe(`/${long}`);
    expect(whole[4]?.header.linkName).toBe('dir/file');
    expect(whole[5]?.header).toMatchObject({ devMajor: 5, devMinor: 1 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), size => {
        expect(readAll(archive, size)).toEqual(whole);
      }),
      { seed: 11, numRuns: 25 },
    );
  });

  it('gives the same headers when contents are skipped, however much is read at a time', async () => {
    const archive = await archiveOf([
      [{ name: 'dir/', type: 'directory' }],
      [{ name: `${'d/'.repeat(120)}long` }, 'x'.repeat(3000)],
      [{ name: 'whole-blocks' }, 'x'.repeat(1024)],
      [{ name: 'empty' }],
      [{ name: 'last' }, 'x'],
    ]);
    const names = readAll(archive, archive.length).map(s => s.header.name);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), size => {
        const seen: string[] = [];
        let ended = 0;
        const reader = new TarReader({
          entry: (header, offset) => {
            seen.push(header.name);
            expect(archive.subarray(offset, offset + header.size).every(b => b === 0x78)).toBe(true);
          },
          data() {},
          end: () => {
            ended += 1;
          },
        });
        for (let at = 0; at < archive.length; ) {
          reader.write(archive.subarray(at, at + size));
          at += size + reader.contentLeft;
          reader.skipContent();
        }
        reader.close();
        expect(seen).toEqual(names);
        expect(ended).toBe(names.length);
      }),
      { seed: 12, numRuns: 50 },
    );
  });

  it('keeps binary attributes byte for byte', () => {
    const value = Buffer.from([1, 0, 0, 2, 0x80, 0xff, 0x0a, 0, 0x3d]);
    const pax = paxRecord('SCHILY.xattr.security.capability', value);
    const archive = Buffer.concat([block('p', 'x', pax.length), padded(pax), block('f', '0', 0), Buffer.alloc(1024)]);
    expect(readAll(archive, 512)[0]?.header.xattrs.get('security.capability')).toEqual(value);
  });

  it('takes sizes and times of pax before those of the header', () => {
    const pax = Buffer.concat([paxRecord('size', Buffer.from('3')), paxRecord('mtime', Buffer.from('12.5'))]);
    const archive = Buffer.concat([
      block('p', 'x', pax.length),
      padded(pax),
      block('f', '0', 0),
      padded(Buffer.from('abc')),
      Buffer.alloc(1024),
    ]);
    const [seen] = readAll(archive, archive.length);
    expect(seen?.content.toString()).toBe('abc');
    expect(seen?.header.mtime).toBe(12.5);
  });

  it('ends after an archive without the closing blocks', () => {
    expect(readAll(block('f', '0', 0), 512)).toHaveLength(1);
  });

  const broken: readonly [string, Buffer, RegExp][] = [
    ['a wrong checksum', Buffer.concat([Buffer.from('x'), block('f', '0', 0).subarray(1)]), /wrong checksum/],
    ['an archive that stops inside a file', block('f', '0', 100), /middle of an entry/],
    ['an archive that stops inside a header', block('f', '0', 0).subarray(0, 100), /middle of an entry/],
    ['a sparse file of GNU tar', block('f', 'S', 0), /sparse/],
    ['an unknown type', block('f', 'Q', 0), /unknown type "Q"/],
    ['a huge header record', block('f', 'x', 1 << 21), /header record/],
    [
      'a pax record of a wrong length',
      Buffer.concat([block('p', 'x', 5), padded(Buffer.from('99 a=')), block('f', '0', 0)]),
      /wrong length/,
    ],
  ];
  it.each(broken)('refuses %s', (_sentence, archive, message) => {
    expect(() => readAll(archive, 512)).toThrow(message);
  });
});

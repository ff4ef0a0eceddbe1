import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Archive } from '../../../../src/diagnosis/bundle/archive.ts';
import { type BundleSource, beginningOf, endOf } from '../../../../src/diagnosis/bundle/item.ts';
import { Tail } from '../../../../src/diagnosis/bundle/sources/command.ts';
import { linesSince } from '../../../../src/diagnosis/bundle/sources/daemons.ts';
import { type BundleManifest, shownItem, writeBundle } from '../../../../src/diagnosis/bundle/write-bundle.ts';

const S = 'hunter2-Zq9';
const HEAD = { created: '2026-06-01T12:00:00.000Z', gantry: 'v1', node: 'one' };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-bundle-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (force = false): Archive =>
  new Archive(join(folder, 'b.tar.gz'), { folder: 'top', force, now: Date.parse(HEAD.created) });

/** What the finished archive has, by path. */
async function contents(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const unpack = extract();
  unpack.end(gunzipSync(readFileSync(join(folder, 'b.tar.gz'))));
  for await (const entry of unpack) {
    const pieces: Buffer[] = [];
    for await (const piece of entry) pieces.push(piece as Buffer);
    found.set(entry.header.name, Buffer.concat(pieces).toString('utf8'));
  }
  return found;
}

describe('a bundle', () => {
  it('has what the sources give, without secrets, and tells what they could not give', async () => {
    const sources: BundleSource[] = [
      {
        what: 'texts',
        timeoutMs: 1000,
        async *items() {
          yield { path: 'a.txt', text: `password: ${S}\nknown-one here\nkept é` };
          yield { path: 'b.json', document: { apiToken: S, big: 7n } };
          yield { path: 'c.yaml', document: { a: [1], url: `http://u:${S}@h` }, as: 'yaml', cut: 'half' };
          yield { path: 'd', missing: `no answer, token=${S}` };
        },
      },
      {
        what: 'what breaks',
        timeoutMs: 1000,
        async *items() {
          yield { path: 'e.txt', text: 'first' };
          throw new Error(`refused http://u:${S}@h`);
        },
      },
      {
        what: 'what hangs',
        timeoutMs: 20,
        items: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
      },
    ];
    const said: string[] = [];
    const archive = open();
    await writeBundle(archive, sources, {
      head: HEAD,
      known: ['known-one'],
      say: line => said.push(line),
      signal: new AbortController().signal,
    });
    await archive.finish();
    const files = await contents();
    expect([...files.values()].join('\n')).not.toMatch(new RegExp(`${S}|known-one`));
    expect(files.get('top/a.txt')).toBe('password: [redacted]\n[redacted] here\nkept é');
    expect(JSON.parse(files.get('top/b.json') ?? '')).toEqual({ apiToken: '[redacted]', big: '7' });
    expect(files.get('top/c.yaml')).toBe('a:\n  - 1\nurl: http://[redacted]@h\n');
    const manifest = JSON.parse(files.get('top/manifest.json') ?? '') as BundleManifest;
    expect(manifest).toMatchObject({
      kind: 'SupportBundle',
      ...HEAD,
      files: [{ path: 'a.txt', bytes: 44 }, { path: 'b.json' }, { path: 'c.yaml', cut: 'half' }, { path: 'e.txt' }],
      missing: [
        { path: 'd', because: 'no answer, token=[redacted]' },
        { path: 'what breaks', because: 'refused http://[redacted]@h' },
        { path: 'what hangs', because: 'timed out after 20 ms waiting for what hangs' },
      ],
    });
    expect(said).toEqual(['collecting texts', 'collecting what breaks', 'collecting what hangs']);
    expect(statSync(join(folder, 'b.tar.gz')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['b.tar.gz']);
  });

  it('leaves nothing when it is interrupted', async () => {
    const controller = new AbortController();
    const archive = open();
    const source: BundleSource = {
      what: 'x',
      timeoutMs: 1000,
      async *items() {
        yield { path: 'a', text: 'b' };
        controller.abort(new Error('interrupted'));
        yield { path: 'c', text: 'd' };
      },
    };
    const options = { head: HEAD, known: [], say: () => {}, signal: controller.signal };
    await expect(writeBundle(archive, [source], options)).rejects.toThrow('interrupted');
    await archive.abandon();
    await archive.abandon();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('takes away what killed ones have left there, and neither one that is written nor a file of somebody else', async () => {
    const left = ['.b.tar.gz.tmp-0a1b2c3d', '.gantry-support-one-2026-06-01T115900Z.tar.gz.tmp-0a1b2c3d'];
    const others = ['.c.tar.gz.tmp-0a1b2c3d', '.b.tar.gz.tmp-mine', 'b.tar.gz.tmp-0a1b2c3d'];
    for (const name of [...left, ...others]) writeFileSync(join(folder, name), '');
    const first = open();
    const names = readdirSync(folder);
    expect(names).toEqual(expect.arrayContaining(others));
    expect(names.filter(name => left.includes(name))).toEqual([]);
    const second = open();
    expect(readdirSync(folder)).toHaveLength(others.length + 2);
    await Promise.all([first.finish(), second.abandon()]);
    expect(readdirSync(folder).toSorted()).toEqual([...others, 'b.tar.gz'].toSorted());
  });

  it('never takes the place of a file, also of one that came while it was written', async () => {
    const path = join(folder, 'b.tar.gz');
    const archive = open();
    writeFileSync(path, 'mine');
    await expect(archive.finish()).rejects.toThrow('is there already');
    expect(() => open()).toThrow('is there already');
    expect(readFileSync(path, 'utf8')).toBe('mine');
    expect(readdirSync(folder)).toEqual(['b.tar.gz']);
    const forced = open(true);
    await forced.add('a', 'b');
    await forced.finish();
    expect((await contents()).get('top/a')).toBe('b');
  });
});

describe('an item', () => {
  it('that is too long is cut at a line, and says so', () => {
    expect(beginningOf('one\ntwo\nthree', 9)).toEqual({ text: 'one\ntwo\n', cut: 'only its first 9 bytes are here' });
    expect(endOf('one\ntwo\nthree', 9)).toEqual({ text: 'three', cut: 'only its last 9 bytes are here' });
    expect(beginningOf('short', 9)).toEqual({ text: 'short' });
    expect(endOf('short', 9)).toEqual({ text: 'short' });
  });

  it('that is a list is JSON when it is cut, too', () => {
    const items = Array.from({ length: 40 }, (_, at) => ({ at, text: 'x y '.repeat(32_768) }));
    const { text, cut } = shownItem({ path: 'x', document: { items } }, []);
    expect(text.length).toBeLessThanOrEqual(4 << 20);
    const left = JSON.parse(text) as { readonly cut: string; readonly items: readonly unknown[] };
    expect(left.items.length).toBe(31);
    expect([left.cut, cut]).toEqual(Array(2).fill('only 31 of 40 are here: the file would be too long'));
  }, 60_000);

  it('has no known secret, whatever its format would escape of it', () => {
    const secret = 'Zq"9\\hünter\u0001x';
    const { text } = shownItem({ path: 'x', document: { [`a${secret}`]: [`b ${secret} c`] } }, [secret]);
    expect(JSON.parse(text)).toEqual({ 'a[redacted]': ['b [redacted] c'] });
  });

  it('that is a document is redacted as one, and stays one', () => {
    const { text } = shownItem({ path: 'x', document: { env: [{ name: 'A', value: S }] } }, []);
    expect(JSON.parse(text)).toEqual({ env: [{ name: 'A', value: '[redacted]' }] });
  });
});

describe('the end of what a program says', () => {
  it('is kept from the beginning of a line on, and no more than that is', () => {
    const tail = new Tail(10);
    for (const piece of ['first\n', 'second\n', 'third\n']) tail.add(Buffer.from(piece));
    expect(tail.text()).toBe('third\n');
    expect(tail.dropped).toBe(true);
    const short = new Tail(100);
    short.add(Buffer.from('all of it'));
    expect([short.text(), short.dropped]).toEqual(['all of it', false]);
  });
});

describe('lines since a time', () => {
  it('begin after the last that is known to be older', () => {
    const line = (time: number): string => `{"level":30,"time":${time},"msg":"x"}\n`;
    const [old, recent] = [1_700_000_000_000, 1_800_000_000_000];
    expect(linesSince(`${line(old)}at x\n${line(old + 1)}${line(recent)}at y\n`, recent)).toBe(`${line(recent)}at y\n`);
    expect(linesSince('plain\n', recent)).toBe('plain\n');
    expect(linesSince(line(old), recent)).toBe('');
  });
});

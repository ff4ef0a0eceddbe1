import packet from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnswerCache } from '../../../src/dns/forward/answer-cache.ts';
import { nameServers } from '../../../src/dns/forward/resolver-file.ts';
import { addressesIn } from '../../../src/dns/wire/answer-records.ts';
import { answerFor, readAnswer } from '../../../src/dns/wire/passed-answer.ts';
import { type DnsQuery, isBad, parseQuery, queryFor, udpLimit } from '../../../src/dns/wire/query.ts';
import { emptyAnswer, encodeFailure, encodeResponse } from '../../../src/dns/wire/response.ts';
import { MessageReader, withLength } from '../../../src/dns/wire/stream.ts';
import { type DnsRecord, nameOf, RCODE } from '../../../src/dns/wire/types.ts';

const SEED = 20_261_128;

/** A query as another implementation writes it. */
function query(name: string, type: packet.RecordType = 'A', options: Partial<packet.Packet> = {}): DnsQuery {
  const bytes = packet.encode({
    type: 'query',
    id: 4711,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name, type }],
    ...options,
  });
  const parsed = parseQuery(bytes);
  if (isBad(parsed)) throw new Error(`not a query: ${JSON.stringify(parsed)}`);
  return parsed;
}
const withEdns = (udpPayloadSize: number): Partial<packet.Packet> => ({
  additionals: [
    { type: 'OPT', name: '.', udpPayloadSize, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] },
  ],
});

describe('queries', () => {
  it('are read as another implementation wrote them', () => {
    const read = query('Web.Shop.svc', 'SRV', withEdns(4096));
    expect([read.id, read.name.join('.'), read.labels.join('.'), read.type, read.recursionDesired]).toEqual([
      4711,
      'Web.Shop.svc',
      'web.shop.svc',
      33,
      true,
    ]);
    expect(read.edns).toEqual({ udpBytes: 4096, dnssecOk: false });
  });

  it.each([
    ['without EDNS 512 bytes', {}, 512],
    ['what the client says', withEdns(900), 900],
    ['never less than 512', withEdns(12), 512],
    ['never more than passes every link', withEdns(65_000), 1232],
  ])('take in a datagram %s', (_, options, limit) => {
    expect(udpLimit(query('a.b', 'A', options))).toBe(limit);
  });

  const base = packet.encode({ type: 'query', id: 7, questions: [{ name: 'a.b', type: 'A' }] });
  const patched = (patch: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(base);
    patch(bytes);
    return bytes;
  };
  it.each([
    ['nothing', Buffer.alloc(0), undefined],
    ['less than a header', base.subarray(0, 11), undefined],
    ['an answer', patched(b => b.writeUInt16BE(0x8000, 2)), undefined],
    ['an update', patched(b => b.writeUInt16BE(5 << 11, 2)), RCODE.NOTIMP],
    ['no question', patched(b => b.writeUInt16BE(0, 4)), RCODE.FORMERR],
    ['two questions', patched(b => b.writeUInt16BE(2, 4)), RCODE.FORMERR],
    ['a question that is cut', base.subarray(0, base.length - 1), RCODE.FORMERR],
    ['a label that is too long', patched(b => b.writeUInt8(64, 12)), RCODE.FORMERR],
    ['a pointer to itself', patched(b => b.writeUInt16BE(0xc00c, 12)), RCODE.FORMERR],
    ['a record that is announced and missing', patched(b => b.writeUInt16BE(1, 10)), RCODE.FORMERR],
  ])('%s is none', (_, bytes, rcode) => {
    expect(parseQuery(bytes)).toMatchObject({ rcode });
  });

  it('of another EDNS version are answered with ours', () => {
    const bytes = packet.encode({ type: 'query', id: 9, questions: [{ name: 'a', type: 'A' }], ...withEdns(512) });
    bytes[bytes.length - 5] = 1;
    expect(parseQuery(bytes)).toEqual({ id: 9, rcode: RCODE.BADVERS });
    const [opt] = packet.decode(encodeFailure(9, RCODE.BADVERS)).additionals ?? [];
    expect(opt).toMatchObject({ type: 'OPT', extendedRcode: 1, ednsVersion: 0 });
  });

  it('may be any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), bytes => {
        const read = parseQuery(Buffer.from(bytes));
        return isBad(read) || read.questionEnd <= bytes.length;
      }),
      { seed: SEED, numRuns: 5_000 },
    );
  });

  it('are put anew for the name that an alias leads to', () => {
    const made = queryFor(query('x.y', 'AAAA', withEdns(800)), nameOf('db.example.org'));
    expect(packet.decode(made?.message ?? Buffer.alloc(0))).toMatchObject({
      id: 4711,
      questions: [{ name: 'db.example.org', type: 'AAAA' }],
      additionals: [],
    });
  });
});

const label = fc.stringMatching(/^[a-zA-Z0-9-]{1,20}$/);
const name = fc.array(label, { minLength: 1, maxLength: 6 });
const owned = { name, ttl: fc.nat(0x7fffffff) };
const ipv4 = fc.ipV4();
const record: fc.Arbitrary<DnsRecord> = fc.oneof(
  fc.record({ ...owned, type: fc.constant('A' as const), address: ipv4 }),
  fc.record({ ...owned, type: fc.constant('AAAA' as const), address: fc.constantFrom('fd00::1', '2001:db8::a:b') }),
  fc.record({ ...owned, type: fc.constantFrom('CNAME' as const, 'PTR' as const, 'NS' as const), target: name }),
  fc.record({
    ...owned,
    type: fc.constant('SRV' as const),
    priority: fc.nat(65_535),
    weight: fc.nat(65_535),
    port: fc.nat(65_535),
    target: name,
  }),
  fc.record({ ...owned, type: fc.constant('TXT' as const), text: fc.stringMatching(/^[a-z0-9.]{0,300}$/) }),
  fc.record({
    ...owned,
    type: fc.constant('SOA' as const),
    primary: name,
    mailbox: name,
    serial: fc.nat(0xffffffff),
    refresh: fc.nat(1000),
    retry: fc.nat(1000),
    expire: fc.nat(1000),
    minimum: fc.nat(1000),
  }),
);

/** What both say of a record. */
function plain(each: DnsRecord | packet.Answer): unknown {
  if (!Array.isArray(each.name)) return normal(each as packet.Answer);
  const own = each as DnsRecord;
  const head = [own.type, own.name.join('.').toLowerCase(), own.ttl];
  switch (own.type) {
    case 'A':
    case 'AAAA':
      return [...head, own.address];
    case 'CNAME':
    case 'PTR':
    case 'NS':
      return [...head, own.target.join('.').toLowerCase()];
    case 'SRV':
      return [...head, own.priority, own.weight, own.port, own.target.join('.').toLowerCase()];
    case 'TXT':
      return [...head, own.text.slice(0, 255)];
    case 'SOA':
      return [...head, own.primary.join('.').toLowerCase(), own.serial, own.minimum];
  }
}
function normal(each: packet.Answer): unknown {
  const { type, name: owner, ttl, data } = each as { type: string; name: string; ttl: number; data: never };
  const head = [type, owner.toLowerCase(), ttl];
  const forms: Record<string, (value: never) => unknown[]> = {
    SRV: ({ priority, weight, port, target }: { priority: number; weight: number; port: number; target: string }) => [
      priority,
      weight,
      port,
      target.toLowerCase(),
    ],
    TXT: (texts: Buffer[]) => [Buffer.concat(texts).toString()],
    SOA: ({ mname, serial, minimum }: { mname: string; serial: number; minimum: number }) => [
      mname.toLowerCase(),
      serial,
      minimum,
    ],
  };
  return [...head, ...(forms[type]?.(data) ?? [String(data).toLowerCase()])];
}

describe('answers', () => {
  it('are read by another implementation as they were meant', () => {
    fc.assert(
      fc.property(
        name,
        fc.array(record, { maxLength: 12 }),
        fc.array(record, { maxLength: 3 }),
        (asked, answers, more) => {
          const q = query(asked.join('.'), 'A', withEdns(4096));
          const bytes = encodeResponse(q, { ...emptyAnswer(RCODE.NOERROR, true), answers, additional: more }, 65_535);
          const read = packet.decode(bytes);
          expect(read.questions).toMatchObject([{ name: asked.join('.') }]);
          expect([read.id, read.flag_aa, read.flag_ra, read.flag_tc]).toEqual([4711, true, true, false]);
          expect(read.answers?.map(normal)).toEqual(answers.map(plain));
          expect(read.additionals?.slice(0, -1).map(normal)).toEqual(more.map(plain));
          expect(read.additionals?.at(-1)).toMatchObject({ type: 'OPT' });
        },
      ),
      { seed: SEED, numRuns: 500 },
    );
  });

  it('keep to the limit, and say so when an answer is left out', () => {
    fc.assert(
      fc.property(fc.integer({ min: 512, max: 1232 }), fc.integer({ min: 1, max: 200 }), (limit, count) => {
        const q = query('db.shop.svc.cluster.local', 'A', withEdns(limit));
        const answers = Array.from(
          { length: count },
          (_, i): DnsRecord => ({ type: 'A', name: q.name, ttl: 5, address: `10.0.0.${i}` }),
        );
        const bytes = encodeResponse(q, { ...emptyAnswer(RCODE.NOERROR), answers }, limit);
        const read = packet.decode(bytes);
        expect(bytes.length).toBeLessThanOrEqual(limit);
        expect(read.flag_tc).toBe((read.answers?.length ?? 0) < count);
        // 16 bytes for an address whose name is that of the question
        expect(read.answers?.length).toBe(Math.min(count, Math.floor((limit - q.questionEnd - 11) / 16)));
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  it('leave additional records out without a word', () => {
    const q = query('a.b');
    const additional = Array.from(
      { length: 100 },
      (_, i): DnsRecord => ({ type: 'A', name: [`n${i}`], ttl: 5, address: '10.0.0.1' }),
    );
    const read = packet.decode(encodeResponse(q, { ...emptyAnswer(RCODE.NOERROR), additional }, 512));
    expect(read.flag_tc).toBe(false);
    expect(read.additionals?.length).toBeLessThan(100);
  });
});

describe('answers of others', () => {
  const soa: packet.Answer = {
    type: 'SOA',
    name: 'b',
    ttl: 900,
    data: { mname: 'ns.b', rname: 'x.b', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 20 },
  };
  const answer = (options: Partial<packet.Packet>): Buffer =>
    packet.encode({ type: 'response', id: 4711, questions: [{ name: 'a.b', type: 'A' }], ...options });
  const address = (ttl: number): packet.Answer => ({ type: 'A', name: 'a.b', ttl, data: '192.0.2.1' });
  const asked = query('A.b');

  it.each([
    ['the shortest time to live', answer({ answers: [address(60), address(9)] }), 9],
    ['what does not exist holds as long as its zone says', answer({ flags: 3, authorities: [soa] }), 20],
    ['so does a name without data', answer({ authorities: [soa] }), 20],
    ['without a word of the zone it does not hold', answer({ flags: 3 }), 0],
    ['a failure does not hold', answer({ flags: 2, answers: [address(60)] }), 0],
  ])('hold for %s', (_, bytes, ttl) => {
    expect(readAnswer(asked, bytes)?.ttl).toBe(ttl);
  });

  it.each([
    ['another question', packet.encode({ type: 'response', questions: [{ name: 'a.c', type: 'A' }] })],
    ['another type', packet.encode({ type: 'response', questions: [{ name: 'a.b', type: 'AAAA' }] })],
    ['a query', asked.message],
    ['a cut record', answer({ answers: [address(60)] }).subarray(0, -1)],
  ])('of %s are none', (_, bytes) => {
    expect(readAnswer(asked, bytes)).toBeUndefined();
  });

  it('may be any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(3), fc.nat(3), (tail, answers, more) => {
        const bytes = Buffer.concat([answer({}), Buffer.from(tail)]);
        bytes.writeUInt16BE(answers, 6);
        bytes.writeUInt16BE(more, 10);
        const read = readAnswer(asked, bytes);
        if (read !== undefined) addressesIn(read.message);
        return true;
      }),
      { seed: SEED, numRuns: 3_000 },
    );
  });

  it('are told on with the id and the letters of who asks, and grow older', () => {
    const read = readAnswer(asked, answer({ answers: [address(60)], authorities: [soa] }));
    if (read === undefined) throw new Error('not read');
    const told = packet.decode(answerFor({ ...query('a.B'), id: 99 }, read, 45));
    expect(told).toMatchObject({
      id: 99,
      questions: [{ name: 'a.B' }],
      answers: [{ ttl: 15 }],
      authorities: [{ ttl: 855 }],
    });
  });

  it('are kept by question and form for 30 s at most', () => {
    const cache = new AnswerCache();
    const read = readAnswer(asked, answer({ answers: [address(3600)] }));
    if (read === undefined) throw new Error('not read');
    cache.put(asked, read, 0);
    expect(packet.decode(cache.get(query('a.B'), 10_000) ?? Buffer.alloc(0)).answers).toMatchObject([{ ttl: 3590 }]);
    expect(cache.get(query('a.b', 'AAAA'), 10_000)).toBeUndefined();
    expect(cache.get(query('a.b', 'A', withEdns(1232)), 10_000)).toBeUndefined();
    expect(cache.get(asked, 30_000)).toBeUndefined();
  });

  it('are kept no more of than memory is meant for', () => {
    const cache = new AnswerCache();
    const hasAnswer = (i: number): boolean => cache.get(query(`n${i}.b`), 0) !== undefined;
    for (let i = 0; i < 10_100; i += 1) {
      const q = query(`n${i}.b`);
      const bytes = packet.encode({
        type: 'response',
        questions: [{ name: `n${i}.b`, type: 'A' }],
        answers: [{ type: 'A', name: `n${i}.b`, ttl: 60, data: '192.0.2.1' }],
      });
      const read = readAnswer(q, bytes);
      if (read !== undefined) cache.put(q, read, 0);
      // used all the time, so never the oldest
      hasAnswer(0);
    }
    expect([0, 1, 115, 116, 10_099].map(hasAnswer)).toEqual([true, false, false, false, true]);
    expect(hasAnswer(200)).toBe(true);
  });

  it('give the aliases and addresses in them, with names written out', () => {
    const bytes = answer({
      answers: [
        { type: 'CNAME', name: 'a.b', ttl: 7, data: 'c.b' },
        { type: 'A', name: 'c.b', ttl: 8, data: '192.0.2.7' },
        { type: 'AAAA', name: 'c.b', ttl: 9, data: '2001:db8::7' },
        { type: 'TXT', name: 'c.b', ttl: 9, data: 'x' },
      ],
    });
    expect(addressesIn(bytes).map(plain)).toEqual([
      ['CNAME', 'a.b', 7, 'c.b'],
      ['A', 'c.b', 8, '192.0.2.7'],
      ['AAAA', 'c.b', 9, '2001:0db8:0000:0000:0000:0000:0000:0007'],
    ]);
  });
});

describe('messages on a stream', () => {
  it('come out whole, however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }),
        (messages, cuts) => {
          const stream = Buffer.concat(messages.map(each => withLength(Buffer.from(each))));
          const reader = new MessageReader();
          const read: Buffer[] = [];
          for (let at = 0, i = 0; at < stream.length; i += 1) {
            const end = at + (cuts[i % cuts.length] ?? 1);
            read.push(...reader.push(stream.subarray(at, end)));
            at = end;
          }
          expect(read).toEqual(messages.map(each => Buffer.from(each)));
        },
      ),
      { seed: SEED, numRuns: 300 },
    );
  });
});

describe('name servers of a resolv.conf', () => {
  it('are its first three addresses, without our own', () => {
    const text =
      '# x\nsearch a b\nnameserver 169.254.20.10\n nameserver 192.0.2.1 \nnameserver nowhere\nnameserver 2001:db8::1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n';
    expect(nameServers(text, new Set(['169.254.20.10'])).map(each => each.address)).toEqual([
      '192.0.2.1',
      '2001:db8::1',
      '192.0.2.2',
    ]);
  });
});

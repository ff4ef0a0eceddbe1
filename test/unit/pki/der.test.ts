import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as der from '../../../src/pki/der.ts';

const ENCODED: readonly (readonly [sentence: string, encoded: Buffer, hex: string])[] = [
  ['a small integer', der.derInteger(5), '020105'],
  ['an integer with the high bit gets a zero in front', der.derInteger(128), '02020080'],
  ['zero', der.derInteger(0), '020100'],
  ['bytes lose their leading zeros', der.derUnsigned(Buffer.from([0, 0, 1])), '020101'],
  ['true', der.derBoolean(true), '0101ff'],
  ['null', der.derNull(), '0500'],
  ['an object identifier with large arcs', der.derOid('1.2.840.113549.1.1.11'), '06092a864886f70d01010b'],
  ['a bit string', der.derBitString(Buffer.from([0xab])), '030200ab'],
  ['named bits cut trailing zeros', der.derNamedBits([0, 2]), '030205a0'],
  ['no named bits', der.derNamedBits([]), '030100'],
  ['the elements of a set in order', der.derSet(der.derInteger(2), der.derInteger(1)), '3106020101020102'],
  [
    'a time before 2050',
    der.derTime(new Date('2026-01-02T03:04:05.678Z')),
    `170d${Buffer.from('260102030405Z').toString('hex')}`,
  ],
  [
    'a time from 2050 on',
    der.derTime(new Date('2050-01-02T03:04:05Z')),
    `180f${Buffer.from('20500102030405Z').toString('hex')}`,
  ],
  ['a long length', der.derOctetString(Buffer.alloc(200)), `0481c8${'00'.repeat(200)}`],
];

const MALFORMED: readonly (readonly [sentence: string, hex: string, message: RegExp])[] = [
  ['nothing', '', /missing/],
  ['a tag without a length', '30', /missing/],
  ['content that is cut', '300501', /cut short/],
  ['an indefinite length', '30800000', /does not allow/],
  ['a length of five bytes', '30850100000000', /does not allow/],
  ['a length that is not minimal', '308105', /not minimal/],
  ['a long length with a leading zero', `30820080${'00'.repeat(128)}`, /not minimal/],
  ['a tag of several bytes', '1f8101', /several bytes/],
];

describe('DER', () => {
  it.each(ENCODED)('writes %s', (_, encoded, hex) => {
    expect(encoded.toString('hex')).toBe(hex);
  });

  it.each(MALFORMED)('refuses %s', (_, hex, message) => {
    expect(() => new der.DerReader(Buffer.from(hex, 'hex')).next()).toThrow(message);
  });

  it('reads back the object identifiers that it writes', () => {
    const arc = fc.nat(2 ** 31);
    fc.assert(
      fc.property(fc.tuple(fc.constantFrom(0, 1, 2), fc.nat(39), fc.array(arc)), ([a, b, rest]) => {
        const dotted = [a, b, ...rest].join('.');
        expect(der.readOid(new der.DerReader(der.derOid(dotted)).next(der.TAG.oid).content)).toBe(dotted);
      }),
      { seed: 1 },
    );
  });

  it('never reads beyond the end and fails with words, whatever it is given', () => {
    const walk = (bytes: Uint8Array): number =>
      new der.DerReader(bytes).rest().reduce((sum, element) => sum + element.raw.length, 0);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
        let read: number | string;
        try {
          read = walk(bytes);
        } catch (error) {
          read = (error as Error).message;
        }
        expect([bytes.length, expect.stringMatching(/^not valid DER: /)]).toContainEqual(read);
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it('says what has a wrong tag and what is left over', () => {
    const reader = new der.DerReader(der.derInteger(1));
    expect(() => reader.next(der.TAG.sequence, 'a certificate')).toThrow(
      'a certificate should have tag 0x30 and has 0x2',
    );
    expect(() => new der.DerReader(der.derInteger(1)).end('a key')).toThrow('a key is followed by 3 bytes');
  });
});

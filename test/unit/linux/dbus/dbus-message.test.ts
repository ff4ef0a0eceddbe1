import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GantryError } from '../../../../src/base/errors.ts';
import { type DbusMessage, decodeMessage, encodeMessage } from '../../../../src/linux/dbus/dbus-message.ts';
import { completeTypes } from '../../../../src/linux/dbus/dbus-wire.ts';

const SEED = { seed: 20_261_129 };

/** Messages with the bytes that another implementation (jeepney 0.9) makes of them. */
const MESSAGES: readonly [sentence: string, message: DbusMessage, bytes: string][] = [
  [
    'the start of a unit',
    {
      kind: 1,
      serial: 5,
      path: '/org/freedesktop/systemd1',
      interface: 'org.freedesktop.systemd1.Manager',
      member: 'StartTransientUnit',
      signature: 'ssa(sv)a(sa(sv))',
      body: [
        'a.slice',
        'replace',
        [
          ['MemoryMax', { signature: 't', value: 67_108_864n }],
          ['PIDs', { signature: 'au', value: [7, 8] }],
          ['Delegate', { signature: 'b', value: true }],
          ['Slice', { signature: 's', value: 'system.slice' }],
        ],
        [],
      ],
    },
    '6c010001a0000000050000008e00000001016f00190000002f6f72672f667265656465736b746f702f73797374656d64310000000000000002017300200000006f72672e667265656465736b746f702e73797374656d64312e4d616e616765720000000000000000030173001200000053746172745472616e7369656e74556e697400000000000008016700107373612873762961287361287376292900000007000000612e736c69636500070000007265706c616365007900000000000000090000004d656d6f72794d61780001740000000000000000000000040000000004000000504944730002617500000000080000000700000008000000000000000800000044656c656761746500016200010000000000000005000000536c696365000173000000000c00000073797374656d2e736c6963650000000000000000',
  ],
  [
    'a value of every type',
    {
      kind: 1,
      serial: 6,
      path: '/x',
      interface: 'a.b',
      member: 'C',
      signature: 'ynqiuxtdbogasa(sv)(ayq)v',
      body: [
        1,
        -2,
        3,
        -4,
        5,
        -6n,
        7n,
        1.5,
        false,
        '/p',
        'ai',
        ['é', ''],
        [['k', { signature: 'i', value: 9 }]],
        [[97, 98], 300],
        { signature: '(st)', value: ['z', 2n ** 63n] },
      ],
    },
    '6c01000180000000060000004e00000001016f00020000002f780000000000000201730003000000612e620000000000030173000100000043000000000000000801670018796e716975787464626f67617361287376292861797129760000000100feff03000000fcffffff05000000faffffffffffffff0700000000000000000000000000f83f00000000020000002f700002616900000d00000002000000c3a90000000000000000000010000000010000006b00016900000000090000000200000061622c010428737429000000010000007a0000000000000000000080',
  ],
];

describe('a D-Bus message', () => {
  it.each(MESSAGES)('with %s has the bytes that others make of it', (_sentence, message, bytes) => {
    expect(encodeMessage(message).toString('hex')).toBe(bytes);
  });

  it.each(MESSAGES)('with %s is read back from them, and what follows is left', (_sentence, message, hex) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(decodeMessage(Buffer.concat([bytes, Buffer.from('l')]))).toEqual({ message, bytes: bytes.length });
  });

  it.each(MESSAGES)('with %s is waited for until its last byte is there', (_sentence, _message, hex) => {
    const bytes = Buffer.from(hex, 'hex');
    for (let length = 0; length < bytes.length; length += 1)
      expect(decodeMessage(bytes.subarray(0, length))).toBeUndefined();
  });

  it('that is damaged is an error or another message, and never more than its length', () => {
    const whole = Buffer.from(MESSAGES[1]?.[2] ?? '', 'hex');
    const meanings = new Set<string>();
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.nat(whole.length - 1), to: fc.nat(255) }), { minLength: 1, maxLength: 4 }),
        changes => {
          const bytes = Buffer.from(whole);
          for (const { at, to } of changes) bytes[at] = to;
          meanings.add(outcome(bytes));
        },
      ),
      { ...SEED, numRuns: 2000 },
    );
    expect(meanings).toEqual(new Set(['a message', 'an error']));
  });

  it.each(['a', '(', '(s', 'a{', 'z', 's)', 'sa('])('has no signature "%s"', signature => {
    expect(() => completeTypes(signature)).toThrow('is not a D-Bus signature');
  });

  it.each([
    ['a text for a number', 'u', 'x'],
    ['a number for a text', 's', 1],
    ['a number for 64 bits', 't', 1],
    ['a member too few', '(ss)', ['x']],
    ['a bare value for a variant', 'v', 'x'],
    ['a text with a zero byte', 's', 'a\0b'],
  ])('does not take %s', (_sentence, signature, value) => {
    const message = { kind: 1, serial: 1, path: '/', member: 'M', signature, body: [value] };
    expect(() => encodeMessage(message)).toThrow('cannot be made of');
  });
});

function outcome(bytes: Buffer): string {
  try {
    const read = decodeMessage(bytes);
    expect(read?.bytes ?? 0).toBeLessThanOrEqual(bytes.length);
    return 'a message';
  } catch (error) {
    expect(error instanceof RangeError || error instanceof GantryError).toBe(true);
    return 'an error';
  }
}

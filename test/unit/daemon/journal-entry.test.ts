import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldName, journalEntry, journalMessage } from '../../../src/daemon/journal-entry.ts';

/** Reads an entry as journald does: a line with `=` in it, or a name alone, eight bytes of length and the value. */
function decode(entry: Buffer): [string, string][] {
  const fields: [string, string][] = [];
  for (let at = 0; at < entry.length; ) {
    const end = entry.indexOf('\n', at);
    const line = entry.toString('utf8', at, end);
    const equals = line.indexOf('=');
    const length = equals < 0 ? Number(entry.readBigUInt64LE(end + 1)) : 0;
    const from = end + 9;
    fields.push(
      equals < 0
        ? [line, entry.toString('utf8', from, from + length)]
        : [line.slice(0, equals), line.slice(equals + 1)],
    );
    at = equals < 0 ? from + length + 1 : end + 1;
  }
  return fields;
}

const decoded = (line: Record<string, unknown>) => Object.fromEntries(decode(journalEntry(line)));

describe('journalEntry', () => {
  it('has the message, its priority, who says it, and a field for each thing told', () => {
    const line = {
      level: 'warn',
      time: '2026-01-01T00:00:00.000Z',
      daemon: 'node',
      podUID: 'u1',
      waitingFor: ['a', 'b'],
      msg: 'it waits',
    };
    expect(decode(journalEntry(line))).toEqual([
      ['PRIORITY', '4'],
      ['SYSLOG_IDENTIFIER', 'gantry-node'],
      ['MESSAGE', 'it waits podUID=u1 waitingFor=a,b'],
      ['DAEMON', 'node'],
      ['POD_UID', 'u1'],
      ['WAITING_FOR', '["a","b"]'],
    ]);
  });

  it.each([
    ['fatal', '2'],
    ['error', '3'],
    ['warn', '4'],
    ['info', '6'],
    ['debug', '7'],
    ['trace', '7'],
    ['loud', '6'],
  ])('gives level %s the priority %s', (level, priority) => {
    expect(decoded({ level, msg: 'x' })['PRIORITY']).toBe(priority);
  });

  it('keeps line breaks, as in the stack of an error', () => {
    const err = { type: 'Error', message: 'no', stack: 'Error: no\n    at here' };
    expect(decoded({ level: 'error', msg: 'it failed', err })).toMatchObject({
      MESSAGE: 'it failed err=no',
      ERR_MESSAGE: 'no',
      ERR_STACK: 'Error: no\n    at here',
    });
  });

  it('lets nobody write fields of the journal itself', () => {
    const entry = decode(journalEntry({ msg: 'x', _PID: '1', priority: 'high', objectPid: 1, 'a=b\nMESSAGE': 'y' }));
    expect(entry.map(([name]) => name)).toEqual([
      'PRIORITY',
      'SYSLOG_IDENTIFIER',
      'MESSAGE',
      'PID',
      'GANTRY_PRIORITY',
      'GANTRY_OBJECT_PID',
      'A_B_MESSAGE',
    ]);
  });

  it('cuts what is too long between two characters, and says so', () => {
    const entry = journalEntry({
      level: 'info',
      msg: 'ä'.repeat(100_000),
      more: ['x'.repeat(300_000)],
      other: 'é'.repeat(90_000),
    });
    expect(entry.length).toBeLessThan(130_000);
    const fields = Object.fromEntries(decode(entry));
    expect(fields['MESSAGE']).toMatch(/^ä{12000,12288}$/);
    expect(fields['GANTRY_CUT']).toBe('1');
  });

  it('stays small whatever number of fields there is', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`field${i}`, 'x'.repeat(20_000)]));
    expect(journalEntry({ msg: 'x', ...many }).length).toBeLessThan(200_000);
  });

  it('is read back as it was told, whatever it is', () => {
    const value = fc.oneof(fc.string(), fc.integer(), fc.string({ unit: fc.constantFrom('\n', '=', 'a', 'ß') }));
    fc.assert(
      fc.property(value, told => {
        expect(decoded({ msg: 'x', told })['TOLD']).toBe(String(told));
      }),
      { seed: 11, numRuns: 500 },
    );
  });
});

describe('journalMessage', () => {
  it.each([
    ['the message alone', { level: 'info', daemon: 'cri', msg: 'serving' }, 'serving'],
    ['blanks in quotes', { msg: 'failed', because: 'no room' }, 'failed because="no room"'],
    [
      'an error once, where the message has it',
      { msg: 'apiserver: no room', err: { message: 'apiserver: no room' } },
      'apiserver: no room',
    ],
    ['nothing of what is undefined', { msg: 'x', node: undefined }, 'x'],
    ['what was told where there is no message', { count: 3 }, 'count=3'],
  ])('is %s', (_what, line, message) => {
    expect(journalMessage(line)).toBe(message);
  });

  it('shows the beginning of a long value', () => {
    expect(journalMessage({ msg: 'x', long: 'y'.repeat(1000) })).toBe(`x long=${'y'.repeat(240)}…`);
  });
});

describe('fieldName', () => {
  it.each([
    ['pod', 'POD'],
    ['podCIDRs', 'POD_CIDRS'],
    ['err_stack', 'ERR_STACK'],
    ['kubernetes.io/name', 'KUBERNETES_IO_NAME'],
    ['9lives', 'GANTRY_9LIVES'],
    ['', 'GANTRY_'],
    ['messageId', 'GANTRY_MESSAGE_ID'],
    ['x'.repeat(100), 'X'.repeat(64)],
  ])('of %s is %s', (key, name) => {
    expect(fieldName(key)).toBe(name);
  });
});

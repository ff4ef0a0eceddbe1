import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entryKey, JournalBuilder, type JournalLine, stateLines } from '../../../../src/cni/journal/state.ts';

const take = (id: string, ip: string): JournalLine => ({
  op: 'take',
  containerId: id,
  ifname: 'eth0',
  netns: `/run/netns/${id}`,
  netnsInode: 7,
  hostLink: `veth${id}`,
  ips: [ip],
});
const stateAfter = (...lines: JournalLine[]): JournalBuilder => {
  const state = new JournalBuilder();
  for (const line of lines) state.apply(line);
  return state;
};
const key = entryKey('a', 'eth0');

describe('JournalBuilder', () => {
  it.each([
    ['take', [], 'taking', ['10.0.0.2']],
    ['take, ready', [{ op: 'ready', key }], 'ready', ['10.0.0.2']],
    [
      'take, ready, release: the address stays taken',
      [
        { op: 'ready', key },
        { op: 'release', key },
      ],
      'releasing',
      ['10.0.0.2'],
    ],
    [
      'take, release, free',
      [
        { op: 'release', key },
        { op: 'free', key },
      ],
      undefined,
      [],
    ],
    ['a line about an unknown key changes nothing', [{ op: 'free', key: 'x eth0' }], 'taking', ['10.0.0.2']],
  ] as [string, JournalLine[], string | undefined, string[]][])('%s', (_, lines, expected, taken) => {
    const state = stateAfter(take('a', '10.0.0.2'), ...lines);
    expect(state.entries.get(key)?.state).toBe(expected);
    expect([...state.taken]).toEqual(taken);
  });

  it('remembers the last address though its holder is gone', () => {
    expect(stateAfter(take('a', '10.0.0.2'), { op: 'free', key }).last).toEqual(['10.0.0.2']);
  });
});

describe('stateLines', () => {
  it('brings an empty journal into the same state', () => {
    const line = fc
      .tuple(fc.constantFrom('take', 'ready', 'release', 'free'), fc.constantFrom('a', 'b', 'c', 'd'))
      .map(
        ([op, id]): JournalLine =>
          op === 'take' ? take(id, `10.0.0.${id.charCodeAt(0)}`) : { op: op as 'free', key: entryKey(id, 'eth0') },
      );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 60 }), lines => {
        const state = stateAfter(...lines);
        const again = stateAfter(...stateLines(state));
        expect([...again.entries]).toEqual([...state.entries]);
        expect([...again.taken].sort()).toEqual([...state.taken].sort());
      }),
      { seed: 21, numRuns: 200 },
    );
  });
});

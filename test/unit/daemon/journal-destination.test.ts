import { describe, expect, it } from 'vitest';
import { isJournal, JournalDestination } from '../../../src/daemon/journal-destination.ts';
import { FakeClock } from '../../harness/fake-clock.ts';

/** A journal that takes so many entries, and no more until it is told to. */
function journal(takes: number) {
  const taken: string[] = [];
  const otherwise: string[] = [];
  const state = { takes, waits: true };
  const take = (entry: Uint8Array): void => {
    if (state.takes <= 0) throw Object.assign(new Error('sendto: EAGAIN'), { code: 'EAGAIN' });
    state.takes -= 1;
    taken.push(/^MESSAGE=(.*)$/m.exec(Buffer.from(entry).toString('utf8'))?.[1] ?? '');
  };
  const sendLast = (entry: Uint8Array): void => {
    state.takes += state.waits ? 1 : 0;
    take(entry);
  };
  const clock = new FakeClock();
  const destination = new JournalDestination({ send: take, sendLast, close: () => {} }, clock, text =>
    otherwise.push(text),
  );
  const log = (msg: string, level = 'info'): void => destination.write(`${JSON.stringify({ level, msg })}\n`);
  return { taken, otherwise, state, clock, destination, log };
}

describe('JournalDestination', () => {
  it('sends each line at once', () => {
    const { taken, log } = journal(10);
    log('a');
    log('b');
    expect(taken).toEqual(['a', 'b']);
  });

  it('keeps the order of lines that the journal took later', async () => {
    const { taken, state, clock, log } = journal(1);
    log('a');
    log('b');
    log('c');
    expect(taken).toEqual(['a']);
    state.takes = 1;
    await clock.advance(20);
    log('d');
    expect(taken).toEqual(['a', 'b']);
    state.takes = 10;
    await clock.advance(20);
    expect(taken).toEqual(['a', 'b', 'c', 'd']);
  });

  it('waits for the journal before last words, and brings what waits before them', () => {
    const { taken, log } = journal(1);
    log('a');
    log('b');
    log('the end', 'fatal');
    expect(taken).toEqual(['a', 'b', 'the end']);
  });

  it('writes elsewhere what the journal does not take in the end', () => {
    const { taken, otherwise, state, destination, log } = journal(0);
    state.waits = false;
    log('a');
    log('the end', 'fatal');
    destination.flush();
    expect(taken).toEqual([]);
    expect(otherwise.map(line => JSON.parse(line).msg)).toEqual(['a', 'the end']);
  });

  it('keeps 4 MiB and counts the rest', async () => {
    const { taken, state, clock, log } = journal(0);
    for (let i = 0; i < 300; i += 1) log('x'.repeat(20_000));
    state.takes = 1000;
    await clock.advance(20);
    const last = taken.pop() ?? '';
    expect(taken.length).toBe(209);
    expect(last).toMatch(/^lines of the log were lost: .* count=91$/);
  });

  it('takes a line that is no JSON as a message', () => {
    const { taken, destination } = journal(1);
    destination.write('plain text\n');
    expect(taken).toEqual(['plain text']);
  });
});

describe('isJournal', () => {
  const stderr = { dev: 9n, ino: 4_294_967_297n };

  it.each([
    ['9:4294967297', true],
    ['9:4294967298', false],
    ['', false],
    [undefined, false],
  ])('$JOURNAL_STREAM %s: %s', (stream, is) => {
    expect(isJournal(stream, stderr)).toBe(is);
  });
});

import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AddressJournal } from '../../src/cni/journal/journal.ts';
import { entryKey, type JournalLine } from '../../src/cni/journal/state.ts';
import { runDirectory } from '../harness/run-id.ts';

const take = (id: string, ip: string): JournalLine => ({
  op: 'take',
  containerId: id,
  ifname: 'eth0',
  netns: `/run/netns/${id}`,
  netnsInode: 7,
  hostLink: `veth${id}`,
  ips: [ip],
});
const append = (journal: AddressJournal, ...lines: JournalLine[]): void =>
  journal.transaction(transaction => {
    for (const line of lines) transaction.append(line);
  });
const takenBy = (journal: AddressJournal): string[] => journal.transaction(({ state }) => [...state.taken]);

describe('the address journal on disk', () => {
  it('shows one process what another wrote, before and after the file is written anew', () => {
    const folder = runDirectory('journal');
    const one = AddressJournal.open(folder, 'pods', 'boot-1');
    const two = AddressJournal.open(folder, 'pods', 'boot-1');
    append(one, take('a', '10.0.0.2'));
    append(two, take('b', '10.0.0.3'));
    expect(takenBy(one)).toEqual(['10.0.0.2', '10.0.0.3']);
    const { ino } = statSync(`${folder}/pods.journal`);
    for (let round = 0; round < 2100; round++)
      append(two, take('c', '10.0.0.4'), { op: 'free', key: entryKey('c', 'eth0') });
    expect(statSync(`${folder}/pods.journal`).ino).not.toBe(ino);
    expect(statSync(`${folder}/pods.journal`).size).toBeLessThan(200_000);
    append(one, take('d', '10.0.0.5'));
    expect(takenBy(two)).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.5']);
    one.close();
    two.close();
  });

  it('cuts off a line that kill -9 tore, and goes on after it', () => {
    const folder = runDirectory('journal');
    const file = `${folder}/pods.journal`;
    const first = AddressJournal.open(folder, 'pods', 'boot-1');
    append(first, take('a', '10.0.0.2'));
    first.close();
    appendFileSync(file, '{"op":"take","containerId":"b"');
    const second = AddressJournal.open(folder, 'pods', 'boot-1');
    expect(takenBy(second)).toEqual(['10.0.0.2']);
    append(second, take('c', '10.0.0.3'));
    second.close();
    const third = AddressJournal.open(folder, 'pods', 'boot-1');
    expect(takenBy(third)).toEqual(['10.0.0.2', '10.0.0.3']);
    third.close();
  });

  it('is empty after a reboot, but goes on round robin', () => {
    const folder = runDirectory('journal');
    const before = AddressJournal.open(folder, 'pods', 'boot-1');
    append(before, take('a', '10.0.0.2'));
    before.close();
    const after = AddressJournal.open(folder, 'pods', 'boot-2');
    expect(after.transaction(({ state }) => [[...state.entries], state.last])).toEqual([[], ['10.0.0.2']]);
    after.close();
  });

  it('names file and line of what is no journal line, and takes a file of zeros (power cut) for an empty one', () => {
    const folder = runDirectory('journal');
    const file = `${folder}/pods.journal`;
    const first = AddressJournal.open(folder, 'pods', 'boot-1');
    append(first, take('a', '10.0.0.2'));
    writeFileSync(file, `${readFileSync(file, 'utf8')}rubbish\n`);
    expect(() => takenBy(first)).toThrow(`${file}:3: not a line of an address journal`);
    writeFileSync(file, Buffer.alloc(4096));
    expect(takenBy(first)).toEqual([]);
    first.close();
  });
});

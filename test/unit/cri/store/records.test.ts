import { describe, expect, it } from 'vitest';
import { containerState, exitReason } from '../../../../src/cri/store/container-record.ts';
import { decodeJournal, decodeRecord, encodeRecord } from '../../../../src/cri/store/record-codec.ts';
import type { RecordFiles } from '../../../../src/cri/store/record-files.ts';
import { RecordStore } from '../../../../src/cri/store/record-store.ts';
import { sandboxState } from '../../../../src/cri/store/sandbox-record.ts';
import {
  containerRecord,
  createdContainer,
  creatingContainer,
  creatingSandbox,
  idOf,
  sandboxRecord,
} from '../records.ts';

describe('states follow from the stamps', () => {
  it.each([
    ['a create at work is creating', creatingContainer(), 'creating'],
    ['created without a start is created', createdContainer(), 'created'],
    ['a start makes it running', containerRecord(), 'running'],
    ['an end wins over the start', containerRecord({ finishedAt: 50n }), 'exited'],
    ['an end without a start is an end', createdContainer({ finishedAt: 50n }), 'exited'],
    ['a removal counts as ended', containerRecord({ removedAt: 60n }), 'exited'],
  ] as const)('container: %s', (_sentence, record, state) => expect(containerState(record)).toBe(state));

  it.each([
    ['a creation at work is creating', creatingSandbox(), 'creating'],
    ['made is ready', sandboxRecord(), 'ready'],
    ['a stop or a dead infra makes it not ready', sandboxRecord({ notReadyAt: 30n }), 'not-ready'],
    [
      'a failed creation that could not be undone is shown as not ready',
      creatingSandbox({ notReadyAt: 30n }),
      'not-ready',
    ],
    ['a removal counts as not ready', sandboxRecord({ removedAt: 30n }), 'not-ready'],
  ] as const)('sandbox: %s', (_sentence, record, state) => expect(sandboxState(record)).toBe(state));

  it.each([
    [0, false, 'Completed'],
    [1, false, 'Error'],
    [137, true, 'OOMKilled'],
  ] as const)('exit code %d with OOM %s is %s', (code, oom, reason) => expect(exitReason(code, oom)).toBe(reason));
});

describe('records as text', () => {
  it('keeps 64-bit integers apart from lists and maps that look like them', () => {
    const record = { big: 9007199254740993n, list: ['64', '5'], map: { '64': '5' }, numbers: [64, 5] };
    expect(decodeRecord(encodeRecord(record))).toEqual(record);
  });

  it.each([
    ['the last line counts', '{"a":1}\n\n{"a":2}\n', { a: 2 }],
    ['a line that was cut off does not', '{"a":1}\n\n{"a":2', { a: 1 }],
    ['nor one that was cut off and written after', '{"a":1}\n\n{"a":2\n{"a":3}\n', { a: 3 }],
  ])('%s', (_sentence, text, value) => expect(decodeJournal(text)).toEqual(value));

  it('says so when no line is whole', () => {
    expect(() => decodeJournal('\n{"a"')).toThrow('holds no whole record');
  });
});

/** Files that keep texts, as the disk does. */
function memoryFiles(): RecordFiles & { fail: boolean } {
  const texts = new Map<string, string>();
  const files = {
    fail: false,
    write(record: { id: string }) {
      if (files.fail) throw new Error('no space left on device');
      texts.set(record.id, encodeRecord(record));
    },
    writeSandbox: (record: { id: string }) => files.write(record),
    writeContainer: (record: { id: string }) => files.write(record),
    deleteSandbox: (id: string) => void texts.delete(id),
    deleteContainer: (id: string) => void texts.delete(id),
    readAll: () => ({ sandboxes: [], containers: [], unreadable: [], orphanFolders: [] }),
  };
  return files;
}

describe('the store', () => {
  it('knows no more than the disk: a write that fails changes nothing', () => {
    const files = memoryFiles();
    const store = new RecordStore(files);
    store.putSandbox(sandboxRecord());
    files.fail = true;
    expect(() => store.updateSandbox(idOf('a'), { notReadyAt: 5n })).toThrow('no space left');
    expect(sandboxState(store.requireSandbox(idOf('a')))).toBe('ready');
  });

  it('goes by what has happened although the disk is full, and tells that it is not written', () => {
    const files = memoryFiles();
    const unwritten: string[] = [];
    const store = new RecordStore(files, id => void unwritten.push(id));
    store.putSandbox(sandboxRecord());
    store.putContainer(containerRecord());
    files.fail = true;
    store.markSandbox(idOf('a'), { notReadyAt: 5n });
    store.markContainer(idOf('b'), { finishedAt: 6n });
    expect(sandboxState(store.requireSandbox(idOf('a')))).toBe('not-ready');
    expect(containerState(store.requireContainer(idOf('b')))).toBe('exited');
    expect(unwritten).toEqual([idOf('a'), idOf('b')]);
  });

  it('finds by a beginning that fits one only, and hides what is being made', () => {
    const store = new RecordStore(memoryFiles());
    store.load(
      [
        sandboxRecord({ id: `ab${'0'.repeat(62)}` }),
        sandboxRecord({ id: `ac${'0'.repeat(62)}` }),
        creatingSandbox({ id: idOf('e') }),
      ],
      [],
    );
    expect(store.findSandbox('ab')?.id).toBe(`ab${'0'.repeat(62)}`);
    expect(() => store.findSandbox('a')).toThrow('pod_sandbox_id "a" is the beginning of several ids');
    expect(() => store.findSandbox('')).toThrow('pod_sandbox_id is empty');
    expect(store.findSandbox(idOf('e'))).toBeUndefined();
    expect(() => store.requireSandbox(idOf('f'))).toThrow('is not here');
  });

  it('answers a repeated create with what still lives, not with what has ended', () => {
    const store = new RecordStore(memoryFiles());
    store.load([sandboxRecord()], [containerRecord({ finishedAt: 50n })]);
    expect(store.liveContainerByKey(idOf('a'), 'main/0')).toBeUndefined();
    store.putContainer(createdContainer({ id: idOf('f') }));
    expect(store.liveContainerByKey(idOf('a'), 'main/0')?.id).toBe(idOf('f'));
    store.deleteContainer(idOf('f'));
    expect(store.containersOf(idOf('a')).map(c => c.id)).toEqual([idOf('b')]);
  });
});

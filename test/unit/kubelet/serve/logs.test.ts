import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ContainerState, Pod } from '../../../../src/api/types/gen/core-v1.ts';
import { logContainerId } from '../../../../src/kubelet/serve/logs/log-container.ts';
import { LogLines } from '../../../../src/kubelet/serve/logs/log-line.ts';
import { type LogOptions, parseLogOptions } from '../../../../src/kubelet/serve/logs/log-options.ts';
import { readLog } from '../../../../src/kubelet/serve/logs/read-log.ts';
import { waitFor } from '../../../harness/wait-for.ts';

const ALL: LogOptions = {
  follow: false,
  previous: false,
  timestamps: false,
  since: undefined,
  tailLines: undefined,
  limitBytes: undefined,
};
const T = (second: number): string => `2026-01-02T03:04:0${second}.5+00:00`;
const line = (second: number, text: string, tag = 'F'): string => `${T(second)} stdout ${tag} ${text}\n`;

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-logs-'));
  path = join(directory, '0.log');
});
afterEach(() => rmSync(directory, { recursive: true }));

async function read(options: Partial<LogOptions> = {}): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of readLog(path, { ...ALL, ...options }, undefined, new AbortController().signal))
    pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

describe('the log of a container', () => {
  const three = [line(1, 'one'), line(2, 'two'), line(3, 'three')].join('');

  it.each<[string, string, Partial<LogOptions>, string]>([
    ['all of it', three, {}, 'one\ntwo\nthree\n'],
    ['nothing', '', {}, ''],
    ['the last lines', three, { tailLines: 2 }, 'two\nthree\n'],
    ['more last lines than there are', three, { tailLines: 9 }, 'one\ntwo\nthree\n'],
    ['no last line', three, { tailLines: 0 }, ''],
    ['what is not older', three, { since: Date.parse(T(2)) }, 'two\nthree\n'],
    ['so many bytes', three, { limitBytes: 5 }, 'one\nt'],
    ['with times', line(1, 'one'), { timestamps: true }, '2026-01-02T03:04:01.500000000Z one\n'],
    ['parts of a line', line(1, 'a', 'P') + line(2, 'b', 'F'), {}, 'ab\n'],
    [
      'parts of a line with one time',
      line(1, 'a', 'P') + line(2, 'b'),
      { timestamps: true },
      '2026-01-02T03:04:01.500000000Z ab\n',
    ],
    ['empty lines', line(1, '') + line(2, 'x'), {}, '\nx\n'],
    ['a last line without its end', `${line(1, 'one')}${T(2)} stdout F two`, {}, 'one\ntwo\n'],
    ['nothing of what is no log', `nonsense\n${line(1, 'one')}x y z w\n`, {}, 'one\n'],
    ['of both streams', `${T(1)} stderr F err\n${line(2, 'out')}`, {}, 'err\nout\n'],
  ])('gives %s', async (_what, content, options, expected) => {
    writeFileSync(path, content);
    expect(await read(options)).toBe(expected);
  });

  it('gives the last lines of a file of many chunks', async () => {
    const long = 'x'.repeat(1000);
    writeFileSync(path, Array.from({ length: 500 }, (_, i) => line(1, `${i} ${long}`)).join(''));
    expect((await read({ tailLines: 300 })).split('\n').map(each => each.split(' ')[0])).toEqual([
      ...Array.from({ length: 300 }, (_, i) => String(200 + i)),
      '',
    ]);
  });

  it('keeps bytes that are no text', () => {
    const lines = new LogLines(ALL);
    const bytes = Buffer.from([0xff, 0x00, 0xfe]);
    expect(Buffer.concat(lines.text(Buffer.concat([Buffer.from(`${T(1)} stdout F `), bytes])))).toEqual(
      Buffer.concat([bytes, Buffer.from('\n')]),
    );
  });

  it.each([
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000000000Z'],
    ['2026-01-02T03:04:05.123456789+02:00', '2026-01-02T03:04:05.123456789+02:00'],
  ])('tells the time %s as %s', (time, told) => {
    const lines = new LogLines({ ...ALL, timestamps: true });
    expect(Buffer.concat(lines.text(Buffer.from(`${time} stdout F x`))).toString()).toBe(`${told} x\n`);
  });
});

describe('a log that is followed', () => {
  it('goes on over a rotation and ends with the container, without losing a line', async () => {
    writeFileSync(path, line(1, 'one'));
    let running = true;
    let tell = (): void => {};
    const writer = {
      isRunning: () => running,
      onChange: (listener: () => void) => {
        tell = listener;
        return () => {};
      },
    };
    let seen = '';
    const reading = (async () => {
      const options = { ...ALL, follow: true };
      for await (const piece of readLog(path, options, writer, new AbortController().signal)) seen += String(piece);
    })();
    await waitFor('the first line', () => seen === 'one\n');
    appendFileSync(path, line(2, 'two'));
    await waitFor('what was appended', () => seen === 'one\ntwo\n');
    appendFileSync(path, line(3, 'three'));
    renameSync(path, `${path}.1`);
    appendFileSync(`${path}.1`, line(4, 'four'));
    writeFileSync(path, line(5, 'five'));
    await waitFor('both files', () => seen === 'one\ntwo\nthree\nfour\nfive\n');
    appendFileSync(path, line(6, 'six'));
    running = false;
    tell();
    await reading;
    expect(seen).toBe('one\ntwo\nthree\nfour\nfive\nsix\n');
  });

  it('ends when nobody listens any more', async () => {
    writeFileSync(path, line(1, 'one'));
    const stop = new AbortController();
    const writer = { isRunning: () => true, onChange: () => () => {} };
    const pieces = readLog(path, { ...ALL, follow: true }, writer, stop.signal);
    await pieces.next();
    const waiting = pieces.next();
    stop.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
  });
});

describe('the query of a log', () => {
  it.each<[string, Partial<LogOptions>]>([
    ['', {}],
    ['follow=true&previous=1&timestamps=', { follow: true, previous: true, timestamps: true }],
    ['follow=false&previous=0', {}],
    ['tailLines=5&limitBytes=7', { tailLines: 5, limitBytes: 7 }],
    ['tail=all&tailLines=5', {}],
    ['tail=3', { tailLines: 3 }],
    ['sinceSeconds=2', { since: 8_000 }],
    ['sinceTime=1970-01-01T00:00:04Z', { since: 4_000 }],
  ])('%j is understood', (query, options) => {
    expect(parseLogOptions(new URLSearchParams(query), 10_000)).toEqual({ ...ALL, ...options });
  });

  it.each([
    ['tailLines=x', 'Unable to decode query.'],
    ['sinceTime=today', 'Unable to decode query.'],
    ['tailLines=-1', 'Invalid request.'],
    ['limitBytes=0', 'Invalid request.'],
    ['sinceSeconds=0', 'Invalid request.'],
    ['sinceSeconds=1&sinceTime=1970-01-01T00:00:04Z', 'Invalid request.'],
  ])('%j is refused', (query, message) => {
    expect(() => parseLogOptions(new URLSearchParams(query), 0)).toThrow(message);
  });
});

describe('the container whose log is meant', () => {
  const pod = (state: ContainerState, lastState: ContainerState = {}): Pod =>
    ({
      metadata: { name: 'web', namespace: 'default' },
      spec: { containers: [{ name: 'main' }, { name: 'new' }] },
      status: {
        containerStatuses: [{ name: 'main', state, lastState, containerID: 'gantry://now', restartCount: 0 }],
      },
    }) as unknown as Pod;
  const ended = (id: string): ContainerState => ({ terminated: { exitCode: 0, containerID: `gantry://${id}` } });

  it.each<[string, ContainerState, ContainerState, boolean, string]>([
    ['runs', { running: {} }, ended('before'), false, 'now'],
    ['has ended', ended('now'), ended('before'), false, 'now'],
    ['waits to be restarted', { waiting: { reason: 'CrashLoopBackOff' } }, ended('before'), false, 'before'],
    ['is the one before', { running: {} }, ended('before'), true, 'before'],
  ])('when it %s', (_what, state, last, previous, id) => {
    expect(logContainerId(pod(state, last), 'main', previous)).toBe(`gantry://${id}`);
  });

  it.each<[string, ContainerState, string, boolean, number, string]>([
    ['that is not there', {}, 'other', false, 404, 'container "other" not found in pod "web"'],
    ['without a status', {}, 'new', false, 400, 'container "new" in pod "web" is not available'],
    [
      'without one before',
      { running: {} },
      'main',
      true,
      400,
      'previous terminated container "main" in pod "web" not found',
    ],
    [
      'that is made',
      { waiting: { reason: 'ContainerCreating' } },
      'main',
      false,
      400,
      'container "main" in pod "web" is waiting to start: ContainerCreating',
    ],
    [
      'without its image',
      { waiting: { reason: 'ErrImagePull' } },
      'main',
      false,
      400,
      'container "main" in pod "web" is waiting to start: image can\'t be pulled',
    ],
    [
      'that waits for its image',
      { waiting: { reason: 'ImagePullBackOff' } },
      'main',
      false,
      400,
      'container "main" in pod "web" is waiting to start: trying and failing to pull image',
    ],
    [
      'that ended before it had an id',
      { terminated: { exitCode: 1 } },
      'main',
      false,
      400,
      'container "main" in pod "web" is terminated',
    ],
    [
      'of which nothing is said',
      {},
      'main',
      false,
      400,
      'container "main" in pod "web" is waiting to start - no logs yet',
    ],
  ])('one %s is refused', (_what, state, name, previous, status, message) => {
    expect(() => logContainerId(pod(state), name, previous)).toThrow(expect.objectContaining({ status, message }));
  });
});

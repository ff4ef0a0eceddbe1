import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { UnreadableYamlError } from '../../../../src/api/decode/json/decode-yaml-body.ts';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import { type BodyWorkerLimits, BodyWorkers } from '../../../../src/apiserver/body/body-workers.ts';
import type { Body } from '../../../../src/apiserver/body/decode-body.ts';
import { JSON_TYPE, YAML_TYPE } from '../../../../src/apiserver/negotiation/negotiate.ts';
import { createLogger } from '../../../../src/daemon/logger.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { waitFor } from '../../../harness/wait-for.ts';

/** Answers as the thread of the server does, with the text of the body and the number of bodies so far; `loop`, `crash` and `leave` do so instead. */
const ANSWERING = `
  const { parentPort } = require('node:worker_threads');
  let count = 0;
  parentPort.on('message', ({ bytes }) => {
    const text = Buffer.from(bytes).toString();
    for (; text.startsWith('loop'););
    if (text.startsWith('crash')) throw new Error('crashed');
    if (text.startsWith('leave')) process.exit(0);
    if (text.startsWith('refuse')) return parentPort.postMessage({ reason: 'BadRequest', message: 'no', details: undefined });
    const json = Buffer.from(JSON.stringify({ data: { text, count: String(++count) } }));
    parentPort.postMessage({ json, warnings: ['w'] });
  });
`;
const LIMITS: Partial<BodyWorkerLimits> = {
  yamlBytes: 10,
  otherBytes: 20,
  queuedBytes: 100,
  bodyMs: 1000,
  idleMs: 500,
};

let started: Worker[] = [];
let ended: Worker[] = [];
let workers: BodyWorkers;
let clock: FakeClock;

function begin(limits = LIMITS): void {
  started = [];
  ended = [];
  clock = new FakeClock();
  workers = new BodyWorkers({
    start: () => {
      const worker = new Worker(ANSWERING, { eval: true });
      worker.once('exit', () => ended.push(worker));
      started.push(worker);
      return worker;
    },
    limits,
    clock,
    log: createLogger({ daemon: 'test', level: 'silent' }),
  });
}
afterEach(() => workers.close());

const forever = new AbortController().signal;
const type = builtinTable.struct('core/v1.ConfigMap');
const bodyOf = (text: string, mediaType = YAML_TYPE): Body => ({
  bytes: Buffer.from(text),
  mediaType,
  expected: { type, apiVersion: 'v1', kind: 'ConfigMap' },
  fieldValidation: 'Warn',
});
const long = (word: string): string => word.padEnd(30, ' x');
const ask = (text: string, mediaType = YAML_TYPE, signal = forever) =>
  workers
    .decode(bodyOf(text, mediaType), signal)
    .then(({ object }) => (object as { data: { count: string } }).data.count);

describe('large bodies', () => {
  it('are decoded by a thread that is started for the first, small ones without', async () => {
    begin();
    expect((await workers.decode(bodyOf('data: {}'), forever)).object).toMatchObject({ kind: 'ConfigMap' });
    expect((await workers.decode(bodyOf('{"data":{"a":"b"}}', JSON_TYPE), forever)).warnings).toEqual([]);
    expect(started.length).toBe(0);
    expect(await workers.decode(bodyOf(long('a')), forever)).toEqual({
      object: { data: { text: long('a'), count: '1' } },
      warnings: ['w'],
    });
    expect(await ask(long('b'))).toBe('2');
    expect(started.length).toBe(1);
  });

  it('in YAML that are no whole objects are read by that thread, too', async () => {
    begin();
    expect(await workers.readYaml(Buffer.from('a: 1'), forever)).toEqual({ value: { a: 1 }, duplicates: [] });
    await expect(workers.readYaml(Buffer.from('a: ['), forever)).rejects.toThrow(UnreadableYamlError);
    expect(started.length).toBe(0);
    expect(await workers.readYaml(Buffer.from(long('a')), forever)).toEqual({
      value: { data: { text: long('a'), count: '1' } },
      duplicates: ['w'],
    });
    expect(await ask(long('b'))).toBe('2');
  });

  it('in JSON do not wait for those in YAML', async () => {
    begin();
    const looping = ask(long('loop')).catch(String);
    expect(await ask(long('{'), JSON_TYPE)).toBe('1');
    await clock.advance(1000);
    expect(await looping).toContain('the body takes more than 1 s to be read');
  });

  it('are in YAML also those that are nested deeper than the stack of the event loop holds', async () => {
    begin({ ...LIMITS, yamlBytes: 10_000, queuedBytes: 10_000 });
    const nested = (levels: number): string => `u: ${'['.repeat(levels)}1${']'.repeat(levels)}`;
    expect((await workers.decode(bodyOf(nested(999)), forever)).warnings).toEqual(['unknown field "u"']);
    expect(started.length).toBe(0);
    expect(await ask(nested(1000))).toBe('1');
  });

  it('are refused as the thread says', async () => {
    begin();
    await expect(ask(long('refuse'))).rejects.toMatchObject({ statusReason: 'BadRequest', message: 'no' });
    expect(await ask(long('a'))).toBe('1');
  });

  it('that take too long are refused, and the next one is read by another thread', async () => {
    begin();
    const refused = expect(ask(long('loop'))).rejects.toMatchObject({
      httpCode: 413,
      message: 'Request entity too large: the body takes more than 1 s to be read',
    });
    const next = ask(long('a'));
    await clock.advance(1000);
    await refused;
    expect(await next).toBe('1');
    expect(started.length).toBe(2);
    await waitFor('the thread that looped to end', async () => ended.includes(started[0] as Worker));
  });

  it.each(['crash', 'leave'])('that end the thread fail alone: %s', async word => {
    begin();
    const failing = ask(long(word));
    const next = ask(long('a'));
    await expect(failing).rejects.toThrow(/crashed|ended/);
    expect(await next).toBe('1');
  });

  it('wait up to a number of bytes, beyond which they get 429', async () => {
    begin();
    const looping = ask(long('loop')).catch(String);
    const waiting = [1, 2, 3].map(index => ask(long(`w${index}`)));
    await expect(ask(long('w4'))).rejects.toMatchObject({ httpCode: 429, details: { retryAfterSeconds: 1 } });
    await clock.advance(1000);
    await looping;
    expect(await Promise.all(waiting)).toEqual(['1', '2', '3']);
  });

  it('of clients that leave are given up, in the thread as well', async () => {
    begin();
    const client = new AbortController();
    const looping = ask(long('loop'), YAML_TYPE, client.signal);
    const waiting = ask(long('w'), YAML_TYPE, client.signal);
    const next = ask(long('a'));
    client.abort(new Error('left'));
    await expect(looping).rejects.toThrow('left');
    await expect(waiting).rejects.toThrow('left');
    expect(await next).toBe('1');
  });

  it('leave no thread behind once none has come for a while', async () => {
    begin();
    await ask(long('a'));
    await clock.advance(500);
    await waitFor('the thread to end', async () => ended.length === 1);
    expect(await ask(long('b'))).toBe('1');
  });

  it('are not waited for by a server that ends', async () => {
    begin();
    const looping = ask(long('loop')).catch(String);
    await workers.close();
    expect(ended.length).toBe(1);
    expect(await looping).toContain('the server is shutting down');
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wrapEnvelope } from '../../../src/api/protobuf/envelope.ts';
import { MemoryApi, PROTOBUF } from '../../harness/memory-api.ts';

/** Bodies of up to 3 MiB, the most that is read. */
const BYTES = 3 * 1024 * 1024 - 1000;
const PODS = '/api/v1/namespaces/a/pods';
const CLAIMS = '/api/v1/namespaces/a/persistentvolumeclaims';
const CRON_JOBS = '/apis/batch/v1/namespaces/a/cronjobs';

const varint = (value: number): number[] =>
  value < 0x80 ? [value] : [(value % 0x80) + 0x80, ...varint(Math.floor(value / 0x80))];
const field = (number: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(content.length)]), content]);
const repeated = (unit: readonly number[]): Buffer => Buffer.alloc(BYTES - (BYTES % unit.length), Buffer.from(unit));
const NAMED = field(1, field(1, Buffer.from('x')));
const pod = (...parts: readonly Buffer[]): Buffer => wrapEnvelope('v1', 'Pod', Buffer.concat([NAMED, ...parts]));
const json = (kind: string, rest: string): string =>
  `{"apiVersion":"v1","kind":"${kind}","metadata":{"name":"x"},${rest}}`;
const list = (item: string, count: number): string => `[${`${item},`.repeat(count - 1)}${item}]`;

const TOO_MANY = 'Request entity too large: limit of elements in lists and maps is 100000';
const unreadable = (why: string): string => `Pod in version "v1" cannot be handled as a Pod: ${why}`;
const EMPTY = 'Pod "x" is invalid: spec.containers: Required value';

/** What one client sends, what it is told, and within two seconds. */
const BODIES: readonly (readonly [what: string, message: unknown, body: () => Buffer | string])[] = [
  ['a million containers in JSON', TOO_MANY, () => json('Pod', `"spec":{"containers":${list('{}', 1_000_000)}}`)],
  ['a million numbers in their place', TOO_MANY, () => json('Pod', `"spec":{"containers":${list('0', 1_500_000)}}`)],
  ['a million arguments', TOO_MANY, () => json('Pod', `"spec":{"containers":[{"args":${list('""', 1_000_000)}}]}`)],
  ['a million and a half containers in protobuf', TOO_MANY, () => pod(field(2, repeated([0x12, 0])))],
  ['three million packed numbers', TOO_MANY, () => pod(field(2, field(14, field(4, Buffer.alloc(BYTES)))))],
  ['as many entries of one map', TOO_MANY, () => pod(field(1, repeated([0x5a, 0])))],
  ['as many specs', EMPTY, () => pod(repeated([0x12, 0]))],
  ['unknown numbers', EMPTY, () => pod(repeated([0x78, 0]))],
  ['unknown messages', EMPTY, () => pod(repeated([0x7a, 0]))],
  ['groups in groups', unreadable('unexpected EOF'), () => pod(repeated([0x7b]))],
  ['groups that begin and end', EMPTY, () => pod(repeated([0x7b, 0x7c]))],
  [
    'the end of a group that did not begin',
    unreadable('proto: Pod: wiretype end group for non-group'),
    () => pod(Buffer.from([0x7c])),
  ],
  ['an illegal wire type', unreadable('proto: illegal wireType 6'), () => pod(Buffer.from([0x7e]))],
  ['a length beyond the end', unreadable('unexpected EOF'), () => pod(Buffer.from([0x12, ...varint(2 ** 40)]))],
  [
    'a length below zero',
    unreadable('proto: negative length found during unmarshaling'),
    () => pod(Buffer.from([0x12, ...Array<number>(9).fill(0xff), 0x01])),
  ],
  ['a number without end', unreadable('proto: integer overflow'), () => pod(Buffer.alloc(1_000_000, 0xff))],
  ['a number that is cut', unreadable('unexpected EOF'), () => pod(Buffer.from([0x12, 0x80]))],
  [
    'very many envelopes in one',
    'Pod "" is invalid: metadata.name: Required value: name or generateName is required',
    () => Buffer.concat([Buffer.from('k8s\0'), repeated([0x12, 0])]),
  ],
  [
    'an envelope that says that it is longer than it is',
    `the object provided is unrecognized (must be of type Pod): unexpected EOF (${Buffer.from('k8s\0').toString('hex')}12ffffffff0f)`,
    () => Buffer.concat([Buffer.from('k8s\0'), Buffer.from([0x12, ...varint(2 ** 32 - 1)])]),
  ],
  [
    'almost as many requirements as may be, and nothing right in them',
    expect.stringContaining('PersistentVolumeClaim "x" is invalid: [spec.accessModes: Required value'),
    () => json('PersistentVolumeClaim', `"spec":{"selector":{"matchExpressions":${list('{}', 99_000)}}}`),
  ],
  [
    'almost as many init containers of the pods of the jobs of a cron job',
    expect.stringContaining('CronJob.batch "x" is invalid: [spec.schedule: Required value'),
    () =>
      json(
        'CronJob',
        `"spec":{"jobTemplate":{"spec":{"template":{"spec":{"initContainers":${list('{}', 99_000)}}}}}}`,
      ).replace('"v1"', '"batch/v1"'),
  ],
];

let api: MemoryApi;
beforeAll(async () => {
  api = await MemoryApi.start();
});
afterAll(() => api.stop());

describe('a body that means harm is answered at once', () => {
  it.each(BODIES)('%s', async (_, message, make) => {
    const body = make();
    const url = body.includes('PersistentVolumeClaim') ? CLAIMS : body.includes('CronJob') ? CRON_JOBS : PODS;
    const before = process.cpuUsage();
    const answer = await api.ask('POST', url, {
      body,
      contentType: typeof body === 'string' ? 'application/json' : PROTOBUF,
    });
    const { user, system } = process.cpuUsage(before);
    expect(answer.json.message.slice(0, 200)).toEqual(message);
    expect((user + system) / 1000).toBeLessThan(2500);
  });

  it('a patch that makes a million elements', async () => {
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'patched' } };
    expect((await api.ask('POST', '/api/v1/namespaces/a/configmaps', { body })).status).toBe(201);
    const finalizers = `{"metadata":{"finalizers":${list('""', 1_000_000)}}}`;
    const answer = await api.ask('PATCH', '/api/v1/namespaces/a/configmaps/patched', {
      body: finalizers,
      contentType: 'application/merge-patch+json',
    });
    expect([answer.status, answer.json.message]).toEqual([413, TOO_MANY]);
  });

  it('what is stored has no limit: another server may have taken it', async () => {
    const metadata = { name: 'long', namespace: 'a', finalizers: Array<string>(200_000).fill('a/b') };
    await api.put('/registry/configmaps/a/long', { kind: 'ConfigMap', apiVersion: 'v1', metadata });
    const { status, json: stored } = await api.ask('GET', '/api/v1/namespaces/a/configmaps/long');
    expect([status, stored.metadata.finalizers.length]).toEqual([200, 200_000]);
  });
});

import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApiServer } from '../harness/api-server.ts';
import { overHttp1, type RawAnswer, type RawClient } from '../harness/raw-request.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Bodies of up to 3 MiB, in which clients may write what they like: each is answered in upstream's words, and nobody else waits for it. */

const MAPS = '/api/v1/namespaces/default/configmaps';
const LIMIT = 3 * 1024 * 1024;
const YAML = 'application/yaml';
const JSON_TYPE = 'application/json';

let server: TestApiServer;
let admin: RawClient;
let idleThreads: number;

beforeAll(async () => {
  server = await TestApiServer.start();
  admin = { port: server.port, ...server.credentials('admin', ['system:masters']) };
  idleThreads = threads();
});
afterAll(() => server.remove());

const post = (body: string, contentType: string, query = ''): Promise<RawAnswer> =>
  overHttp1(admin, { method: 'POST', path: MAPS + query, headers: { 'content-type': contentType }, body });

/** As many pieces as a body holds, behind a beginning. */
function filled(start: string, piece: (index: number) => string, end = ''): string {
  const pieces = [start];
  for (let length = start.length + end.length, index = 0; ; index++) {
    const next = piece(index);
    length += next.length;
    if (length > LIMIT) return pieces.join('') + end;
    pieces.push(next);
  }
}

/** Asks for something small again and again until `done` settles: how long each answer took, in ms. */
async function timesBeside(done: Promise<unknown>): Promise<number[]> {
  const client = server.clientFor('beside', ['system:masters']);
  try {
    let over = false;
    const settled = done.finally(() => {
      over = true;
    });
    const times: number[] = [];
    await client.json('GET', '/api/v1/namespaces/default');
    while (!over) {
      const began = performance.now();
      await client.json('GET', '/api/v1/namespaces/default');
      times.push(performance.now() - began);
    }
    await settled;
    return times;
  } finally {
    client.close();
  }
}

function quantile(times: readonly number[], part: number): number {
  return [...times].sort((a, b) => a - b)[Math.floor((times.length - 1) * part)] ?? 0;
}

const threads = (): number => readdirSync(`/proc/${server.pid}/task`).length;

const map = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;
const BOMB = Array.from({ length: 60 }, (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join()}]\n`);
const UNRECOGNIZED = 'the object provided is unrecognized (must be of type ConfigMap): ';

const YAML_BODIES: readonly (readonly [what: string, body: string, answer: readonly unknown[]])[] = [
  ['a value of a megabyte', `${map('value')}data:\n  k: ${'v'.repeat(1_000_000)}\n`, [201, undefined]],
  ['one key again and again', filled(`${map('again')}data:\n`, () => '  k: v\n'), [201, undefined]],
  ['a list that nobody knows', filled(`${map('list')}u: [`, () => 'a,', ']\n'), [201, undefined]],
  ['maps that nobody knows', filled(`${map('maps')}u: [`, () => '{},', ']\n'), [201, undefined]],
  ['comments', filled(map('comments'), () => '#\n'), [201, undefined]],
  [
    'numbers for texts',
    filled(`${map('blocks')}data:\n  n: 1\n`, index => `  k${index}: |\n    ${'a'.repeat(40)}\n`),
    [
      400,
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    ],
  ],
  [
    'lists in lists',
    `${map('deep')}u: ${'['.repeat(1_500_000)}`,
    [
      400,
      `${UNRECOGNIZED}yaml: line 4: exceeded max depth of 10000 (61706956657273696f6e3a2076310a6b696e643a20436f6e6669674d6170 ...)`,
    ],
  ],
  [
    'aliases of aliases',
    `a0: &a0 [x,x,x,x,x,x,x,x,x]\n${BOMB.join('')}#${' '.repeat(100_000)}`,
    [
      400,
      `${UNRECOGNIZED}yaml: document contains excessive aliasing (61303a20266130205b782c782c782c782c782c782c782c782c785d0a6131 ...)`,
    ],
  ],
  [
    'a quote that is not closed',
    filled(`${map('quote')}u: "`, () => 'a '),
    [
      400,
      `${UNRECOGNIZED}yaml: line 4: found unexpected end of stream (61706956657273696f6e3a2076310a6b696e643a20436f6e6669674d6170 ...)`,
    ],
  ],
];
const JSON_MAP = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"j"},"data":{"k":""';
const JSON_BODIES: readonly (readonly [what: string, body: string, answer: readonly unknown[]])[] = [
  ['one key again and again', filled(JSON_MAP, () => ',"k":"v"', '}}'), [201, undefined]],
  [
    'numbers for texts',
    filled(JSON_MAP, index => `,"k${index}":${'1'.repeat(40)}.5`, '}}'),
    [
      400,
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    ],
  ],
  [
    'fields that nobody knows, and then no end',
    filled(`${JSON_MAP}}`, index => `,"u${index}":1`),
    [
      400,
      `${UNRECOGNIZED}couldn't get version/kind; json parse error: unexpected end of JSON input ({"apiVersion":"v1","kind":"Con ...)`,
    ],
  ],
];

describe('a large body', () => {
  it.each([
    ...YAML_BODIES.map(row => [YAML, ...row] as const),
    ...JSON_BODIES.map(row => [JSON_TYPE, ...row] as const),
  ])('in %s of %s is answered in upstream’s words, and others meanwhile', async (type, _, body, expected) => {
    const answer = post(body, type);
    const times = await timesBeside(answer);
    const { status, json } = await answer;
    expect([status, json.message]).toEqual(expected);
    // The machine may have others to serve: one answer may take longer, half of them may not.
    expect(quantile(times, 0.5)).toBeLessThan(100);
    expect(quantile(times, 1)).toBeLessThan(500);
  });

  it.each([
    ['Strict', 400, undefined],
    ['Warn', 201, expect.stringContaining('299 - "unknown field \\"u0\\"", 299 - "unknown field \\"u1\\""')],
    ['Ignore', 201, undefined],
  ])('is checked for fields as small ones are: %s', async (mode, status, warning) => {
    const body = `${map(mode.toLowerCase())}${Array.from({ length: 20_000 }, (_, index) => `u${index}: 1\n`).join('')}`;
    const answer = await post(body, YAML, `?fieldValidation=${mode}`);
    expect([answer.status, answer.headers['warning']]).toEqual([status, warning]);
  });

  it('is applied by the server as a small one is', async () => {
    const apply = (text: string): Promise<RawAnswer> =>
      overHttp1(admin, {
        method: 'PATCH',
        path: `${MAPS}/applied?fieldManager=test`,
        headers: { 'content-type': 'application/apply-patch+yaml' },
        body: `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: applied}\ndata:\n${text}`,
      });
    const lines = Array.from({ length: 8000 }, (_, i) => `  key-${i}: "a value"\n`).join('');
    expect((await apply(lines)).status).toBe(201);
    const broken = await apply(`${lines}  [`);
    expect([broken.status, broken.json.message]).toEqual([
      400,
      expect.stringContaining('error decoding YAML: error converting YAML to JSON: yaml: line '),
    ]);
  });

  it('is read as a small one is', async () => {
    const value = 'ü🦆\n '.repeat(20_000);
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'same' }, data: { value } });
    for (const contentType of [YAML, JSON_TYPE]) {
      const { json } = await post(body, contentType, '?dryRun=All');
      expect(json.data).toEqual({ value });
    }
  });

  it('that is under way does not keep a server from ending', async () => {
    const answer = post(YAML_BODIES[2]?.[1] ?? '', YAML).catch(String);
    await waitFor('a thread to start', async () => threads() > idleThreads);
    expect(await server.stop()).toBe(0);
    await answer;
    await server.start();
  });
});

describe('objects that etcd does not take', () => {
  const deployment = (name: string): string =>
    JSON.stringify({
      metadata: { name },
      spec: {
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name } },
          spec: { containers: [{ name: 'c', image: 'i', args: ['a'.repeat(3_000_000)] }] },
        },
      },
    });

  it('are refused, however many come, and those that it takes are stored', async () => {
    const path = '/apis/apps/v1/namespaces/default/deployments';
    const headers = { 'content-type': JSON_TYPE };
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        overHttp1(admin, { method: 'POST', path, headers, body: deployment(`d${index}`) }),
      ),
    );
    const told =
      /^rpc error: code = ResourceExhausted desc = trying to send message larger than max \(\d+ vs. 2097152\)$/;
    for (const { status, json } of answers) expect([status, json.message]).toEqual([500, expect.stringMatching(told)]);
    expect((await post(`${map('after')}data: {}\n`, YAML)).status).toBe(201);
  });
});

describe('a body of more than 3 MiB', () => {
  it.each([YAML, JSON_TYPE])('in %s is refused', async contentType => {
    const { status, json } = await post(' '.repeat(LIMIT + 1), contentType);
    expect([status, json.message]).toEqual([413, 'Request entity too large: limit is 3145728']);
  });
});

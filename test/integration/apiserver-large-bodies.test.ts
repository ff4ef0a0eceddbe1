import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApiServer } from '../harness/api-server.ts';
import { overHttp1, type RawAnswer, type RawClient } from '../harness/raw-request.ts';

/** Bodies of up to 3 MiB, in which clients may write what they like: each is answered in upstream's words, and nobody else waits for it. */

const MAPS = '/api/v1/namespaces/default/configmaps';
const LIMIT = 3 * 1024 * 1024;
const YAML = 'application/yaml';
const JSON_TYPE = 'application/json';

let server: TestApiServer;
let admin: RawClient;

beforeAll(async () => {
  server = await TestApiServer.start();
  admin = { port: server.port, ...server.credentials('admin', ['system:masters']) };
});
afterAll(() => server.remove());

const post = (body: string, contentType: string): Promise<RawAnswer> =>
  overHttp1(admin, { method: 'POST', path: MAPS, headers: { 'content-type': contentType }, body });

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

/** Asks for something small again and again until `done` settles; the longest that an answer took, in ms. */
async function slowestBeside(done: Promise<unknown>): Promise<number> {
  const client = server.clientFor('beside', ['system:masters']);
  try {
    let over = false;
    const settled = done.finally(() => {
      over = true;
    });
    let slowest = 0;
    await client.json('GET', '/api/v1/namespaces/default');
    while (!over) {
      const began = performance.now();
      await client.json('GET', '/api/v1/namespaces/default');
      slowest = Math.max(slowest, performance.now() - began);
    }
    await settled;
    return slowest;
  } finally {
    client.close();
  }
}

const map = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;
const BOMB = Array.from({ length: 60 }, (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join()}]\n`);

const YAML_BODIES: readonly (readonly [what: string, body: string, answer: readonly unknown[]])[] = [
  ['one value', `${map('value')}data:\n  k: ${'v'.repeat(1_000_000)}\n`, [201, undefined]],
  ['keys that come again and again', filled(`${map('again')}data:\n`, () => '  k: v\n'), [201, undefined]],
  ['lists in lists', `${map('deep')}u: ${'['.repeat(1_500_000)}`, [400, 'BadRequest']],
  [
    'aliases of aliases',
    `${map('bomb')}a0: &a0 [x,x,x,x,x,x,x,x,x]\n${BOMB.join('')}#${' '.repeat(50_000)}`,
    [400, 'BadRequest'],
  ],
];

describe('a large body in YAML', () => {
  it.each(YAML_BODIES)('of %s is answered, and so is who asks beside it', async (_, body, expected) => {
    const answer = post(body, YAML);
    expect(await slowestBeside(answer)).toBeLessThan(500);
    const { status, json } = await answer;
    expect([status, json.reason]).toEqual(expected);
  });
});

describe('a body of more than 3 MiB', () => {
  it.each([YAML, JSON_TYPE])('in %s is refused', async contentType => {
    const { status, json } = await post(' '.repeat(LIMIT + 1), contentType);
    expect([status, json.message]).toEqual([413, 'Request entity too large: limit is 3145728']);
  });
});

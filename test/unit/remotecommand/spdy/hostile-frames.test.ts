import { type Duplex, PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { unavailable } from '../../../../src/base/errors.ts';
import { servePortForward } from '../../../../src/remotecommand/serve-port-forward.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { waitFor } from '../../../harness/wait-for.ts';
import { commandServer } from '../command-server.ts';
import { type Compressor, control, data, headerBlock, numbers, RawSpdy } from '../raw-spdy.ts';
import { streamServer } from '../stream-server.ts';

const small = fc.integer({ min: 0, max: 9 });
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map(each => Buffer.from(each));

/** What a client may send, mostly well-formed and seldom sensible. The header blocks come from one zlib stream in their order, as they must. */
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('syn' as const),
      id: small,
      flags: fc.nat(3),
      headers: fc.oneof(
        fc.constantFrom('error', 'stdin', 'stdout', 'stderr', 'resize', 'x').map(streamtype => ({ streamtype })),
        fc.record({
          streamtype: fc.constantFrom('error', 'data'),
          port: fc.constantFrom('80', '80', '81', '0'),
          requestid: fc.constantFrom('', 'a', 'b'),
        }),
      ),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('data' as const), id: small, flags: fc.nat(1), payload: bytes(3000) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('reset' as const), id: small }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('window' as const), id: small, delta: fc.nat(0x7fffffff) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('settings' as const), window: fc.nat(100_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('ping' as const), id: small }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('headers' as const), id: small, flags: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('goaway' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('other' as const), type: fc.nat(300), payload: bytes(40) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('noise' as const), payload: bytes(40) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function encode(step: Step, compressor: Compressor): Promise<Buffer> {
  switch (step.kind) {
    case 'syn':
      return compressor.synStream(step.id, step.headers, step.flags);
    case 'data':
      return data(step.id, step.payload, step.flags);
    case 'reset':
      return control(3, numbers(step.id, 5));
    case 'window':
      return control(9, numbers(step.id, step.delta));
    case 'settings':
      return control(4, numbers(1, 7, step.window));
    case 'ping':
      return control(6, numbers(step.id));
    case 'headers':
      return control(
        8,
        Buffer.concat([numbers(step.id), await compressor.compress(headerBlock({ a: 'b' }))]),
        step.flags,
      );
    case 'goaway':
      return control(7, numbers(0, 0));
    case 'other':
      return control(step.type, step.payload);
    case 'noise':
      return step.payload;
  }
}

it('leaves nothing behind of a client that sends whatever it likes, and serves the next one', async () => {
  const clock = new FakeClock();
  let running = 0;
  await using server = await commandServer(
    { stdin: true, stdout: true, stderr: false, tty: false },
    async command => {
      running += 1;
      for await (const piece of command.stdin ?? []) command.stdout?.write(piece);
      await command.finish({ exitCode: 0 });
      running -= 1;
    },
    { clock },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.boolean(), async (steps, wellBegun) => {
      const client = await RawSpdy.connect(server.port, 'v4.channel.k8s.io');
      await (wellBegun ? client.openAll('error', 'stdin', 'stdout') : undefined);
      for (const each of steps) client.socket.write(await encode(each, client.compressor));
      client.socket.end();
      await waitFor('the server to be done', () => client.ended && server.sockets.size === 0 && running === 0);
      expect(clock.pending).toBe(0);
      await client.close();
    }),
    { numRuns: 150, seed: 31 },
  );
  const client = await RawSpdy.connect(server.port, 'v4.channel.k8s.io');
  await client.openAll('error', 'stdin', 'stdout');
  await client.frame('the reply', frame => frame.type === 2 && frame.id === 5);
  client.socket.write(data(3, 'fine', 1));
  expect(await client.finished(5)).toBe('fine');
  await client.close();
});

it('holds no pod and no timer for a client of port-forward that sends whatever it likes', async () => {
  const clock = new FakeClock();
  const connections = new Set<Duplex>();
  let served = 0;
  const connect = async (port: number): Promise<Duplex> => {
    if (port !== 80) throw unavailable('connection refused');
    const echo = new PassThrough();
    connections.add(echo);
    echo.once('close', () => connections.delete(echo));
    return echo;
  };
  await using server = await streamServer(async (request, socket, head) => {
    await servePortForward(request, socket, head, [], connect, { pod: { name: 'web', uid: 'u1' }, clock });
    served += 1;
  });
  let begun = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
      const client = await RawSpdy.connect(server.port, 'portforward.k8s.io');
      begun += 1;
      for (const each of steps) client.socket.write(await encode(each, client.compressor));
      client.socket.end();
      await waitFor('the server to be done', () => client.ended && server.sockets.size === 0 && served === begun);
      await waitFor('the pod to be let go', () => connections.size === 0);
      expect(clock.pending).toBe(0);
      await client.close();
    }),
    { numRuns: 150, seed: 37 },
  );
});

it('has a timer of port-forward only for what is still open', async () => {
  const clock = new FakeClock();
  await using server = await streamServer((request, socket, head) => {
    const connect = async (): Promise<Duplex> => new PassThrough();
    const pod = { name: 'web', uid: 'u1' };
    void servePortForward(request, socket, head, [], connect, { pod, clock, idleMs: 0 });
  });
  const opened = fc.record({
    streamtype: fc.constantFrom('error', 'data'),
    port: fc.constant('80'),
    requestid: fc.constantFrom('a', 'b', 'c'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(opened, { minLength: 1, maxLength: 20 }), async streams => {
      const client = await RawSpdy.connect(server.port, 'portforward.k8s.io');
      for (const [i, headers] of streams.entries()) await client.open(1 + 2 * i, headers);
      for (const i of streams.keys()) client.socket.write(control(3, numbers(1 + 2 * i, 5)));
      client.socket.write(control(6, numbers(1)));
      await client.frame('the answer to a ping behind it all', frame => frame.type === 6);
      expect(clock.pending).toBe(0);
      await client.close();
    }),
    { numRuns: 60, seed: 41 },
  );
});

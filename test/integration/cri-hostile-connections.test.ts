/** What no gRPC library sends, to the socket of the built shim: it answers others beside it, and stays the process that it was. */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { status as GrpcStatus } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PodSandboxConfig } from '../../src/rpc/cri-api.ts';
import { containerConfig, podConfig } from '../harness/cri-pod.ts';
import { FRAME, field, frame, PREFACE } from '../harness/http2-frames.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { RawGrpc } from '../harness/raw-grpc.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

let target: RuntimeHost;
let pid: number;
const sockets: Socket[] = [];

beforeAll(async () => {
  target = await gantryHost();
  pid = target.service.pid() ?? 0;
});
afterAll(() => target.delete());
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

const socketPath = (): string => target.client.endpoint.slice('unix://'.length);
/** As the machine numbers it, for files of /proc. */
const inHost = (file: string): string => target.host.path(`/proc/${pid}/${file}`);
const memory = (): number => Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(inHost('smaps_rollup'), 'utf8'))?.[1]) / 1024;
const descriptors = (): number => readdirSync(inHost('fd')).length;

async function open(): Promise<Socket> {
  const socket = connect(socketPath());
  socket.on('error', () => {});
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** The shim is the same process and answers within the usual time. */
async function expectServing(): Promise<void> {
  const { runtimeName } = await target.client.version({ version: '' }, { timeoutMs: 10_000 });
  expect(runtimeName).toBe('gantry');
  expect(target.service.pid()).toBe(pid);
}

/** gRPC's framing: a flag for compression, four bytes of length, the message. */
function message(bytes: Uint8Array, { length = bytes.length, compressed = 0 } = {}): Buffer {
  const head = Buffer.alloc(5);
  head[0] = compressed;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
}

const LIST = '/runtime.v1.RuntimeService/ListContainers';
const VERSION = '/runtime.v1.RuntimeService/Version';
/** A field of a message: number and wire type, then what follows. */
const tag = (number: number, wireType: number): number => (number << 3) | wireType;

describe('a message that is none', () => {
  let grpc: RawGrpc;
  beforeEach(() => {
    grpc = new RawGrpc(socketPath());
  });
  afterEach(() => grpc.close());

  it.each<[string, string, Buffer, number[], Record<string, string>?]>([
    ['nothing at all', VERSION, Buffer.alloc(0), [GrpcStatus.INTERNAL, GrpcStatus.UNIMPLEMENTED]],
    ['half a frame', VERSION, Buffer.from([0, 0, 0]), [GrpcStatus.INTERNAL, GrpcStatus.UNIMPLEMENTED]],
    ['a length of 4 GiB', VERSION, message(Buffer.from('x'), { length: 0xffffffff }), [GrpcStatus.RESOURCE_EXHAUSTED]],
    [
      'a flag that is none',
      VERSION,
      message(Buffer.alloc(0), { compressed: 7 }),
      [GrpcStatus.OK, GrpcStatus.INTERNAL, GrpcStatus.UNIMPLEMENTED],
    ],
    [
      'compressed bytes that are not',
      VERSION,
      message(Buffer.from('not gzip'), { compressed: 1 }),
      [GrpcStatus.INTERNAL],
      { 'grpc-encoding': 'gzip' },
    ],
    [
      'a compression that nobody knows',
      VERSION,
      message(Buffer.from('x'), { compressed: 1 }),
      [GrpcStatus.INTERNAL, GrpcStatus.UNIMPLEMENTED],
      { 'grpc-encoding': 'brotli' },
    ],
    [
      'two messages',
      VERSION,
      Buffer.concat([message(Buffer.alloc(0)), message(Buffer.alloc(0))]),
      [GrpcStatus.INTERNAL, GrpcStatus.UNIMPLEMENTED],
    ],
    ['a number without an end', VERSION, message(Buffer.alloc(20, 0xff)), [GrpcStatus.INTERNAL]],
    [
      'a string that is longer than the message',
      VERSION,
      message(Buffer.from([tag(1, 2), 0x7f, 0x41])),
      [GrpcStatus.INTERNAL],
    ],
    [
      'a string of 2 GiB',
      VERSION,
      message(Buffer.from([tag(1, 2), 0xff, 0xff, 0xff, 0xff, 0x07])),
      [GrpcStatus.INTERNAL],
    ],
    [
      'a number where a string belongs',
      VERSION,
      message(Buffer.from([tag(1, 0), 1])),
      [GrpcStatus.OK, GrpcStatus.INTERNAL],
    ],
    ['a wire type that there is none of', VERSION, message(Buffer.from([tag(1, 7)])), [GrpcStatus.INTERNAL]],
    [
      'the end of a group that did not begin',
      VERSION,
      message(Buffer.from([tag(1, 4)])),
      [GrpcStatus.OK, GrpcStatus.INTERNAL],
    ],
    ['groups 100,000 deep', VERSION, message(Buffer.alloc(100_000, tag(5, 3))), [GrpcStatus.INTERNAL]],
    [
      'text that is not UTF-8',
      VERSION,
      message(Buffer.from([tag(1, 2), 2, 0xc3, 0x28])),
      [GrpcStatus.OK, GrpcStatus.INTERNAL],
    ],
    [
      'a call that there is none of',
      '/runtime.v1.RuntimeService/Nothing',
      message(Buffer.alloc(0)),
      [GrpcStatus.UNIMPLEMENTED],
    ],
    [
      'a service that there is none of',
      '/runtime.v2.RuntimeService/Version',
      message(Buffer.alloc(0)),
      [GrpcStatus.UNIMPLEMENTED],
    ],
    ['a path that is none', '/', message(Buffer.alloc(0)), [GrpcStatus.UNIMPLEMENTED]],
    [
      'a time limit that is none',
      VERSION,
      message(Buffer.alloc(0)),
      [GrpcStatus.OK, GrpcStatus.INTERNAL, GrpcStatus.OUT_OF_RANGE],
      { 'grpc-timeout': 'soon' },
    ],
  ])('%s is answered', async (_what, path, bytes, codes, more = {}) => {
    const { code } = await grpc.call(path, bytes, more);
    expect(codes).toContain(code);
    await expectServing();
  });

  it('that unpacks to a thousand times its size is refused, and takes no more memory the third time than the first', async () => {
    const bomb = message(gzipSync(Buffer.alloc(200 << 20)), { compressed: 1 });
    const used: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const calls = Array.from({ length: 4 }, () => grpc.call(VERSION, bomb, { 'grpc-encoding': 'gzip' }));
      const codes = (await Promise.all(calls)).map(({ code }) => code);
      expect(codes).toEqual(calls.map(() => GrpcStatus.RESOURCE_EXHAUSTED));
      await expectServing();
      used.push(memory());
    }
    // four times what a message may have, and what was there before
    expect(Math.max(...used)).toBeLessThan(600);
    expect(used[2]).toBeLessThan((used[0] ?? 0) + 100);
  });
});

describe('a message over 16 MiB', () => {
  it('is taken, and so is such an answer', async () => {
    const sandboxConfig = PodSandboxConfig.fromPartial({
      ...podConfig('large'),
      linux: { cgroupParent: '/kubepods/large' },
    });
    const { podSandboxId } = await target.client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
    const config = containerConfig(['/bin/sleep', '100000']);
    const { containerId } = await target.client.createContainer({ podSandboxId, config, sandboxConfig });
    await target.client.startContainer({ containerId });
    const labelSelector = { a: 'x'.repeat(20 << 20) };
    const { items } = await target.client.listPodSandbox({ filter: { id: '', state: undefined, labelSelector } });
    expect(items).toEqual([]);
    const script = 'head -c 16777216 /dev/zero; head -c 16777216 /dev/zero >&2';
    const answer = await target.client.execSync({
      containerId,
      cmd: ['/bin/sh', '-c', script],
      timeout: 60n,
    });
    expect([answer.exitCode, answer.stdout.length, answer.stderr.length]).toEqual([0, 16 << 20, 16 << 20]);
    await target.client.stopPodSandbox({ podSandboxId });
    await target.client.removePodSandbox({ podSandboxId });
  });

  it('that is over the limit of 80 MiB is refused', async () => {
    const grpc = new RawGrpc(socketPath());
    const { code } = await grpc.call(LIST, message(Buffer.alloc(5), { length: (80 << 20) + 1 }), {});
    expect(code).toBe(GrpcStatus.RESOURCE_EXHAUSTED);
    grpc.close();
  });
});

describe('a connection', () => {
  const SETTINGS = frame(FRAME.settings, 0, 0);
  const opened = Buffer.concat([PREFACE, SETTINGS]);
  const request = (stream: number, fields: Buffer, flags = 4): Buffer => frame(FRAME.headers, flags, stream, fields);
  const fields = Buffer.concat([
    field(':method', 'POST'),
    field(':scheme', 'http'),
    field(':authority', 'localhost'),
    field(':path', VERSION),
    field('content-type', 'application/grpc'),
    field('te', 'trailers'),
  ]);

  it.each<[string, Buffer]>([
    ['that speaks HTTP/1', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['that speaks noise', Buffer.alloc(100_000, 0xa5)],
    ['that says half of what begins one', PREFACE.subarray(0, 10)],
    [
      'with a frame of 16 MiB that does not come',
      Buffer.concat([opened, Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])]),
    ],
    ['with data for a call that was not made', Buffer.concat([opened, frame(FRAME.data, 0, 9, Buffer.alloc(100))])],
    ['with a call by the server', Buffer.concat([opened, request(2, fields)])],
    ['with a frame of a type that there is none of', Buffer.concat([opened, frame(0xee, 0xff, 0, Buffer.alloc(100))])],
    ['with headers that cannot be read', Buffer.concat([opened, request(1, Buffer.alloc(200, 0xff))])],
    [
      'with headers of 1 MiB',
      Buffer.concat([
        opened,
        ...Array.from({ length: 70 }, (_, i) =>
          frame(i === 0 ? FRAME.headers : FRAME.continuation, 0, 1, Buffer.alloc(16_000, 0x20)),
        ),
      ]),
    ],
    [
      'with 10,000 pings',
      Buffer.concat([opened, ...Array.from({ length: 10_000 }, () => frame(FRAME.ping, 0, 0, Buffer.alloc(8)))]),
    ],
    ['with 10,000 settings', Buffer.concat([opened, ...Array.from({ length: 10_000 }, () => SETTINGS)])],
    [
      'with 5,000 calls that are taken back at once',
      Buffer.concat([
        opened,
        ...Array.from({ length: 5_000 }, (_, i) =>
          Buffer.concat([request(2 * i + 1, fields), frame(FRAME.reset, 0, 2 * i + 1, Buffer.from([0, 0, 0, 8]))]),
        ),
      ]),
    ],
    [
      'with calls whose message never comes',
      Buffer.concat([opened, ...Array.from({ length: 50 }, (_, i) => request(2 * i + 1, fields))]),
    ],
  ])('%s hurts nobody', async (_what, bytes) => {
    const socket = await open();
    socket.resume();
    socket.write(bytes);
    await expectServing();
    socket.end();
    await expectServing();
  });

  it('among 300 that do nothing is served, and their descriptors come back', async () => {
    const before = descriptors();
    await Promise.all(Array.from({ length: 300 }, open));
    for (const socket of sockets) socket.write(opened);
    await expectServing();
    for (const socket of sockets.splice(0)) socket.destroy();
    await waitFor('the descriptors to be closed', saw => {
      const now = descriptors();
      saw(now);
      return now <= before + 2;
    });
  });
});

describe('afterwards', () => {
  it('nothing is left, and nothing is wrong in the log', async () => {
    await expectNoLeftovers(target);
    const log = readFileSync(target.service.logFile, 'utf8');
    expect(log.split('\n').filter(line => line.includes('"level":"error"'))).toEqual([]);
  });
});

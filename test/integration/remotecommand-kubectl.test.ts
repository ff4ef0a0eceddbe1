import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unavailable } from '../../src/base/errors.ts';
import type { RemoteCommand } from '../../src/remotecommand/remote-command.ts';
import { servePortForward } from '../../src/remotecommand/serve-port-forward.ts';
import { serveRemoteCommand } from '../../src/remotecommand/serve-remote-command.ts';
import { type Kubectl, newestKubectl } from '../harness/kubectl.ts';
import { type StreamApiServer, streamApiServer } from '../harness/stream-api-server.ts';
import { waitFor } from '../harness/wait-for.ts';

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const BLOB = randomBytes(48 << 20);

/** Programs of the container, by their names. */
const PROGRAMS: Record<string, (command: RemoteCommand, ...args: string[]) => Promise<void>> = {
  async cat(command) {
    if (command.stdin === undefined || command.stdout === undefined) throw new Error('cat needs streams');
    await pipeline(command.stdin, command.stdout);
    await command.finish({ exitCode: 0 });
  },
  async exit(command, code) {
    command.stdout?.write('out\n');
    command.stderr?.write('err\n');
    await command.finish({ exitCode: Number(code) });
  },
  async fail(command, why = '') {
    await command.finish({ error: why });
  },
  async blob(command) {
    command.stdout?.write(BLOB);
    await command.finish({ exitCode: 0 });
  },
  async sha(command) {
    const hash = createHash('sha256');
    for await (const piece of command.stdin ?? []) hash.update(piece);
    command.stdout?.write(hash.digest('hex'));
    await command.finish({ exitCode: 0 });
  },
};

const program = newestKubectl();
const path = 'path' in program ? program.path : '';
if ('missing' in program) console.info(`(skipped: ${program.missing})`);

describe.skipIf('missing' in program).each([
  ['WebSocket', 'v5.channel.k8s.io', {}],
  ['SPDY', 'v4.channel.k8s.io', { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' }],
])('kubectl exec over %s', (_, protocol, env) => {
  const spoken = new Set<string>();
  let server: StreamApiServer;
  beforeAll(async () => {
    server = await streamApiServer(async (request, socket, head) => {
      const { searchParams } = new URL(request.url ?? '/', 'https://x');
      const is = (name: string): boolean => searchParams.get(name) === 'true';
      const wanted = { stdin: is('stdin'), stdout: is('stdout'), stderr: is('stderr'), tty: is('tty') };
      spoken.add(`${request.headers['sec-websocket-protocol'] ?? request.headers['x-stream-protocol-version']}`);
      const command = await serveRemoteCommand(request, socket, head, wanted);
      const [name = '', ...args] = searchParams.getAll('command');
      await PROGRAMS[name]?.(command, ...args);
    });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('gives both outputs and the exit code', async () => {
    const result = await server.kubectl(path, env).run('exec p -- exit 3');
    expect(result).toEqual({ out: 'out', err: 'err\ncommand terminated with exit code 3', code: 3 });
    expect([...spoken].join()).toContain(protocol);
  });

  it('tells an error that is no exit', async () => {
    const result = await server.kubectl(path, env).run('exec p -- fail', 'no such file');
    expect(result).toMatchObject({ code: 1, err: 'error: Internal error occurred: no such file' });
  });

  it('passes stdin to its end and gives what comes back', async () => {
    const text = 'line\n'.repeat(10_000);
    expect(await server.kubectl(path, env).given(text).ok('exec -i p -- cat')).toBe(text.trimEnd());
  });

  it('passes 48 MiB out unchanged', async () => {
    const file = join(server.folder, `out-${protocol}`);
    const kubeconfig = join(server.folder, 'kubeconfig');
    const child = execa(path, ['exec', 'p', '--', 'blob'], {
      env: { KUBECONFIG: kubeconfig, ...env },
      encoding: 'buffer',
      buffer: false,
      stdin: 'ignore',
    });
    await Promise.all([pipeline(child.stdout, createWriteStream(file)), child]);
    expect(sha256(await readFile(file))).toBe(sha256(BLOB));
  });

  it('passes 48 MiB in unchanged', async () => {
    const file = join(server.folder, `in-${protocol}`);
    await writeFile(file, BLOB);
    const kubeconfig = join(server.folder, 'kubeconfig');
    const { stdout } = await execa(path, ['exec', '-i', 'p', '--', 'sha'], {
      env: { KUBECONFIG: kubeconfig, ...env },
      inputFile: file,
    });
    expect(stdout).toBe(sha256(BLOB));
  });

  it('leaves no connection', async () => {
    await waitFor('all connections to end', () => server.sockets.size === 0);
  });
});

describe.skipIf('missing' in program).each([
  ['WebSocket', 'SPDY/3.1+portforward.k8s.io', {}],
  ['SPDY', 'portforward.k8s.io', { KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' }],
])('kubectl port-forward over %s', (_, protocol, env) => {
  const spoken = new Set<string>();
  let server: StreamApiServer;
  let pod: Server;
  let forward: ReturnType<Kubectl['background']>;
  let local = 0;
  beforeAll(async () => {
    pod = createServer({ allowHalfOpen: true }, socket => {
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    pod.listen(0, '127.0.0.1');
    await once(pod, 'listening');
    const { port } = pod.address() as AddressInfo;
    server = await streamApiServer((request, socket, head) => {
      spoken.add(`${request.headers['sec-websocket-protocol'] ?? request.headers['x-stream-protocol-version']}`);
      const target = async (asked: number): Promise<Duplex> => {
        if (asked !== 80) throw unavailable(`dial tcp 127.0.0.1:${asked}: connect: connection refused`);
        return connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      };
      void servePortForward(request, socket, head, [], target, { pod: { name: 'p', uid: 'u1' } });
    });
    forward = server.kubectl(path, env).background('port-forward pod/p :80 :81 --address 127.0.0.1');
    local = await waitFor('kubectl to listen', saw => {
      saw(forward.seen());
      return /127.0.0.1:(\d+) -> 80/.exec(forward.seen())?.[1];
    }).then(Number);
  });
  afterAll(async () => {
    await forward.end();
    await server[Symbol.asyncDispose]();
    pod.close();
  });

  it('passes 32 MiB both ways unchanged on each of three connections', async () => {
    const sent = randomBytes(32 << 20);
    const one = async (): Promise<string> => {
      const socket = connect({ port: local, host: '127.0.0.1', allowHalfOpen: true });
      const pieces: Buffer[] = [];
      socket.on('data', piece => pieces.push(piece));
      socket.write(sent);
      await waitFor('all to come back', () => pieces.reduce((sum, piece) => sum + piece.length, 0) === sent.length);
      socket.destroy();
      return sha256(Buffer.concat(pieces));
    };
    expect(await Promise.all([one(), one(), one()])).toEqual(Array(3).fill(sha256(sent)));
    expect([...spoken]).toEqual([protocol]);
  });

  it('tells why a port cannot be reached', async () => {
    const other = Number(/127.0.0.1:(\d+) -> 81/.exec(forward.seen())?.[1]);
    const socket = connect(other, '127.0.0.1');
    await once(socket, 'close');
    await waitFor('the message', saw => {
      saw(forward.seen());
      return forward.seen().includes('error forwarding port 81 to pod p, uid u1: dial tcp 127.0.0.1:81');
    });
  });

  it('leaves no connection', async () => {
    await forward.end();
    await waitFor('all connections to end', () => server.sockets.size === 0);
    const count = await new Promise(resolve => pod.getConnections((_error, connections) => resolve(connections)));
    expect(count).toBe(0);
  });
});

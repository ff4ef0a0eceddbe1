/** Exec, attach and port-forward of the built shim, as clients of its streaming server see them, with real containers. */
import { readdirSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listProcesses } from '../../src/linux/procfs.ts';
import {
  AttachRequest,
  type ContainerConfig,
  ContainerState,
  ExecRequest,
  PodSandboxConfig,
  PortForwardRequest,
} from '../../src/rpc/cri-api.ts';
import { collect, hashOf, Pseudorandom } from '../harness/bytes.ts';
import { containerConfig, podConfig } from '../harness/cri-pod.ts';
import { killAndRestart } from '../harness/fault.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import {
  askSpdy,
  type ClientCommand,
  openCommand,
  openPortForward,
  type WantedOfClient,
} from '../harness/stream-client.ts';
import { waitFor } from '../harness/wait-for.ts';

let runtime: RuntimeHost;
let netns: string;
let sleeper: string;

beforeAll(async () => {
  runtime = await gantryHost();
  netns = `/proc/${runtime.host.pid1.pid}/ns/net`;
  sleeper = (await startPod('sleeper', containerConfig(['/bin/sleep', '100000']))).containerId;
});
afterAll(() => runtime.delete());

async function startPod(
  name: string,
  config: ContainerConfig,
  network = 0,
): Promise<{ podSandboxId: string; containerId: string }> {
  const pod = podConfig(name);
  const securityContext = { namespaceOptions: { network, pid: 1, ipc: 0 } };
  const sandboxConfig = PodSandboxConfig.fromPartial({ ...pod, linux: { ...pod.linux, securityContext } });
  const { podSandboxId } = await runtime.client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
  const { containerId } = await runtime.client.createContainer({ podSandboxId, config, sandboxConfig });
  await runtime.client.startContainer({ containerId });
  return { podSandboxId, containerId };
}

const OUTPUTS: WantedOfClient = { stdout: true, stderr: true };

const execUrl = async (cmd: readonly string[], wanted: WantedOfClient = OUTPUTS, containerId = sleeper) =>
  (await runtime.client.exec(ExecRequest.fromPartial({ containerId, cmd: [...cmd], ...wanted }))).url;

async function exec(script: string, wanted: WantedOfClient = OUTPUTS, containerId = sleeper): Promise<ClientCommand> {
  return openCommand(netns, await execUrl(['/bin/sh', '-c', script], wanted, containerId), wanted);
}

async function attach(containerId: string, wanted: WantedOfClient): Promise<ClientCommand> {
  const { url } = await runtime.client.attach(AttachRequest.fromPartial({ containerId, ...wanted }));
  return openCommand(netns, url, wanted);
}

const exitCode = async ({ end }: ClientCommand): Promise<string | undefined> =>
  (await end).details?.causes?.[0]?.message;

const openFiles = (): number => readdirSync(runtime.host.path(`/proc/${runtime.service.pid()}/fd`)).length;
const processesWith = (mark: string) =>
  listProcesses().filter(p => p.cmdline.some(argument => argument.includes(mark)));

let marked = 400_000;
/** A number that no other process has on its command line. */
const freshMark = (): string => {
  marked += 1;
  return String(marked);
};

describe('exec', () => {
  it('brings output and errors apart, and the exit code', async () => {
    const command = await exec('echo out; echo err >&2; exit 7');
    const [out, err] = await Promise.all([collect(command.stdout), collect(command.stderr)]);
    expect([String(out), String(err), await exitCode(command)]).toEqual(['out\n', 'err\n', '7']);
  });

  it('tells success as success, and a signal as 128 and its number', async () => {
    const [fine, killed] = [await exec('true'), await exec('kill -9 $$')];
    expect(await fine.end).toMatchObject({ status: 'Success' });
    expect(await exitCode(killed)).toBe('137');
  });

  it('passes 100 MB both ways, unchanged, and ends at the end of the input', async () => {
    const command = await exec('cat', { stdin: true, stdout: true });
    const sent = new Pseudorandom(100 << 20);
    const received = hashOf(command.stdout);
    await pipeline(sent, command.stdin);
    expect(await received).toEqual({ bytes: 100 << 20, sha256: sent.sha256() });
    expect(await command.end).toMatchObject({ status: 'Success' });
  });

  it('has a terminal of the size of the client from its beginning, with its kind in the environment', async () => {
    const command = await exec('stty size; echo $TERM', { stdin: true, stdout: true, tty: true });
    command.resize(99, 33);
    expect(String(await collect(command.stdout))).toBe('33 99\r\nxterm\r\n');
    expect(await command.end).toMatchObject({ status: 'Success' });
  });

  it('says why a command cannot be run', async () => {
    const command = await openCommand(netns, await execUrl(['/nope']), OUTPUTS);
    const message = 'exec: "/nope": no such file or directory in the image';
    expect((await command.end).message).toBe(
      `Internal error occurred: error executing command in container: ${message}`,
    );
  });

  it('hangs up when the client is cut off: what reads, writes or has a terminal ends', async () => {
    const marks = [freshMark(), freshMark(), freshMark()];
    const [reads, writes, terminal] = [
      await exec(`cat; : ${marks[0]}`, { stdin: true, stdout: true }),
      await exec(`while echo ${marks[1]}; do sleep 0.05; done`),
      await exec(`sleep ${marks[2]}`, { stdin: true, stdout: true, tty: true }),
    ];
    await waitFor('all three to run', () => marks.every(mark => processesWith(mark).length > 0));
    for (const command of [reads, writes, terminal]) command.cut();
    await waitFor('all three to end', () => marks.every(mark => processesWith(mark).length === 0));
  });

  it('serves 200 at once, and keeps no process, descriptor or file of them', async () => {
    const before = openFiles();
    const mark = freshMark();
    const outputs = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const command = await exec(`echo ${mark} ${i}; exit ${i % 100}`);
        return [String(await collect(command.stdout)), await exitCode(command)];
      }),
    );
    expect(outputs).toEqual(
      Array.from({ length: 200 }, (_, i) => [`${mark} ${i}\n`, i % 100 === 0 ? undefined : String(i % 100)]),
    );
    await waitFor('descriptors to be closed', saw => {
      saw([openFiles(), before]);
      return openFiles() <= before + 2;
    });
    expect(processesWith(mark)).toEqual([]);
    for (const name of ['crun-exec', 'runc-exec'].filter(name =>
      readdirSync(runtime.host.path('/run/gantry/cri')).includes(name),
    ))
      expect(readdirSync(runtime.host.path(`/run/gantry/cri/${name}`))).toEqual([]);
  });

  it('ends with the container: the client is told by the code of SIGKILL', async () => {
    const { podSandboxId, containerId } = await startPod('ends', containerConfig(['/bin/sleep', '100000']));
    const command = await exec('echo up; sleep 100000', OUTPUTS, containerId);
    await new Promise(resolve => command.stdout.once('data', resolve));
    await runtime.client.stopPodSandbox({ podSandboxId });
    await runtime.client.removePodSandbox({ podSandboxId });
    expect(await exitCode(command)).toBe('137');
  });

  it('leaves nothing behind when the shim is killed, and its clients see the end of their connection', async () => {
    const mark = freshMark();
    const command = await exec(`sleep ${mark}`, { stdin: true, stdout: true, tty: true });
    const reads = await exec(`cat; : ${mark}`, { stdin: true, stdout: true });
    await waitFor('both to run', () => processesWith(mark).length > 1);
    await killAndRestart(runtime.service);
    await expect(command.end).rejects.toThrow();
    await expect(reads.end).rejects.toThrow();
    await waitFor('both to end', () => processesWith(mark).length === 0);
    await waitFor('the shim to serve', async () => (await exec('true')).end);
  });
});

describe('the URL of a stream', () => {
  it('is on loopback with a token of eight characters, and good once, and for its kind alone', async () => {
    const url = await execUrl(['true']);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/exec\/[A-Za-z0-9_-]{8}$/);
    expect((await askSpdy(netns, url)).status).toBe(101);
    expect(await askSpdy(netns, url)).toMatchObject({ status: 404, body: '404 page not found\n' });
    const other = await execUrl(['true']);
    expect((await askSpdy(netns, other.replace('/exec/', '/attach/'))).status).toBe(404);
    expect((await askSpdy(netns, other.replace(/.{8}$/, 'nosuchid'))).status).toBe(404);
  });

  it.each([
    ['no container', { containerId: '', cmd: ['x'], stdout: true }, 'missing required container_id'],
    ['a terminal with stderr', { cmd: ['x'], stderr: true, tty: true }, 'tty and stderr cannot both be true'],
    ['no stream', { cmd: ['x'] }, 'one of stdin, stdout, or stderr must be set'],
    ['no command', { stdout: true }, 'cmd is empty'],
    ['an unknown container', { containerId: 'f'.repeat(64), cmd: ['x'], stdout: true }, 'f'.repeat(64)],
  ])('is refused for %s', async (_what, request, message) => {
    const whole = ExecRequest.fromPartial({ containerId: sleeper, ...request });
    await expect(runtime.client.exec(whole)).rejects.toThrow(message);
  });
});

describe('attach', () => {
  const interactive = (script: string, config: Partial<ContainerConfig> = {}): ContainerConfig => ({
    ...containerConfig(['/bin/sh', '-c', script]),
    stdin: true,
    ...config,
  });

  it('brings what the container says to all who are attached, and its end', async () => {
    const { containerId } = await startPod(
      'attached',
      interactive('read x; echo out $x; echo err >&2', { stdinOnce: true }),
    );
    const typist = await attach(containerId, { stdin: true, ...OUTPUTS });
    const watcher = await attach(containerId, OUTPUTS);
    typist.stdin.end('typed\n');
    for (const client of [typist, watcher]) {
      expect(String(await collect(client.stdout))).toBe('out typed\n');
      expect(String(await collect(client.stderr))).toBe('err\n');
      expect(await client.end).toMatchObject({ status: 'Success' });
    }
  });

  it('lets go of a client whose input ends where that of the container stays open', async () => {
    const { containerId } = await startPod('open', interactive('read x; echo got $x; read y; echo got $y'));
    const first = await attach(containerId, { stdin: true, ...OUTPUTS });
    first.stdin.end('one\n');
    expect(await first.end).toMatchObject({ status: 'Success' });
    const second = await attach(containerId, { stdin: true, ...OUTPUTS });
    second.stdin.write('two\n');
    expect(String(await collect(second.stdout))).toContain('got two\n');
  });

  it('gives the terminal of a container the size of the client', async () => {
    const { containerId } = await startPod('terminal', interactive('read x; stty size', { tty: true }));
    const client = await attach(containerId, { stdin: true, stdout: true, tty: true });
    client.resize(77, 22);
    await waitFor('the size to be there', async saw => {
      const { stdout } = await runtime.client.execSync({
        containerId,
        cmd: ['stty', '-F', '/dev/console', 'size'],
        timeout: 5n,
      });
      saw(String(stdout));
      return String(stdout) === '22 77\n';
    });
    client.stdin.write('go\n');
    expect(String(await collect(client.stdout))).toContain('22 77');
  });

  it('refuses a container that has ended', async () => {
    const { containerId } = await startPod('ended', containerConfig(['/bin/true']));
    await waitFor('its end', async () => {
      const { status } = await runtime.client.containerStatus({ containerId, verbose: false });
      return status?.state === ContainerState.CONTAINER_EXITED;
    });
    await expect(attach(containerId, OUTPUTS)).rejects.toThrow('is not running');
  });

  it('ends well for its clients when the shim is stopped, also for one that has not begun, and the container goes on', async () => {
    const { containerId } = await startPod('stays', interactive('while :; do sleep 0.1; done'));
    const client = await attach(containerId, { stdin: true, ...OUTPUTS });
    const { socket } = await askSpdy(netns, await execUrl(['true']));
    const closed = new Promise(resolve => socket.once('end', resolve));
    socket.resume();
    const begun = performance.now();
    await runtime.service.stop();
    expect(performance.now() - begun).toBeLessThan(10_000);
    await closed;
    expect((await client.end).message).toContain('the container runtime is stopping');
    runtime.service.start();
    await waitFor('the shim to serve', async () => (await exec('true')).end);
    const { status } = await runtime.client.containerStatus({ containerId, verbose: false });
    expect(status?.finishedAt).toBe(0n);
  });
});

describe('port-forward', () => {
  /** Answers every connection on port 8080 with what it gets. */
  const ECHO = containerConfig(['/bin/nc', '-ll', '-p', '8080', '-e', '/bin/cat']);

  const forward = async (podSandboxId: string) => {
    const { url } = await runtime.client.portForward(PortForwardRequest.fromPartial({ podSandboxId, port: [8080] }));
    return openPortForward(netns, url);
  };
  const listening = (containerId: string) =>
    waitFor('the server', async () => {
      const { stdout } = await runtime.client.execSync({ containerId, cmd: ['netstat', '-ltn'], timeout: 5n });
      return String(stdout).includes(':8080');
    });

  it.each([
    { what: 'of a pod', network: 0 },
    { what: 'of a pod on the host network', network: 2 },
  ])(
    'passes bytes both ways to a port $what, each way to its own end, over several connections at once',
    async ({ network }) => {
      const { podSandboxId, containerId } = await startPod(`echo-${network}`, ECHO, network);
      await listening(containerId);
      const client = await forward(podSandboxId);
      await Promise.all(
        Array.from({ length: 5 }, async () => {
          const { data, failure } = await client.connect(8080);
          const sent = new Pseudorandom(10 << 20);
          const received = hashOf(data);
          await pipeline(sent, data);
          expect(await received).toEqual({ bytes: 10 << 20, sha256: sent.sha256() });
          expect(await failure).toBe('');
        }),
      );
      client.cut();
      await runtime.client.stopPodSandbox({ podSandboxId });
      await runtime.client.removePodSandbox({ podSandboxId });
    },
  );

  it('reaches a server that listens on IPv6 alone', async () => {
    const config = containerConfig(['/bin/httpd', '-f', '-p', '[::1]:8080', '-h', '/etc']);
    const { podSandboxId, containerId } = await startPod('six', config);
    await listening(containerId);
    const { data } = await (await forward(podSandboxId)).connect(8080);
    data.write('GET /hostname HTTP/1.0\r\n\r\n');
    expect(String(await collect(data))).toMatch(/^HTTP\/1\.\d 200 OK[\s\S]*\nsix\n$/);
  });

  it('says where nobody listens, and goes on with other connections', async () => {
    const { podSandboxId, containerId } = await startPod('deaf', ECHO);
    await listening(containerId);
    const client = await forward(podSandboxId);
    const { failure } = await client.connect(9);
    expect(await failure).toBe(
      `error forwarding port 9 to pod deaf, uid uid-deaf: failed to connect to localhost:9 inside namespace ${podSandboxId}, ` +
        'IPv4: dial tcp4 127.0.0.1:9: connect: connection refused IPv6: dial tcp6 [::1]:9: connect: connection refused',
    );
    const { data } = await client.connect(8080);
    data.end('still here');
    expect(String(await collect(data))).toBe('still here');
  });

  it('refuses a pod that has ended, also in the middle, and keeps no descriptor of clients that are cut off', async () => {
    const { podSandboxId, containerId } = await startPod('gone', ECHO);
    await listening(containerId);
    const before = openFiles();
    const clients = await Promise.all(Array.from({ length: 20 }, () => forward(podSandboxId)));
    const connections = await Promise.all(clients.map(client => client.connect(8080)));
    for (const { data } of connections) data.write('x');
    await Promise.all(connections.map(({ data }) => new Promise(resolve => data.once('data', resolve))));
    const [kept, ...others] = clients;
    for (const client of others) client.cut();
    await runtime.client.stopPodSandbox({ podSandboxId });
    expect(await (await kept?.connect(8080))?.failure).toContain(`sandbox ${podSandboxId} is not running`);
    await expect(forward(podSandboxId)).rejects.toThrow('is not running');
    kept?.cut();
    await waitFor('descriptors to be closed', saw => {
      saw([openFiles(), before]);
      return openFiles() <= before + 1;
    });
    await expect(forward('f'.repeat(64))).rejects.toThrow('f'.repeat(64));
  });
});

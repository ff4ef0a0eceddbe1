/** conmon with runc and with crun for real. crun refuses this kind of machine's hybrid cgroups, so its turn comes in a mount namespace with v1 alone. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomHex } from '../../src/base/hash.ts';
import { attach } from '../../src/cri/oci/attach.ts';
import { chooseRuntimes, runtimesToLookFor } from '../../src/cri/oci/choose-runtime.ts';
import { createConmonMonitor } from '../../src/cri/oci/conmon.ts';
import { readHostDevices } from '../../src/cri/oci/host-devices.ts';
import { readHostFacts } from '../../src/cri/oci/host-facts.ts';
import { prepareInfraRootfs } from '../../src/cri/oci/infra-rootfs.ts';
import { createOciRuntime, type OciRuntimeOptions } from '../../src/cri/oci/oci-runtime.ts';
import type { ContainerMonitor, MonitorCreateRequest, OciRuntime, OpenExecRequest } from '../../src/cri/oci/ports.ts';
import { readRuntimeFacts } from '../../src/cri/oci/runtime-facts.ts';
import { buildContainerSpec } from '../../src/cri/spec/container-spec.ts';
import type { ContainerSpecInputs } from '../../src/cri/spec/inputs.ts';
import { buildSandboxSpec } from '../../src/cri/spec/sandbox-spec.ts';
import { removeCgroup } from '../../src/linux/cgroup.ts';
import { check, libc } from '../../src/linux/ffi.ts';
import { mount, readMountinfo, setPropagation } from '../../src/linux/mount.ts';
import { signalProcess } from '../../src/linux/pidfd.ts';
import { isAlive, listProcesses } from '../../src/linux/procfs.ts';
import { collect, hashOf, Pseudorandom } from '../harness/bytes.ts';
import { RUN_ID, runDirectory } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';
import { containerInputs, NO_RESOURCES, SECURITY, sandboxInputs } from '../unit/cri/spec/build-inputs.ts';

const CGROUP_PARENT = `/gantry-oci-${RUN_ID}`;
const CLONE_NEWNS = 0x20000;

/**
 * A mount namespace for the main thread, which starts every child, with the v1 hierarchies alone. Unmounting the v2 side would not do: crun takes a plain
 * directory of its name for a hierarchy. On a machine with v2 alone there is nothing to do.
 */
function showV1CgroupsAlone(): void {
  const hierarchies = readMountinfo().filter(row => row.fstype === 'cgroup');
  if (hierarchies.length === 0) return;
  check(libc('int unshare(int)')(CLONE_NEWNS), 'unshare');
  setPropagation('/', 'PRIVATE');
  mount('cgroup', '/sys/fs/cgroup', 'tmpfs', 0);
  for (const { target, superOptions } of hierarchies) {
    mkdirSync(target);
    const controllers = superOptions.filter(option => option !== 'rw');
    mount('cgroup', target, 'cgroup', 0, controllers.map(c => (c.startsWith('name=') ? `none,${c}` : c)).join(','));
  }
}

/** As much of a start of crun's containers as is done when the starting process is killed in the middle; runc starts them in a process of its own. */
async function writeStartByte(runtime: OciRuntime, id: string): Promise<void> {
  writeFileSync(`${runtime.globalArgs[0]?.replace('--root=', '')}/${id}/exec.fifo`, '\0', { flag: 'r+' });
}

const numbersTo = (last: number, end: string): string =>
  Array.from({ length: last }, (_, i) => `${i + 1}${end}`).join('');

interface Made {
  readonly id: string;
  readonly bundle: string;
  readonly log: string;
}

describe('the choice on this machine', () => {
  it('takes crun where it can run and says why', async () => {
    const config = { runtime: '', runtimes: {} };
    const facts = await readRuntimeFacts(runtimesToLookFor(config));
    const choice = chooseRuntimes(config, facts).fallback;
    expect(choice.handler).toBe(facts.hybridControllers.length > 0 ? 'runc' : 'crun');
    expect(choice.reason).not.toBe('');
    expect(choice.version).toMatch(/version \d/);
  });
});

describe.each([
  { name: 'runc', prepare: () => {}, cutStart: (runtime: OciRuntime, id: string) => runtime.start(id) },
  { name: 'crun', prepare: showV1CgroupsAlone, cutStart: writeStartByte },
])('containers under conmon and $name', ({ name, prepare, cutStart }) => {
  const base = runDirectory(`oci-${name}`);
  const host = readHostFacts();
  const rootfs = join(base, 'rootfs');
  const made: Made[] = [];
  let runtime: OciRuntime;
  let monitor: ContainerMonitor;
  let stopWatching: () => void;
  const exits: string[] = [];

  beforeAll(async () => {
    prepare();
    const config = { runtime: name, runtimes: {} };
    const choice = chooseRuntimes(config, await readRuntimeFacts(runtimesToLookFor(config))).fallback;
    const options: OciRuntimeOptions = { name, path: choice.path, root: join(base, 'runtime') };
    runtime = createOciRuntime(options);
    monitor = createConmonMonitor({ path: '/usr/bin/conmon', exitDir: join(base, 'exits') });
    stopWatching = monitor.watchExits(
      id => exits.push(id),
      error => {
        throw error;
      },
    );
    mkdirSync(join(rootfs, 'bin'), { recursive: true });
    copyFileSync('/bin/busybox', join(rootfs, 'bin/sh'));
    chmodSync(join(rootfs, 'bin/sh'), 0o755);
    for (const file of ['resolv.conf', 'hostname', 'hosts']) writeFileSync(join(base, file), '');
    mkdirSync(join(base, 'shm'));
  });

  afterAll(async () => {
    stopWatching();
    for (const { id } of made) await runtime.delete(id, { force: true });
    await waitFor('the monitors to end', () => !listProcesses().some(p => made.some(m => p.cmdline.includes(m.id))));
    await removeCgroup(CGROUP_PARENT);
    rmSync(base, { recursive: true, force: true });
  });

  function bundleFor(script: readonly string[], changes: Partial<ContainerSpecInputs> = {}): Made {
    const id = randomHex(32);
    const bundle = join(base, 'bundles', id);
    mkdirSync(bundle, { recursive: true });
    const inputs = containerInputs({
      id,
      rootfs,
      host,
      sandbox: {
        hostname: 'host',
        netnsPath: undefined,
        userns: undefined,
        infraPid: process.pid,
        shmPath: join(base, 'shm'),
        resolvConfPath: join(base, 'resolv.conf'),
        hostnamePath: join(base, 'hostname'),
        hostsPath: join(base, 'hosts'),
        cgroupParent: CGROUP_PARENT,
      },
      image: { entrypoint: script, cmd: [], env: ['PATH=/bin'], workingDir: '', user: '' },
      ...changes,
    });
    const config = {
      ...inputs.config,
      command: script,
      args: [],
      linux: {
        resources: inputs.config.linux?.resources ?? NO_RESOURCES,
        securityContext: { ...SECURITY, ...changes.config?.linux?.securityContext, namespaceOptions: HOST_NAMESPACES },
      },
    };
    const { spec } = buildContainerSpec({ ...inputs, config });
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
    const result = { id, bundle, log: join(bundle, 'log') };
    made.push(result);
    return result;
  }

  const create = (container: Made, by: OciRuntime = runtime, signal?: AbortSignal) =>
    monitor.create(
      {
        id: container.id,
        bundle: container.bundle,
        logPath: container.log,
        terminal: false,
        stdin: false,
        stdinOnce: false,
      },
      by,
      signal,
    );
  const run = async (script: readonly string[], changes: Partial<ContainerSpecInputs> = {}) => {
    const container = bundleFor(script, changes);
    const processes = await create(container);
    await runtime.start(container.id);
    return { ...container, ...processes };
  };
  const exec = (id: string, script: string, timeoutMs = 0) =>
    runtime.exec({
      id,
      process: {
        user: { uid: 0, gid: 0 },
        args: ['/bin/sh', '-c', script],
        env: ['PATH=/bin'],
        cwd: '/',
        noNewPrivileges: false,
      },
      timeoutMs,
      maxOutputBytes: 1 << 20,
    });
  const exitOf = (container: Made) =>
    waitFor('the exit to be recorded', () => monitor.readExit(container.id, container.bundle));

  it('run, write their log, move to a new one on demand, and tell how they ended, once', async () => {
    const go = join(rootfs, `go-${name}`);
    const container = await run([
      '/bin/sh',
      '-c',
      `echo one; until [ -e /go-${name} ]; do sleep 0.02; done; echo two; exit 7`,
    ]);
    expect(isAlive(container.container)).toBe(true);
    expect(isAlive(container.monitor)).toBe(true);
    expect((await runtime.list()).get(container.id)).toBe('running');
    expect(monitor.readExit(container.id, container.bundle)).toBeUndefined();
    await waitFor('the first line', () => readFileSync(container.log, 'utf8').includes('stdout F one\n'));

    renameSync(container.log, `${container.log}.1`);
    await monitor.reopenLog(container.bundle, container.log);
    expect(readFileSync(container.log, 'utf8')).toBe('');
    writeFileSync(go, '');

    const exit = await exitOf(container);
    expect(exit).toMatchObject({ id: container.id, exitCode: 7, oomKilled: false });
    expect(Math.abs(Number(exit.finishedAt / 1_000_000n) - Date.now())).toBeLessThan(10_000);
    await waitFor('the exit to be pushed', () => exits.includes(container.id));
    expect(exits.filter(id => id === container.id)).toHaveLength(1);
    expect(readFileSync(container.log, 'utf8')).toContain('stdout F two\n');
    expect((await runtime.list()).get(container.id)).toBe('stopped');
    await waitFor('the monitor to end', () => !isAlive(container.monitor));
    await expect(monitor.reopenLog(container.bundle, container.log)).rejects.toMatchObject({
      code: 'failed-precondition',
    });
    await runtime.delete(container.id, { force: false });
    await runtime.delete(container.id, { force: true });
    expect((await runtime.list()).has(container.id)).toBe(false);
  });

  it('run when their start was cut short after its release, and say so', async () => {
    const container = bundleFor(['/bin/sh', '-c', 'echo up; exec sleep 1000']);
    const processes = await create(container);
    // to look at one that waits does not release it
    expect((await runtime.list()).get(container.id)).toBe('created');
    expect((await runtime.list()).get(container.id)).toBe('created');
    expect(readFileSync(container.log, 'utf8')).toBe('');
    await cutStart(runtime, container.id);
    await waitFor('the program', () => readFileSync(container.log, 'utf8').includes('up'));
    expect((await runtime.list()).get(container.id)).toBe('running');
    expect(isAlive(processes.container)).toBe(true);
  });

  it('report a signal as 128 and its number', async () => {
    const container = await run(['/bin/sh', '-c', 'exec sleep 1000']);
    expect(signalProcess({ ...container.container, startTime: 1 }, 9)).toBe(false);
    expect(signalProcess(container.container, 9)).toBe(true);
    expect(await exitOf(container)).toMatchObject({ exitCode: 137 });
    expect(signalProcess(container.container, 9)).toBe(false);
  });

  it('say that the kernel killed them for memory', async () => {
    const container = await run(['/bin/sh', '-c', 'dd if=/dev/zero of=/dev/null bs=200M count=1'], {
      config: {
        ...containerInputs().config,
        linux: { resources: { ...NO_RESOURCES, memoryLimitInBytes: 33_554_432n } },
      },
    });
    expect(await exitOf(container)).toMatchObject({ exitCode: 137, oomKilled: true });
  });

  it('run a command inside, with its output and exit code', async () => {
    const container = await run(['/bin/sh', '-c', 'exec sleep 1000']);
    const result = await exec(container.id, 'echo out; echo err >&2; exit 3');
    expect([String(result.stdout), String(result.stderr), result.exitCode]).toEqual(['out\n', 'err\n', 3]);
  });

  it('leave nothing of a command that timed out, children in the background included', async () => {
    const container = await run(['/bin/sh', '-c', 'exec sleep 1000']);
    const mark = String(100_000 + Number.parseInt(randomHex(2), 16));
    await expect(exec(container.id, `sleep ${mark} & sleep ${mark}`, 300)).rejects.toMatchObject({
      code: 'deadline-exceeded',
      message: expect.stringContaining('timed out after 0.3s'),
    });
    expect(listProcesses().filter(p => p.cmdline.includes(mark))).toEqual([]);
    expect(isAlive(container.container)).toBe(true);
  });

  const open = (id: string, script: string, asked: Partial<OpenExecRequest> = {}, signal?: AbortSignal) => {
    const request = { id, terminal: false, stdin: false, stdout: true, stderr: true, ...asked };
    const process = {
      terminal: request.terminal,
      user: { uid: 0, gid: 0 },
      args: ['/bin/sh', '-c', script],
      env: ['PATH=/bin'],
      cwd: '/',
    };
    return runtime.openExec({ process, ...request, stderr: request.stderr && !request.terminal }, signal);
  };
  const sleeper = () => run(['/bin/sh', '-c', 'exec sleep 1000']);

  it('run a command with its streams open, apart, to the end of each, and tell its exit code', async () => {
    const container = await sleeper();
    const session = await open(container.id, 'echo out; echo err >&2; cat; exit 3', { stdin: true });
    const [out, err] = [collect(session.stdout), collect(session.stderr)];
    session.stdin?.write('typed\n');
    session.endInput();
    expect([await session.exited, String(await out), String(await err)]).toEqual([3, 'out\ntyped\n', 'err\n']);
    session.hangUp();
    expect(listProcesses().filter(p => p.cmdline.includes(container.id) && p.cmdline.includes('exec'))).toEqual([]);
  });

  it.each([
    { what: 'without a terminal', terminal: false },
    { what: 'on a terminal', terminal: true },
  ])('tell the signal that ended a command $what as 128 and its number', async ({ terminal }) => {
    const session = await open((await sleeper()).id, 'kill -9 $$', { terminal });
    await collect(session.stdout);
    expect(await session.exited).toBe(137);
    session.hangUp();
  });

  it('pass 100 MB through a command, unchanged, while its reader is slow at first', async () => {
    const session = await open((await sleeper()).id, 'cat', { stdin: true });
    const sent = new Pseudorandom(100 << 20);
    const received = hashOf(session.stdout);
    pipeline(sent, session.stdin as Writable).catch(() => undefined);
    expect(await received).toEqual({ bytes: 100 << 20, sha256: sent.sha256() });
    expect(await session.exited).toBe(0);
    session.hangUp();
  });

  it('lose nothing of what a command wrote on a terminal before it ended, though nobody had begun to read', async () => {
    const session = await open((await sleeper()).id, 'seq 1 500; printf end', { terminal: true });
    expect(await session.exited).toBe(0);
    expect(String(await collect(session.stdout))).toBe(`${numbersTo(500, '\r\n')}end`);
    session.hangUp();
  });

  it('wait with what they write on a terminal for a slow reader, and lose nothing of it', async () => {
    const session = await open((await sleeper()).id, 'stty -opost; seq 1 20000; printf end', { terminal: true });
    const slow = new PassThrough({ highWaterMark: 1 });
    session.stdout?.pipe(slow);
    let text = '';
    for await (const chunk of slow) {
      text += String(chunk);
      await new Promise(setImmediate);
    }
    expect(text).toBe(`${numbersTo(20_000, '\n')}end`);
    expect(await session.exited).toBe(0);
    session.hangUp();
  });

  it('have on a terminal the size they were told, line ends that move the carriage, and an end of input', async () => {
    const script = 'tty >/dev/null && echo ready; cat; stty size; exit 5';
    const session = await open((await sleeper()).id, script, { terminal: true, stdin: true });
    let text = '';
    session.stdout?.on('data', chunk => {
      text += String(chunk);
    });
    const end = new Promise(resolve => session.stdout?.once('end', resolve));
    await waitFor('the command to be ready', () => text === 'ready\r\n');
    session.resize({ width: 132, height: 43 });
    session.stdin?.write('half a line');
    session.endInput();
    expect(await session.exited).toBe(5);
    await end;
    // once as the terminal's echo, once as what cat makes of it
    expect(text).toBe('ready\r\nhalf a linehalf a line43 132\r\n');
    session.hangUp();
  });

  it('hang up a terminal, and close pipes, when nobody is there any more', async () => {
    const { id } = await sleeper();
    const mark = String(200_000 + Number.parseInt(randomHex(2), 16));
    const running = () => listProcesses().filter(p => p.cmdline.includes(mark));
    const onTerminal = await open(id, `sleep ${mark}; true`, { terminal: true });
    await waitFor('the command', () => running().length > 0);
    onTerminal.hangUp();
    await expect(onTerminal.exited).rejects.toMatchObject({ code: 'cancelled' });
    await waitFor('the hang-up to end it', () => running().length === 0);
    const withPipes = await open(id, `cat; echo gone ${mark}; sleep 0; echo ${mark}`, { stdin: true });
    withPipes.hangUp();
    await waitFor('it to end at the end of its input', () => running().length === 0);
    const children = () => listProcesses().filter(p => p.ppid === process.pid && p.cmdline.length === 0);
    await waitFor('what nobody waits for to be collected', () => children().length === 0);
  });

  it('leave nothing of a command that was called off while it was started', async () => {
    const { id } = await sleeper();
    const mark = String(300_000 + Number.parseInt(randomHex(2), 16));
    const leaving = new AbortController();
    const opening = open(id, `sleep ${mark}`, { stdin: true }, leaving.signal);
    leaving.abort(new Error('the client left'));
    await expect(opening).rejects.toThrow('the client left');
    expect(listProcesses().filter(p => p.cmdline.some(a => a.includes(mark)))).toEqual([]);
    expect(readdirSync(`${join(base, 'runtime')}-exec`)).toEqual([]);
  });

  it.each([{ terminal: false }, { terminal: true }])(
    'say why a command could not be started (terminal: $terminal)',
    async ({ terminal }) => {
      const { id } = await sleeper();
      const process = { terminal, user: { uid: 0, gid: 0 }, args: ['/nope'], env: [], cwd: '/' };
      const request = { id, process, terminal, stdin: true, stdout: true, stderr: !terminal };
      await expect(runtime.openExec(request)).rejects.toMatchObject({
        message: 'exec: "/nope": no such file or directory in the image',
      });
      expect(readdirSync(`${join(base, 'runtime')}-exec`)).toEqual([]);
    },
  );

  /** A started container with its input open, that waits for a first line before it does anything, and keeps no log. */
  const attachable = async (script: string, changes: Partial<MonitorCreateRequest> = {}) => {
    const { id, bundle } = bundleFor(['/bin/sh', '-c', `read first; ${script}`], terminalOf(changes.terminal));
    const request = { id, bundle, logPath: undefined, terminal: false, stdin: true, stdinOnce: true, ...changes };
    const processes = await monitor.create(request, runtime);
    await runtime.start(id);
    return { id, bundle, ...processes, exit: () => monitor.readExit(id, bundle) };
  };
  const terminalOf = (tty = false): Partial<ContainerSpecInputs> => ({ config: { ...containerInputs().config, tty } });
  const attachTo = async (bundle: string) => {
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const session = await monitor.attach(bundle, { stdout, stderr });
    const ended = session.ended.finally(() => [stdout, stderr].map(output => output.end()));
    return { ...session, stdout, stderr, ended };
  };

  it('give who is attached 100 MB back that were typed in, unchanged', async () => {
    const { bundle } = await attachable('cat');
    const session = await attachTo(bundle);
    session.stdin.write('go\n');
    const sent = new Pseudorandom(100 << 20);
    const received = hashOf(session.stdout);
    await pipeline(sent, session.stdin);
    await session.ended;
    expect(await received).toEqual({ bytes: 100 << 20, sha256: sent.sha256() });
  });

  it('keep the streams of who is attached apart, whatever the size of what is written', async () => {
    const script =
      'i=0; while [ $i -lt 300 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done; head -c 20000 /dev/zero';
    const { bundle } = await attachable(script);
    const session = await attachTo(bundle);
    session.stdin.end('go\n');
    const [out, err] = await Promise.all([collect(session.stdout), collect(session.stderr)]);
    const lines = (word: string) => Array.from({ length: 300 }, (_, i) => `${word} ${i}\n`).join('');
    expect(String(out)).toBe(`${lines('out')}${'\0'.repeat(20_000)}`);
    expect(String(err)).toBe(lines('err'));
    await session.ended;
  });

  it('tell everybody who is attached the same, and go on when one leaves', async () => {
    const { bundle } = await attachable('head -c 3000000 /dev/zero | tr "\\\\0" x', { stdinOnce: false });
    const all = await Promise.all(Array.from({ length: 20 }, () => attachTo(bundle)));
    const [leaver, typist, ...others] = all;
    leaver?.detach();
    await leaver?.ended;
    typist?.stdin.write('go\n');
    const readers = [typist, ...others];
    const sizes = await Promise.all(readers.map(async reader => (await hashOf(reader?.stdout)).bytes));
    expect(sizes).toEqual(readers.map(() => 3_000_000));
  });

  it('cut off who is attached and takes nothing, before the container is held up for long', async () => {
    const { bundle, exit } = await attachable('head -c 3000000 /dev/zero');
    const stuck = await attach(bundle, { stdout: new PassThrough(), stderr: undefined }, undefined, 300);
    const reader = await attachTo(bundle);
    reader.stdin.write('go\n');
    const received = hashOf(reader.stdout);
    await expect(stuck.ended).rejects.toMatchObject({ code: 'resource-exhausted' });
    expect((await received).bytes).toBe(3_000_000);
    await waitFor('the container to end', exit);
  });

  it('let who is attached and slow go on for as long as he takes something', async () => {
    const { bundle } = await attachable('head -c 200000 /dev/zero');
    let taken = 0;
    const slow = new Writable({
      highWaterMark: 64 * 1024,
      write(chunk: Buffer, _encoding, done) {
        taken += chunk.length;
        setTimeout(done, 60);
      },
    });
    // what waits in the stream takes him longer than who takes nothing may
    const session = await attach(bundle, { stdout: slow, stderr: undefined }, undefined, 300);
    session.stdin.write('go\n');
    await session.ended;
    slow.end();
    await finished(slow);
    expect(taken).toBe(200_000);
  });

  it('lose nothing of the last that is written for who has typed what nobody reads', async () => {
    const { bundle } = await attachable('sleep 0.3; seq 1 2000');
    const session = await attachTo(bundle);
    const out = collect(session.stdout);
    session.stdin.write('go\n');
    new Pseudorandom(1 << 20).pipe(session.stdin);
    await session.ended;
    expect(String(await out)).toBe(numbersTo(2_000, '\n'));
  });

  it('close the input of a container for once when who typed has no more, and leave that of others open', async () => {
    const once = await attachable('cat >/dev/null; exit 4');
    const typist = await attachTo(once.bundle);
    typist.stdin.end('go\n');
    expect((await waitFor('the end', once.exit)).exitCode).toBe(4);
    const open = await attachable('read second; exit 6', { stdinOnce: false });
    const [first, second] = [await attachTo(open.bundle), await attachTo(open.bundle)];
    first.stdin.end('go\n');
    await once.exit();
    second.stdin.write('on\n');
    expect((await waitFor('the end', open.exit)).exitCode).toBe(6);
  });

  it('have the size on their terminal that they are told', async () => {
    const { bundle, monitor: monitorProcess } = await attachable('stty size; exit 0', { terminal: true });
    const session = await attachTo(bundle);
    const out = collect(session.stdout);
    monitor.resize(bundle, { width: 101, height: 37 });
    session.stdin.write('go\n');
    await session.ended;
    expect(String(await out)).toContain('37 101');
    await waitFor('the monitor to end', () => !isAlive(monitorProcess));
    expect(() => monitor.resize(bundle, { width: 1, height: 1 })).toThrow('monitor has ended');
    await expect(monitor.attach(bundle, { stdout: undefined, stderr: undefined })).rejects.toMatchObject({
      code: 'failed-precondition',
    });
  });

  it('name a command that the image does not have', async () => {
    const absent = bundleFor(['/nope']);
    await expect(create(absent)).rejects.toMatchObject({
      code: 'invalid-argument',
      message: 'exec: "/nope": no such file or directory in the image',
    });
    expect((await runtime.list()).has(absent.id)).toBe(false);
    const container = await run(['/bin/sh', '-c', 'exec sleep 1000']);
    const request = { id: container.id, timeoutMs: 0, maxOutputBytes: 1024 };
    const process = { user: { uid: 0, gid: 0 }, args: ['/nope'], env: [], cwd: '/' };
    await expect(runtime.exec({ ...request, process })).rejects.toMatchObject({
      message: 'exec: "/nope": no such file or directory in the image',
    });
  });

  it('name a runtime or monitor that is not installed', async () => {
    const container = bundleFor(['/bin/sh']);
    await expect(create(container, { ...runtime, name: 'crun', path: '/opt/none/crun' })).rejects.toThrow(
      'crun is not at /opt/none/crun; install it (on Debian: apt-get install crun)',
    );
    const unlinked = { ...runtime, path: '/opt/none/crun', sealedFrom: '/usr/bin/crun' };
    await expect(create(bundleFor(['/bin/sh']), unlinked)).rejects.toThrow(
      'the link /opt/none/crun to the copy of /usr/bin/crun in memory is gone: restart gantry run cri',
    );
    const other = createConmonMonitor({ path: '/opt/none/conmon', exitDir: join(base, 'exits') });
    await expect(
      other.create({ ...container, logPath: undefined, terminal: false, stdin: false, stdinOnce: false }, runtime),
    ).rejects.toThrow('conmon is not at /opt/none/conmon');
  });

  it('leave nothing when a create is called off', async () => {
    const container = bundleFor(['/bin/sh', '-c', 'exec sleep 1000']);
    const cancel = new AbortController();
    const creation = create(container, runtime, cancel.signal);
    cancel.abort(new Error('called off'));
    await expect(creation).rejects.toThrow('called off');
    expect(listProcesses().filter(p => p.cmdline.includes(container.id))).toEqual([]);
    expect((await runtime.list()).has(container.id)).toBe(false);
  });

  it('are reaped with their monitor after an interrupted create, as often as asked', async () => {
    const container = bundleFor(['/bin/sh', '-c', 'exec sleep 1000']);
    const processes = await create(container);
    const bystander = await run(['/bin/sh', '-c', 'exec sleep 1000']);
    await monitor.reap(container.id, container.bundle);
    await monitor.reapAll([container.id, randomHex(32)]);
    expect([isAlive(processes.container), isAlive(processes.monitor)]).toEqual([false, false]);
    expect([isAlive(bystander.container), isAlive(bystander.monitor)]).toEqual([true, true]);
    await runtime.delete(container.id, { force: true });
    expect((await runtime.list()).has(container.id)).toBe(false);
  });

  it('may have every device and capability of the machine when privileged', async () => {
    const container = await run(['/bin/sh', '-c', 'exec sleep 1000'], {
      hostDevices: readHostDevices(),
      config: {
        ...containerInputs().config,
        linux: { securityContext: { ...SECURITY, privileged: true, maskedPaths: [], readonlyPaths: [] } },
      },
    });
    const status = readFileSync(`/proc/${container.container.pid}/status`, 'utf8');
    expect(/CapEff:\t(\w+)/.exec(status)?.[1]).toBe(
      /CapBnd:\t(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1],
    );
    expect(String((await exec(container.id, 'ls /dev/kmsg')).stdout)).toBe('/dev/kmsg\n');
  });

  it('include the pause process', async () => {
    const infra = await prepareInfraRootfs(join(base, 'infra'), '/usr/bin/catatonit');
    expect(await prepareInfraRootfs(join(base, 'infra'), '/usr/bin/catatonit')).toEqual(infra);
    const pause = { id: randomHex(32), bundle: '', log: '' };
    const bundle = join(base, 'bundles', pause.id);
    mkdirSync(bundle, { recursive: true });
    made.push({ ...pause, bundle });
    const { spec } = buildSandboxSpec({
      ...sandboxInputs({
        sysctls: { 'kernel.shm_rmid_forced': '1' },
        securityContext: {
          namespaceOptions: { network: 2, pid: 1, ipc: 0, targetId: '' },
          readonlyRootfs: true,
          supplementalGroups: [],
          privileged: false,
        },
      }),
      id: pause.id,
      cgroupParent: CGROUP_PARENT,
      rootfs: infra.path,
      args: infra.args,
      host,
    });
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec));
    const { container } = await monitor.create(
      { id: pause.id, bundle, logPath: undefined, terminal: false, stdin: false, stdinOnce: false },
      runtime,
    );
    await runtime.start(pause.id);
    // the first process of a pid namespace is not sent what it has not yet asked for
    await waitFor('catatonit to take signals', () => {
      const [, blocked = '0'] = /^SigBlk:\t(\w+)$/m.exec(readFileSync(`/proc/${container.pid}/status`, 'utf8')) ?? [];
      const isCatatonit = readFileSync(`/proc/${container.pid}/cmdline`, 'utf8').startsWith('/catatonit');
      return isCatatonit && (BigInt(`0x${blocked}`) & (1n << 14n)) !== 0n;
    });
    expect(existsSync(join(bundle, 'none'))).toBe(false);
    signalProcess(container, 15);
    expect(await exitOf({ ...pause, bundle })).toMatchObject({ exitCode: expect.any(Number) });
  });
});

/** The test stands in for a pause process, and its pod is the machine. */
const HOST_NAMESPACES = { network: 2, pid: 1, ipc: 2, targetId: '' };

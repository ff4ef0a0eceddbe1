import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemdDriver } from '../../src/linux/cgroup-driver.ts';
import type { CgroupLayout } from '../../src/linux/cgroup-layout.ts';
import { type DbusMessage, decodeMessage, encodeMessage, MESSAGE_KIND } from '../../src/linux/dbus/dbus-message.ts';
import { type SystemdManager, systemdManager } from '../../src/linux/systemd-manager.ts';

/** What stands in for PID 1 answers to a call; `vanish` closes the connection in place of an answer. */
type Answer = { readonly result: string; readonly early?: boolean } | { readonly error: string } | 'done' | 'vanish';

/** Speaks as systemd does on its private socket, and notes what it was asked. */
class FakeSystemd {
  readonly asked: string[] = [];
  readonly answers: Answer[] = [];
  login = 'OK 0123456789abcdef0123456789abcdef';
  readonly #server: Server;
  #jobs = 0;

  constructor(path: string) {
    this.#server = createServer(socket => this.#serve(socket)).listen(path);
  }

  close(): void {
    this.#server.close();
  }

  #serve(socket: Socket): void {
    let received = Buffer.alloc(0);
    let loggedIn = false;
    let answered = false;
    socket.on('error', () => undefined);
    socket.on('data', data => {
      received = Buffer.concat([received, data]);
      if (!loggedIn) {
        const text = received.toString('latin1');
        const begin = text.indexOf('\r\nBEGIN\r\n');
        if (text.startsWith('\0AUTH EXTERNAL 30\r\n') && !answered) {
          answered = true;
          socket.write(`${this.login}\r\n`);
        }
        if (begin < 0) return;
        loggedIn = true;
        received = received.subarray(begin + 9);
        // systemd does not look at what it read together with BEGIN before more comes
        return;
      }
      for (let next = decodeMessage(received); next !== undefined; next = decodeMessage(received)) {
        received = received.subarray(next.bytes);
        this.#answer(socket, next.message);
      }
    });
  }

  #answer(socket: Socket, { serial, member = '', body }: DbusMessage): void {
    this.asked.push(`${member} ${String(body[0])}`);
    const answer = this.answers.shift() ?? 'done';
    if (answer === 'vanish') return void socket.destroy();
    if (typeof answer === 'object' && 'error' in answer) {
      const error = { errorName: `org.freedesktop.systemd1.${answer.error}`, signature: 's', body: [answer.error] };
      socket.write(encodeMessage({ kind: MESSAGE_KIND.error, serial: 1, replySerial: serial, ...error }));
      return;
    }
    if (!['StartTransientUnit', 'StopUnit'].includes(member)) {
      socket.write(encodeMessage({ kind: MESSAGE_KIND.reply, serial: 1, replySerial: serial, body: [] }));
      return;
    }
    const { result, early = false } = answer === 'done' ? { result: 'done' } : answer;
    this.#jobs += 1;
    const job = `/org/freedesktop/systemd1/job/${this.#jobs}`;
    const reply = encodeMessage({
      kind: MESSAGE_KIND.reply,
      serial: 1,
      replySerial: serial,
      signature: 'o',
      body: [job],
    });
    const removed = encodeMessage({
      kind: MESSAGE_KIND.signal,
      serial: 2,
      path: '/org/freedesktop/systemd1',
      interface: 'org.freedesktop.systemd1.Manager',
      member: 'JobRemoved',
      signature: 'uoss',
      body: [this.#jobs, job, String(body[0]), result],
    });
    for (const message of early ? [removed, reply] : [reply, removed]) socket.write(message);
  }
}

let directory: string;
let fake: FakeSystemd;
let systemd: SystemdManager;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-systemd-'));
  fake = new FakeSystemd(join(directory, 'private'));
  systemd = systemdManager(join(directory, 'private'));
});

afterEach(() => {
  fake.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('units by way of systemd', () => {
  it.each([
    ['after its answer', false],
    ['before it', true],
  ])('are started when systemd tells the end of the job %s', async (_sentence, early) => {
    fake.answers.push({ result: 'done', early });
    await systemd.startTransient('a.slice', [{ name: 'MemoryMax', type: 't', value: 1n }]);
    expect(fake.asked).toEqual(['StartTransientUnit a.slice']);
  });

  it.each(['failed', 'canceled', 'timeout'])('that are %s say so', async result => {
    fake.answers.push({ result });
    await expect(systemd.startTransient('a.slice', [])).rejects.toThrow(`systemd could not start a.slice: ${result}`);
  });

  it('that are there already are told apart from others that cannot be made', async () => {
    fake.answers.push({ error: 'UnitExists' }, { error: 'BadUnitSetting' });
    await expect(systemd.startTransient('a.slice', [])).rejects.toMatchObject({ code: 'already-exists' });
    await expect(systemd.startTransient('a.slice', [])).rejects.toMatchObject({
      code: 'internal',
      message: 'StartTransientUnit: BadUnitSetting',
      reason: 'org.freedesktop.systemd1.BadUnitSetting',
    });
  });

  it('are stopped, and forgotten where they failed', async () => {
    await systemd.stop('a.slice');
    fake.answers.push({ error: 'NoSuchUnit' }, { error: 'NoSuchUnit' });
    await systemd.stop('gone.slice');
    expect(fake.asked).toEqual([
      'StopUnit a.slice',
      'ResetFailedUnit a.slice',
      'StopUnit gone.slice',
      'ResetFailedUnit gone.slice',
    ]);
  });

  it('are asked for again when systemd closes the connection, and what was done before that counts', async () => {
    fake.answers.push('vanish', { error: 'UnitExists' });
    await systemd.startTransient('a.slice', []);
    expect(fake.asked).toEqual(['StartTransientUnit a.slice', 'StartTransientUnit a.slice']);
  });

  it('fail with the reason when it closes each one', async () => {
    fake.answers.push('vanish', 'vanish', 'vanish');
    await expect(systemd.setProperties('a.slice', [{ name: 'TasksMax', type: 't', value: 1n }])).rejects.toThrow(
      /lost D-Bus at .*private: the connection was closed/,
    );
  });

  it('fail with the reason where this user is not let in', async () => {
    fake.login = 'REJECTED EXTERNAL';
    await expect(systemd.stop('a.slice')).rejects.toThrow(/does not let this user in \(REJECTED EXTERNAL\)/);
  });
});

describe('the groups of pods by way of systemd', () => {
  const GROUP = '/kubepods/burstable/pod1-2';
  const SLICE = 'kubepods-burstable-pod1_2.slice';
  const layout = (): CgroupLayout => ({
    version: 1,
    hierarchies: [{ mountPoint: join(directory, 'memory'), controllers: ['memory'] }],
    hybridUnified: undefined,
  });

  it('are slices, with their limits in the files too', async () => {
    mkdirSync(join(directory, 'memory'));
    const driver = systemdDriver(systemd, layout());
    const path = `/kubepods.slice/kubepods-burstable.slice/${SLICE}`;
    await driver.make(GROUP, { memoryLimitBytes: 4096 });
    expect(driver.pathOf(GROUP)).toBe(path);
    expect(readFileSync(`${directory}/memory${path}/memory.limit_in_bytes`, 'utf8')).toBe('4096');
    expect(fake.asked).toEqual([`StartTransientUnit ${SLICE}`]);
  });

  it('get the limits of now where they are there already', async () => {
    mkdirSync(join(directory, 'memory'));
    fake.answers.push({ error: 'UnitExists' });
    await systemdDriver(systemd, layout()).make(GROUP, { memoryLimitBytes: 8192 });
    expect(fake.asked).toEqual([`StartTransientUnit ${SLICE}`, `SetUnitProperties ${SLICE}`]);
  });

  it('are removed with their units, and one that is not there is left alone', async () => {
    mkdirSync(join(directory, 'memory', 'kubepods.slice', 'kubepods-burstable.slice', SLICE), { recursive: true });
    const driver = systemdDriver(systemd, layout());
    await driver.remove(GROUP);
    await driver.remove(GROUP);
    expect(fake.asked).toEqual([`StopUnit ${SLICE}`, `ResetFailedUnit ${SLICE}`]);
    expect(existsSync(`${directory}/memory${driver.pathOf(GROUP)}`)).toBe(false);
  });
});

import { rmSync } from 'node:fs';
import { errorCode, failedPrecondition, GantryError } from '../base/errors.ts';
import { deadlineSignal, sleep } from '../base/signals.ts';
import { writeFileAtomic } from './atomic-file.ts';
import { DbusConnection } from './dbus/dbus-connection.ts';
import type { DbusValue, DbusVariant } from './dbus/dbus-wire.ts';
import { closeFds, createPipe, readPipe, writePipe } from './pipe.ts';
import { spawnProcess, waitForExit } from './spawn.ts';

/** Where the system bus listens (the D-Bus specification's default). */
const SYSTEM_BUS = '/run/dbus/system_bus_socket';
const BUS = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' };
const LOGIN = { destination: 'org.freedesktop.login1', path: '/org/freedesktop/login1' };
const MANAGER = 'org.freedesktop.login1.Manager';
const SYSTEMD = { destination: 'org.freedesktop.systemd1', path: '/org/freedesktop/systemd1' };
/** Ours alone: how long logind waits for those who delay a shutdown. */
export const LOGIND_OVERRIDE = '/etc/systemd/logind.conf.d/99-gantry.conf';

const CALL_MS = 10_000;
/** logind reads its configuration anew some time after it was told to, and tells nobody: upstream asks five times, after 100 ms and twice as long each. */
const RELOAD_PAUSES_MS = [100, 200, 400, 800, 1600];
const KILL_UNIT = { interface: 'org.freedesktop.systemd1.Manager', member: 'KillUnit', signature: 'ssi' } as const;
/** SIGHUP to all its processes. */
const RELOAD = ['systemd-logind.service', 'all', 1] as const;

/** The part of systemd that shuts the machine down. Its methods throw `unavailable` once the connection is lost. */
export interface Logind {
  /** How long it waits at most for those who hold a lock of mode `delay`. */
  inhibitDelayMs(): Promise<number>;
  /** True between the word that the machine will go down and its end, or the word that it will not. */
  isShuttingDown(): Promise<boolean>;
  /** Has it wait longer, now and after the next boot. Throws `failed-precondition` where it does not heed the file. */
  raiseInhibitDelay(ms: number, signal: AbortSignal): Promise<void>;
  /** Told of each shutdown that begins (true) or is called off (false), and of the loss of the connection. */
  watchShutdown(onChange: (isShuttingDown: boolean) => void, onLost: (error: Error) => void): void;
  close(): void;
}

/** Connects to it. Throws `unavailable` where there is no system bus, and what the bus says where there is no logind. */
export async function openLogind(signal: AbortSignal): Promise<Logind> {
  const bus = await DbusConnection.open(SYSTEM_BUS, signal);
  const call = (
    to: { readonly destination: string; readonly path: string },
    iface: string,
    member: string,
    signature: string,
    body: readonly DbusValue[],
  ): Promise<readonly DbusValue[]> =>
    within(`${to.destination} to answer ${member}`, signal, deadline =>
      bus.call({ ...to, interface: iface, member, signature, body }, deadline),
    );
  const property = async (name: string): Promise<DbusValue> => {
    const [value] = await call(LOGIN, 'org.freedesktop.DBus.Properties', 'Get', 'ss', [MANAGER, name]);
    return (value as DbusVariant).value;
  };
  const inhibitDelayMs = async (): Promise<number> => Number((await property('InhibitDelayMaxUSec')) as bigint) / 1000;
  try {
    await call(BUS, BUS.interface, 'Hello', '', []);
    const rule = `type='signal',interface='${MANAGER}',member='PrepareForShutdown',path='${LOGIN.path}'`;
    await call(BUS, BUS.interface, 'AddMatch', 's', [rule]);
    // it is started by the first who asks
    await inhibitDelayMs();
  } catch (error) {
    bus.close();
    throw error;
  }
  return {
    inhibitDelayMs,
    isShuttingDown: async () => (await property('PreparingForShutdown')) === true,
    async raiseInhibitDelay(ms, stop) {
      const seconds = Math.ceil(ms / 1000);
      const text = `# Written by gantry: the kubelet's shutdownGracePeriod needs this long.\n[Login]\nInhibitDelayMaxSec=${seconds}\n`;
      writeFileAtomic(LOGIND_OVERRIDE, text, { mode: 0o644, durable: true });
      await call(SYSTEMD, KILL_UNIT.interface, KILL_UNIT.member, KILL_UNIT.signature, RELOAD);
      for (const pauseMs of RELOAD_PAUSES_MS) {
        await sleep(pauseMs, stop);
        if ((await inhibitDelayMs()) >= ms) return;
      }
      throw failedPrecondition(
        `logind waits ${await inhibitDelayMs()} ms for those who delay a shutdown and not ${ms}, whatever ${LOGIND_OVERRIDE} says: look for another InhibitDelayMaxSec`,
      );
    },
    watchShutdown(onChange, onLost) {
      bus.listen(({ member, interface: iface, body }) => {
        if (iface === MANAGER && member === 'PrepareForShutdown') onChange(body[0] === true);
      }, onLost);
    },
    close: () => bus.close(),
  };
}

/** Lets it wait as long as it did before `raiseInhibitDelay`, now and after the next boot. Missing is fine, and so is a machine without logind. */
export async function lowerInhibitDelay(signal: AbortSignal): Promise<void> {
  rmSync(LOGIND_OVERRIDE, { force: true });
  let bus: DbusConnection;
  try {
    bus = await DbusConnection.open(SYSTEM_BUS, signal);
  } catch (error) {
    // whoever starts it next finds no file
    if (errorCode(error) === 'unavailable') return;
    throw error;
  }
  try {
    await within('the system bus', signal, async deadline => {
      await bus.call({ ...BUS, member: 'Hello', signature: '', body: [] }, deadline);
      await bus.call({ ...SYSTEMD, ...KILL_UNIT, body: RELOAD }, deadline);
    });
  } catch (error) {
    // a name of D-Bus: it was refused by somebody, because logind does not run
    if (!(error instanceof GantryError && error.reason?.startsWith('org.freedesktop.') === true)) throw error;
  } finally {
    bus.close();
  }
}

/** Keeps the machine from going down for as long as logind allows, until it is released or this process ends. */
export interface InhibitLock {
  release(): void;
}

/**
 * Takes a lock that delays shutdowns (systemd-inhibit(1)); resolves when it holds. A child holds it, because logind gives it away as a descriptor in a message, which a socket
 * of Node drops; the child ends with its input, and so with this process, however that ends.
 */
export async function inhibitShutdown(who: string, why: string, signal: AbortSignal): Promise<InhibitLock> {
  const input = createPipe();
  const output = createPipe();
  const flags = ['--what=shutdown', '--mode=delay', `--who=${who}`, `--why=${why}`];
  try {
    // what comes back from `cat` says that the lock was taken before it
    const { pid } = spawnProcess('systemd-inhibit', [...flags, 'cat'], { stdin: input.read, stdout: output.write });
    void waitForExit(pid).catch(() => undefined);
  } catch (error) {
    closeFds(input.write, output.read);
    throw error;
  } finally {
    closeFds(input.read, output.write);
  }
  const held = writePipe(input.write);
  const echo = readPipe(output.read);
  held.on('error', () => held.destroy());
  held.write('held\n');
  try {
    await within('systemd-inhibit to take a lock', signal, deadline => firstByte(echo, deadline));
  } catch (error) {
    held.destroy();
    throw error;
  } finally {
    echo.destroy();
  }
  return { release: () => void held.destroy() };
}

function firstByte(stream: ReturnType<typeof readPipe>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    stream.once('data', () => resolve());
    stream.once('end', () => reject(new GantryError('unavailable', 'systemd-inhibit ended: is logind running?')));
  });
}

async function within<T>(what: string, signal: AbortSignal, work: (deadline: AbortSignal) => Promise<T>): Promise<T> {
  const deadline = deadlineSignal(CALL_MS, what, signal);
  try {
    return await work(deadline.signal);
  } finally {
    deadline.release();
  }
}

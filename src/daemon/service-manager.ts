import { sendDatagram } from '../linux/unix-datagram.ts';

/** What a daemon tells whoever started it, about its life. Nothing of it throws or waits. */
export interface ServiceManager {
  /** One line for people, in `systemctl status`. */
  status(text: string): void;
  /** It serves from now on. */
  ready(status: string): void;
  /** It is about to end. */
  stopping(status: string): void;
}

/** What systemd asks of the process `pid`, by its environment (sd_watchdog_enabled(3)): how often it is to be told of its life, a third of its limit, so that one beat may be late by two; undefined for not at all. */
export function watchdogBeatMs(env: Readonly<Record<string, string | undefined>>, pid: number): number | undefined {
  const { WATCHDOG_USEC: limit = '', WATCHDOG_PID: whom = String(pid) } = env;
  if (!/^[1-9]\d*$/.test(limit) || whom !== String(pid)) return undefined;
  return Math.max(1, Math.floor(Number(limit) / 3000));
}

const OWN_VARIABLES = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'];

/**
 * The service manager over $NOTIFY_SOCKET (sd_notify(3)), which is taken out of the environment: it is meant for this process alone, and runc would wait
 * for a word of every container there. To be opened before any program is run, and once. Without that variable nothing is told to anybody. The watchdog is fed by the event loop itself, which for
 * each beat has to come round: timers, then input and output, then what is due after it. A process that is stopped, or whose loop is kept by one call, or by promises that never
 * let go of it, feeds it no more. It is fed from readiness on, for systemd waits for the first beat until then: loading and first looks may keep the loop for long where there is
 * far too much to do, and how long a start may take is said by TimeoutStartSec. The threads in which files are read are not asked: one hung file system holds them all, and those of a new process as well.
 */
export function openServiceManager(): ServiceManager {
  const { NOTIFY_SOCKET: path = '' } = process.env;
  const beatMs = watchdogBeatMs(process.env, process.pid);
  for (const name of OWN_VARIABLES) delete process.env[name];
  if (path === '') return { status: () => {}, ready: () => {}, stopping: () => {} };
  const tell = (...lines: readonly string[]): void => {
    try {
      sendDatagram(path, lines.map(line => line.replaceAll('\n', ' ')).join('\n'));
    } catch {
      // it is gone, and will see our end by itself; or it is behind with reading, and takes the next beat
    }
  };
  return {
    status: text => tell(`STATUS=${text}`),
    ready(text) {
      tell('READY=1', `STATUS=${text}`);
      if (beatMs !== undefined) setInterval(() => setImmediate(() => tell('WATCHDOG=1')), beatMs).unref();
    },
    stopping: text => tell('STOPPING=1', `STATUS=${text}`),
  };
}

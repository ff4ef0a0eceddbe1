import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { errnoName, errorCode, errorMessage } from '../../base/errors.ts';
import { withDeadline } from '../../base/signals.ts';
import {
  CONTROL_PLANE_SERVICE,
  CRI_SERVICE,
  ETCD_SERVICE,
  type ServiceStatus,
  type Services,
  type ServiceUnit,
  type StopOptions,
} from '../../bootstrap/services.ts';
import { writeFileAtomic } from '../../linux/atomic-file.ts';
import { spawnProcess } from '../../linux/command.ts';
import { signalProcess } from '../../linux/pidfd.ts';
import { processIdentity } from '../../linux/procfs.ts';
import { type Host, hostEnvironment } from './host.ts';
import {
  openService,
  SERVICES,
  type Service,
  type SupervisedHost,
  type SupervisedStatus,
  superviseService,
} from './supervise.ts';

/** What runs in a host, kept where it survives the host's restart: supervisors are in memory. */
const UNITS = '/etc/gantry/services';
const LOGS = '/var/log/gantry';
/** Who ends last, in this order; others end before them. */
const LAST = [CRI_SERVICE, CONTROL_PLANE_SERVICE, ETCD_SERVICE];
/** Longer than a daemon takes at most to end by itself (src/daemon/main-loop.ts). */
const END_PATIENCE_MS = 25_000;
/** The kernel ends what got SIGKILL at once, unless it hangs in a file system. */
const KILL_PATIENCE_MS = 5000;
const SIGKILL = 9;
/** How much of a log's end is told in an error. */
const TAIL_BYTES = 600;

/** True in a process that runs inside a host. */
export function isInsideHost(): boolean {
  return existsSync('/run/host-boot-id');
}

/** The daemons of the host that this process is in: kept by runsv, and known again when the host is started another time. */
export function servicesInside(): Services {
  const host: SupervisedHost = {
    path: inside => inside,
    spawnDetached(argv, logFile) {
      const log = openSync(logFile, 'a', 0o640);
      const [file = '', ...args] = argv;
      try {
        spawnProcess(file, args, {
          env: hostEnvironment(),
          cwd: '/',
          stdin: 'null',
          stdout: log,
          stderr: log,
          newSession: true,
        });
      } finally {
        closeSync(log);
      }
    },
  };
  const isRunning = (name: string): boolean => openService(host, name).pid() !== undefined;
  return {
    isRunning: async name => isRunning(name),
    async status(name) {
      const service = openService(host, name);
      return hostServiceStatus(readUnit(UNITS, name) !== undefined, service.isSupervised(), service.status());
    },
    async start(unit, signal) {
      const before = readUnit(UNITS, unit.name);
      const isSame = isDeepStrictEqual(before, unit);
      if (isSame && isRunning(unit.name)) return;
      writeFileAtomic(`${UNITS}/${unit.name}.json`, `${JSON.stringify(unit)}\n`, { durable: true });
      const service = await superviseService(host, unit.name, unit.argv, hostEnvironment(), signal);
      // one whose end was asked for stays down until it is told otherwise
      service.start();
      if (!isSame && before !== undefined) service.signal('TERM');
    },
    lastLog: async name => logEnd(`${LOGS}/${name}/current`),
    stop: (name, options) => stopOrKill(openService(host, name), options),
    traces: async name => tracesOf(name).filter(path => existsSync(path)),
    words: async name => readUnit(UNITS, name)?.argv ?? [],
    async remove(name, options) {
      const service = openService(host, name);
      await stopOrKill(service, options);
      await service.dismiss(options.signal);
      for (const path of tracesOf(name)) rmSync(path, { recursive: true, force: true });
      for (const folder of [SERVICES, UNITS, LOGS]) removeIfEmpty(folder);
    },
  };
}

/** What runsv tells of a daemon, in our words; `known` is whether it was ever to be kept here. Restarts are not counted by it. Pure. */
export function hostServiceStatus(
  known: boolean,
  supervised: boolean,
  status: SupervisedStatus | undefined,
): ServiceStatus {
  const nothing = { since: undefined, pid: undefined, restarts: undefined, statusText: undefined };
  if (!known) return { ...nothing, state: 'absent' };
  // what it wrote is old then
  if (!supervised || status === undefined)
    return { ...nothing, state: 'failed', statusText: 'its supervisor has ended, so nobody keeps it running' };
  const { since, pid, wanted, ending } = status;
  const state = pid === undefined ? (wanted ? 'restarting' : 'stopped') : ending || !wanted ? 'stopping' : 'running';
  return { ...nothing, state, since, pid };
}

/** Where a daemon leaves what: the command line that is remembered, its supervisor, its log. */
function tracesOf(name: string): readonly string[] {
  return [`${UNITS}/${name}.json`, `${SERVICES}/${name}`, `${LOGS}/${name}`];
}

async function stopOrKill(service: Service, { patienceMs, signal }: StopOptions): Promise<void> {
  const pid = service.pid();
  if (pid === undefined) return;
  if (!service.isSupervised()) {
    killOrphan(service.name, pid);
    return;
  }
  try {
    await withDeadline(patienceMs, `${service.name} to end`, signal, limit => service.stop(limit));
  } catch (error) {
    signal?.throwIfAborted();
    if (errorCode(error) !== 'deadline-exceeded') throw error;
    service.signal('KILL');
    await withDeadline(KILL_PATIENCE_MS, `${service.name} to end by SIGKILL`, signal, limit => service.stop(limit));
  }
}

/** A daemon whose supervisor was killed goes on; or the number is old, and somebody else has it by now. */
function killOrphan(name: string, pid: number): void {
  const process = processIdentity(pid);
  if (process === undefined) return;
  const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  if (isDeepStrictEqual(argv, readUnit(UNITS, name)?.argv)) signalProcess(process, SIGKILL);
}

/** A directory of the host's own is a mount point, which stays. */
function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EBUSY'].includes(errnoName(error) ?? '')) throw error;
  }
}

/** Starts every daemon that ran in a host before it was stopped. Those that run are left alone; safe to repeat. */
export async function startKnownServices(host: Host): Promise<void> {
  for (const name of knownServices(host)) {
    const unit = readUnit(host.path(UNITS), name);
    if (unit === undefined) continue;
    const service = await host.supervise(unit.name, unit.argv);
    // one whose end was asked for stays down until it is told otherwise
    service.start();
  }
}

/**
 * Ends the daemons of a host with SIGTERM, in the order in which they need each other: controllers give their leases back while the API server still
 * serves, which ends before its store. One that does not end in time is told to `onTrouble`, and the next one's turn comes. Safe to repeat.
 */
export async function endKnownServices(host: Host, onTrouble: (message: string) => void): Promise<void> {
  for (const name of knownServices(host).toSorted((a, b) => LAST.indexOf(a) - LAST.indexOf(b))) {
    const service = host.service(name);
    if (service.pid() === undefined) continue;
    try {
      await withDeadline(END_PATIENCE_MS, 'it to end', undefined, limit => service.stop(limit));
    } catch (error) {
      onTrouble(`${name} on ${host.name} does not end by itself: ${errorMessage(error)}`);
    }
  }
}

function knownServices(host: Host): string[] {
  const folder = host.path(UNITS);
  const files = existsSync(folder) ? readdirSync(folder).filter(file => file.endsWith('.json')) : [];
  return files.map(file => file.slice(0, -'.json'.length)).sort();
}

function readUnit(folder: string, name: string): ServiceUnit | undefined {
  const path = `${folder}/${name}.json`;
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as ServiceUnit) : undefined;
}

/** The last lines, as one. */
function logEnd(path: string): string {
  if (!existsSync(path)) return '(empty)';
  const text = readFileSync(path, 'utf8').trimEnd().slice(-TAIL_BYTES);
  return text.split('\n').slice(-3).join(' | ');
}

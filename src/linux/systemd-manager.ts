import { statSync } from 'node:fs';
import { errorCode, GantryError, isAlreadyExists, isNotFound } from '../base/errors.ts';
import { deadlineSignal } from '../base/signals.ts';
import { DbusConnection } from './dbus/dbus-connection.ts';
import type { DbusValue, DbusVariant } from './dbus/dbus-wire.ts';
import type { UnitProperty } from './systemd-slice.ts';

/** Where PID 1 itself listens, for root alone: no bus daemon is between, so that pods start and end whatever becomes of it. */
const PRIVATE_SOCKET = '/run/systemd/private';
const MANAGER = { path: '/org/freedesktop/systemd1', interface: 'org.freedesktop.systemd1.Manager' } as const;
/** Upstream's patience with a unit that is to start or to stop. */
const JOB_MS = 30_000;
/** systemd closes all connections when it executes itself anew (an upgrade); the next one waits in the listen queue until it is back. */
const ATTEMPTS = 3;

/** Units that are made while the machine runs, by way of systemd. Every method waits until systemd has done it, and may be repeated. */
export interface SystemdManager {
  /** Makes the unit and starts it. `already-exists` when there is one by that name. */
  startTransient(unit: string, properties: readonly UnitProperty[], signal?: AbortSignal): Promise<void>;
  /** Changes a unit until the next boot. `not-found` when there is none by that name. */
  setProperties(unit: string, properties: readonly UnitProperty[], signal?: AbortSignal): Promise<void>;
  /** Stops the unit, and what is in it when it is a slice, and forgets that it failed. One that is not there is fine. */
  stop(unit: string, signal?: AbortSignal): Promise<void>;
  /** Properties of a unit (org.freedesktop.systemd1(5)) as systemd has them now, in the order of `wanted`. One that it does not know is answered with a LoadState that says so. */
  properties(unit: string, wanted: readonly UnitPropertyName[], signal?: AbortSignal): Promise<readonly DbusValue[]>;
}

/** A property by the interface that has it, without what all their names begin with. */
export interface UnitPropertyName {
  readonly of: 'Unit' | 'Service';
  readonly name: string;
}

/** Whether this machine was booted with systemd (sd_booted(3)'s question). A container or host in which another one is PID 1 has no such directory. */
export function systemdRuns(): boolean {
  return statSync('/run/systemd/system', { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Each call has a connection of its own (under a millisecond): PID 1 tells every open one of every change of a unit. */
export function systemdManager(socket = PRIVATE_SOCKET): SystemdManager {
  const perform = <T>(
    what: string,
    work: (bus: DbusConnection, signal: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ) => performOn(socket, what, work, signal);
  return {
    async startTransient(unit, properties, signal) {
      await perform(
        `systemd to start ${unit}`,
        (bus, within) =>
          runJob(bus, 'StartTransientUnit', 'ssa(sv)a(sa(sv))', [unit, 'replace', pairs(properties), []], unit, within),
        signal,
      );
    },
    async setProperties(unit, properties, signal) {
      if (properties.length === 0) return;
      await perform(
        `systemd to change ${unit}`,
        (bus, within) =>
          bus.call(
            { ...MANAGER, member: 'SetUnitProperties', signature: 'sba(sv)', body: [unit, true, pairs(properties)] },
            within,
          ),
        signal,
      );
    },
    async stop(unit, signal) {
      await perform(
        `systemd to stop ${unit}`,
        async (bus, within) => {
          const steps = [
            () => runJob(bus, 'StopUnit', 'ss', [unit, 'replace'], unit, within),
            // a unit that failed stays known until this, and its name taken
            () => bus.call({ ...MANAGER, member: 'ResetFailedUnit', signature: 's', body: [unit] }, within),
          ];
          for (const step of steps)
            try {
              await step();
            } catch (error) {
              if (!isNotFound(error)) throw error;
            }
        },
        signal,
      );
    },
    properties: (unit, wanted, signal) =>
      perform(
        `systemd to tell of ${unit}`,
        async (bus, within) => {
          const [path = ''] = await bus.call({ ...MANAGER, member: 'LoadUnit', signature: 's', body: [unit] }, within);
          const asked = wanted.map(({ of, name }) =>
            bus.call(
              {
                path: String(path),
                interface: 'org.freedesktop.DBus.Properties',
                member: 'Get',
                signature: 'ss',
                body: [`org.freedesktop.systemd1.${of}`, name],
              },
              within,
            ),
          );
          return (await Promise.all(asked)).map(([variant]) => (variant as DbusVariant).value);
        },
        signal,
      ),
  };
}

function pairs(properties: readonly UnitProperty[]): DbusValue {
  return properties.map(({ name, type, value }) => [name, { signature: type, value }]);
}

async function performOn<T>(
  socket: string,
  what: string,
  work: (bus: DbusConnection, signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const deadline = deadlineSignal(JOB_MS, what, signal);
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const bus = await DbusConnection.open(socket, deadline.signal);
        try {
          return await work(bus, deadline.signal);
        } finally {
          bus.close();
        }
      } catch (error) {
        // a start that was done although its answer was lost
        if (attempt > 1 && isAlreadyExists(error)) return undefined as T;
        if (errorCode(error) !== 'unavailable' || attempt === ATTEMPTS) throw error;
      }
    }
  } finally {
    deadline.release();
  }
}

/** Calls what answers with a job and waits for the end of that. Throws when it ends otherwise than done. */
async function runJob(
  bus: DbusConnection,
  member: string,
  signature: string,
  body: readonly DbusValue[],
  unit: string,
  signal: AbortSignal,
): Promise<void> {
  // the end may be told before the answer has been looked at
  const results = new Map<string, string>();
  let onResult = (): void => {};
  let onFailure: (error: unknown) => void = () => {};
  const endListening = bus.listen(
    ({ member: name, body: [, job, , result] }) => {
      if (name !== 'JobRemoved' || typeof job !== 'string' || typeof result !== 'string') return;
      results.set(job, result);
      onResult();
    },
    error => onFailure(error),
  );
  const onAbort = (): void => onFailure(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const [job] = await bus.call({ ...MANAGER, member, signature, body }, signal);
    const result = await new Promise<string>((resolve, reject) => {
      onFailure = reject;
      onResult = () => {
        const found = results.get(String(job));
        if (found !== undefined) resolve(found);
      };
      onResult();
      if (signal.aborted) reject(signal.reason);
    });
    if (result !== 'done' && result !== 'skipped')
      throw new GantryError(
        'internal',
        `systemd could not ${member === 'StopUnit' ? 'stop' : 'start'} ${unit}: ${result}`,
      );
  } finally {
    signal.removeEventListener('abort', onAbort);
    endListening();
  }
}

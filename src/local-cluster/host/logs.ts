import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { isRunning, openHost } from './host.ts';
import { listHostNames, readHostRecord } from './record.ts';

export interface LogEnd {
  readonly host: string;
  readonly service: string;
  readonly text: string;
}

/** Where the supervisors of a host's daemons write. */
const LOGS = '/var/log/gantry';
const END_BYTES = 16 << 10;

/** The ends of the logs of all daemons of the hosts that run, whole lines only. */
export function endsOfLogs(hostsDir: string): readonly LogEnd[] {
  return listHostNames(hostsDir)
    .filter(name => isRunning(readHostRecord(name, hostsDir)))
    .flatMap(name => {
      const folder = openHost(name, hostsDir).path(LOGS);
      return (existsSync(folder) ? readdirSync(folder) : [])
        .filter(service => existsSync(`${folder}/${service}/current`))
        .map(service => ({ host: name, service, text: endOf(`${folder}/${service}/current`) }));
    });
}

function endOf(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    const from = Math.max(0, size - END_BYTES);
    const buffer = Buffer.alloc(size - from);
    const text = buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, from));
    return from === 0 ? text : text.slice(text.indexOf('\n') + 1);
  } finally {
    closeSync(fd);
  }
}

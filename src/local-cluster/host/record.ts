import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { GantryError, isNotFound, notFound } from '../../base/errors.ts';
import { writeFileAtomic } from '../../linux/atomic-file.ts';
import type { ProcessIdentity } from '../../linux/procfs.ts';
import { assertHostName } from './plan.ts';

/** Where hosts keep their data unless the caller says otherwise. */
export const DEFAULT_HOSTS_DIR = '/var/lib/gantry-hosts';

/** What is remembered of a host on disk, so that another process can enter or delete it. */
export interface HostRecord {
  readonly version: 1;
  readonly name: string;
  readonly dataDir: string;
  readonly cgroup: string;
  readonly memberProcs: readonly string[];
  /** /etc/machine-id inside, the same at every start. */
  readonly machineId: string;
  /** The text of /etc/resolv.conf inside. */
  readonly resolvConf: string;
  /** True where the data is on no disk (see plan.ts): it goes with the host's end. */
  readonly dataInMemory: boolean;
  /** Undefined while the host is being made, and where it is stopped. */
  readonly pid1: ProcessIdentity | undefined;
  /** The machine's boot: pids of an earlier one mean nothing. */
  readonly machineBootId: string;
}

export function hostDataDir(name: string, hostsDir: string): string {
  assertHostName(name);
  return `${hostsDir}/${name}`;
}

export function writeHostRecord(record: HostRecord): void {
  writeFileAtomic(`${record.dataDir}/host.json`, `${JSON.stringify(record, undefined, 2)}\n`);
}

/** Throws `not-found` when there is no such host, `data-loss` when its record cannot be read. */
export function readHostRecord(name: string, hostsDir: string = DEFAULT_HOSTS_DIR): HostRecord {
  const dataDir = hostDataDir(name, hostsDir);
  const file = `${dataDir}/host.json`;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (isNotFound(error)) throw notFound(`there is no host "${name}" in ${hostsDir}`);
    throw error;
  }
  try {
    const record = JSON.parse(text) as HostRecord;
    if (record.version !== 1) throw new Error(`version ${String(record.version)} is not known`);
    return record;
  } catch (error) {
    throw new GantryError('data-loss', `${file} cannot be read: ${String(error)}`, { cause: error });
  }
}

/** Names of all hosts that have a record, sorted. */
export function listHostNames(hostsDir: string = DEFAULT_HOSTS_DIR): string[] {
  if (!existsSync(hostsDir)) return [];
  return readdirSync(hostsDir)
    .filter(name => existsSync(`${hostsDir}/${name}/host.json`))
    .sort();
}

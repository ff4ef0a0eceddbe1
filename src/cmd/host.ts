import { spawnSync } from 'node:child_process';
import { errorMessage, invalidArgument } from '../base/errors.ts';
import { createHost } from '../local-cluster/host/create.ts';
import { enterArgv } from '../local-cluster/host/enter.ts';
import { deleteHost, hostEnvironment, isRunning, openHost } from '../local-cluster/host/host.ts';
import { DEFAULT_HOSTS_DIR, listHostNames, readHostRecord } from '../local-cluster/host/record.ts';

export interface HostCommandOptions {
  readonly hostsDir?: string;
}

/** `gantry host create NAME`. Returns the exit code. */
export async function createHostCommand(name: string, options: HostCommandOptions): Promise<number> {
  const host = await createHost({ name, ...hostsDirOf(options) });
  console.log(`host ${name} runs (pid ${host.pid1.pid}, data in ${host.dataDir})`);
  return 0;
}

/** `gantry host exec NAME -- COMMAND…`: with the caller's terminal; the exit code is the command's. */
export async function execInHostCommand(
  name: string,
  command: readonly string[],
  options: HostCommandOptions,
): Promise<number> {
  if (command.length === 0) throw invalidArgument('name the command: gantry host exec NAME -- COMMAND [ARGUMENT…]');
  const hostsDir = options.hostsDir ?? DEFAULT_HOSTS_DIR;
  const host = openHost(name, hostsDir);
  const [file = '', ...args] = enterArgv(host.pid1.pid, readHostRecord(name, hostsDir).memberProcs, command, {
    dieWithParent: true,
  });
  const result = spawnSync(file, args, { stdio: 'inherit', cwd: '/', env: hostEnvironment() });
  if (result.error !== undefined) throw new Error(`cannot enter host "${name}": ${errorMessage(result.error)}`);
  return result.status ?? 1;
}

/**
 * `gantry host supervise NAME SERVICE -- COMMAND…`: keeps a daemon running inside, its output in /var/log/gantry/SERVICE/current. Given again, it
 * replaces the command and starts the daemon anew.
 */
export async function superviseInHostCommand(
  name: string,
  service: string,
  command: readonly string[],
  options: HostCommandOptions,
): Promise<number> {
  if (command.length === 0) throw invalidArgument('name the command: gantry host supervise NAME SERVICE -- COMMAND');
  const host = openHost(name, options.hostsDir ?? DEFAULT_HOSTS_DIR);
  const supervised = await host.supervise(service, command);
  console.log(`service ${service} is supervised in host ${name}, its log is ${supervised.logFile}`);
  return 0;
}

/** `gantry host delete NAME`: ends it and removes its data. */
export async function deleteHostCommand(
  name: string,
  options: HostCommandOptions & { ignoreMissing?: boolean },
): Promise<number> {
  await deleteHost(name, { ...hostsDirOf(options), missingOk: options.ignoreMissing === true });
  return 0;
}

/** `gantry host list`: one line each. */
export async function listHostsCommand(options: HostCommandOptions): Promise<number> {
  const hostsDir = options.hostsDir ?? DEFAULT_HOSTS_DIR;
  for (const name of listHostNames(hostsDir)) {
    const record = readHostRecord(name, hostsDir);
    const state = isRunning(record) ? `running, pid ${record.pid1?.pid}` : 'not running';
    console.log(`${name}\t${state}\t${record.dataDir}`);
  }
  return 0;
}

function hostsDirOf(options: HostCommandOptions): { hostsDir?: string } {
  return options.hostsDir === undefined ? {} : { hostsDir: options.hostsDir };
}

import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { errnoName, errorMessage, failedPrecondition, GantryError } from '../../base/errors.ts';
import { deadlineSignal } from '../../base/signals.ts';
import { cgroupPids, createCgroup } from '../../linux/cgroup.ts';
import { detectCgroups } from '../../linux/cgroup-layout.ts';
import { reapProcess, runCommand, spawnProcess } from '../../linux/command.ts';
import { bootId, type ProcessIdentity, processIdentity } from '../../linux/procfs.ts';
import { moveInto } from './enter.ts';
import { deleteHost, type Host, hostEnvironment, hostHandle, isRunning, stopHost } from './host.ts';
import { formatMountTable, type HostPlan, hostCgroup, planHost } from './plan.ts';
import { DEFAULT_HOSTS_DIR, type HostRecord, hostDataDir, readHostRecord, writeHostRecord } from './record.ts';

export interface CreateHostOptions {
  readonly name: string;
  /** Parent of the host's data directory. */
  readonly hostsDir?: string;
  /** The text of /etc/resolv.conf inside; empty unless given, since a host has no way out of its own. */
  readonly resolvConf?: string;
  readonly signal?: AbortSignal;
}

/** Keeps the pid namespace alive and reaps what is orphaned in it. */
const FIRST_PROCESS = ['catatonit', '-P'];
const START_PATIENCE_MS = 10_000;
const OVERLAYFS_MAGIC = 0x794c7630;

/**
 * Makes a host and starts it. Loopback is up; there is no other link. Throws `already-exists` when a host of that name is there; after any
 * other failure nothing of it is left.
 */
export async function createHost(options: CreateHostOptions): Promise<Host> {
  const hostsDir = options.hostsDir ?? DEFAULT_HOSTS_DIR;
  const dataDir = hostDataDir(options.name, hostsDir);
  assertNoNamesake(options.name, hostsDir);
  mkdirSync(hostsDir, { recursive: true, mode: 0o755 });
  claim(dataDir, options.name);
  const facts = {
    name: options.name,
    machineId: randomUUID().replaceAll('-', ''),
    resolvConf: options.resolvConf ?? '',
    dataInMemory: statfsSync(hostsDir).type === OVERLAYFS_MAGIC,
  };
  try {
    return await boot(dataDir, facts, options.signal);
  } catch (error) {
    await deleteHost(options.name, { hostsDir, missingOk: true });
    throw error;
  }
}

/**
 * Starts a host that was stopped, on its data: with a new boot id, with only loopback, and without daemons. Throws `not-found`, and `failed-precondition`
 * when it runs. After any other failure it is stopped as before.
 */
export async function startHost(
  name: string,
  options: { readonly hostsDir?: string; readonly signal?: AbortSignal } = {},
): Promise<Host> {
  const record = readHostRecord(name, options.hostsDir);
  if (isRunning(record)) throw failedPrecondition(`host "${name}" runs already`);
  return boot(record.dataDir, record, options.signal);
}

/** What stays the same from one start of a host to the next. */
type HostFacts = Pick<HostRecord, 'name' | 'machineId' | 'resolvConf' | 'dataInMemory'>;

async function boot(dataDir: string, facts: HostFacts, signal: AbortSignal | undefined): Promise<Host> {
  const layout = detectCgroups();
  const hostBootId = randomUUID();
  const plan = planHost({
    name: facts.name,
    dataDir,
    cgroups: layout,
    dataOnOverlay: facts.dataInMemory,
    machineId: facts.machineId,
    resolvConf: facts.resolvConf,
  });
  const record: HostRecord = {
    version: 1,
    name: facts.name,
    dataDir,
    cgroup: plan.cgroup,
    memberProcs: plan.memberProcs,
    machineId: facts.machineId,
    resolvConf: facts.resolvConf,
    dataInMemory: facts.dataInMemory,
    pid1: undefined,
    machineBootId: bootId(),
  };
  writeHostRecord(record);
  let launcher: number | undefined;
  try {
    for (const directory of plan.dataDirectories) mkdirSync(directory, { recursive: true, mode: 0o755 });
    makeGroup(plan.cgroup);
    launcher = launch(plan, dataDir);
    const deadline = deadlineSignal(START_PATIENCE_MS, `the first process of host "${facts.name}"`, signal);
    try {
      const pid1 = await firstProcess(launcher, dataDir, deadline.signal);
      writeHostRecord({ ...record, pid1 });
      await furnish(plan, pid1.pid, dataDir, hostBootId, layout.version, launcher, { name: facts.name, signal });
      return hostHandle({ ...record, pid1 }, pid1, launcher);
    } finally {
      deadline.release();
    }
  } catch (error) {
    await stopHost(readHostRecord(facts.name, dirname(dataDir)));
    if (launcher !== undefined) collectLauncher(launcher);
    throw error;
  }
}

/** It was collected already where it was seen to end. */
function collectLauncher(launcher: number): void {
  try {
    reapProcess(launcher);
  } catch (error) {
    if (errnoName(error) !== 'ECHILD') throw error;
  }
}

/**
 * A host of the same name with its data elsewhere has the same groups: this one would end its processes with its own. Throws `already-exists` where one runs.
 */
export function assertNoNamesake(name: string, hostsDir: string): void {
  if (existsSync(hostDataDir(name, hostsDir)) || cgroupPids(hostCgroup(name)).length === 0) return;
  throw new GantryError(
    'already-exists',
    `a host "${name}" runs already, with its data in another place than ${hostsDir}: choose another name, or delete that one`,
  );
}

/** The directory is the claim on the name: mkdir succeeds for one caller only. */
function claim(dataDir: string, name: string): void {
  try {
    mkdirSync(dataDir, { mode: 0o711 });
  } catch (error) {
    if (existsSync(dataDir))
      throw new GantryError('already-exists', `host "${name}" exists already (${dataDir}): delete it first`, {
        cause: error,
      });
    throw error;
  }
}

/** The last host that is deleted takes the parent group with it, perhaps just between our two mkdirs. */
function makeGroup(cgroup: string): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      createCgroup(cgroup);
      return;
    } catch (error) {
      if (errnoName(error) !== 'ENOENT' || attempt === 5) throw error;
    }
  }
}

function launch(plan: HostPlan, dataDir: string): number {
  const [file = '', ...args] = moveInto(plan.namespaceProcs, [
    'unshare',
    '--mount',
    '--net',
    '--uts',
    '--ipc',
    '--pid',
    '--cgroup',
    '--fork',
    '--mount-proc',
    '--propagation=slave',
    '--',
    ...FIRST_PROCESS,
  ]);
  const log = openSync(`${dataDir}/first-process.log`, 'a', 0o640);
  try {
    return spawnProcess(file, args, {
      env: hostEnvironment(),
      cwd: '/',
      stdin: 'null',
      stdout: log,
      stderr: log,
      newSession: true,
    }).pid;
  } finally {
    closeSync(log);
  }
}

/** Waits until the launcher's child is the first process of its namespaces. The kernel tells nobody of an exec, so this looks every 2 ms. */
async function firstProcess(launcher: number, dataDir: string, signal: AbortSignal): Promise<ProcessIdentity> {
  for (;;) {
    const ended = reapProcess(launcher);
    if (ended !== undefined)
      throw new GantryError(
        'failed-precondition',
        `the host could not be started (exit code ${ended.code ?? 'none'}): ${readFileSync(`${dataDir}/first-process.log`, 'utf8').trim()}`,
      );
    const child = childOf(launcher);
    if (child !== undefined && commandOf(child) === FIRST_PROCESS[0]) {
      const identity = processIdentity(child);
      if (identity !== undefined) return identity;
    }
    await setTimeout(2, undefined, { signal });
  }
}

function childOf(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? undefined : Number(text.split(' ')[0]);
  } catch {
    return undefined;
  }
}

function commandOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0];
  } catch {
    return undefined;
  }
}

async function furnish(
  plan: HostPlan,
  pid1: number,
  dataDir: string,
  hostBootId: string,
  cgroupVersion: 1 | 2,
  launcher: number,
  options: { readonly name: string; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const inside = `/proc/${pid1}/root`;
  const run = async (...argv: string[]): Promise<void> => {
    const args = [`--target=${pid1}`, '--mount', '--net', '--uts', '--pid', '--cgroup', '--', ...argv];
    const result = await runCommand('nsenter', args, {
      env: hostEnvironment(),
      timeoutMs: START_PATIENCE_MS,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    if (result.code !== 0)
      throw new GantryError(
        'internal',
        `making host "${options.name}": ${argv.join(' ')} failed: ${errorMessage(result.stderr.toString('utf8'))}`,
      );
  };
  const mountAll = async (name: string, rows: HostPlan['baseMounts']): Promise<void> => {
    const table = `${dataDir}/${name}`;
    writeFileSync(table, formatMountTable(rows));
    await run('mount', '--no-mtab', '--all', '--fstab', table);
    rmSync(table);
  };
  if (cgroupVersion === 2) {
    // v2: processes leave the host's own group, which then hands its controllers to groups below
    mkdirSync(memberDirectory(plan), { recursive: true, mode: 0o755 });
    for (const pid of [launcher, pid1]) for (const file of plan.memberProcs) writeFileSync(file, String(pid));
    createCgroup(plan.memberCgroup);
  }
  await run('mount', '--make-rshared', '/');
  await run('umount', '--recursive', '--lazy', '/sys');
  await mountAll('base.fstab', plan.baseMounts);
  for (const directory of plan.runDirectories) mkdirSync(`${inside}${directory}`, { recursive: true, mode: 0o755 });
  for (const { path, target } of plan.links) symlinkSync(target, `${inside}${path}`);
  writeFileSync(`${inside}/run/host-boot-id`, `${hostBootId}\n`, { mode: 0o444 });
  await mountAll('tree.fstab', plan.treeMounts);
  for (const { path, content } of plan.files) {
    rmSync(`${inside}${path}`, { force: true });
    writeFileSync(`${inside}${path}`, content);
  }
  await run('hostname', options.name);
  await run('ip', 'link', 'set', 'lo', 'up');
}

function memberDirectory(plan: HostPlan): string {
  const [file = ''] = plan.memberProcs;
  return file.slice(0, file.lastIndexOf('/'));
}

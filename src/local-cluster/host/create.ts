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
import { setTimeout } from 'node:timers/promises';
import { errnoName, errorMessage, GantryError } from '../../base/errors.ts';
import { deadlineSignal } from '../../base/signals.ts';
import { createCgroup } from '../../linux/cgroup.ts';
import { detectCgroups } from '../../linux/cgroup-layout.ts';
import { reapProcess, runCommand, spawnProcess } from '../../linux/command.ts';
import { bootId, type ProcessIdentity, processIdentity } from '../../linux/procfs.ts';
import { moveInto } from './enter.ts';
import { deleteHost, type Host, hostEnvironment, hostHandle } from './host.ts';
import { formatMountTable, type HostPlan, planHost } from './plan.ts';
import { DEFAULT_HOSTS_DIR, type HostRecord, hostDataDir, writeHostRecord } from './record.ts';

export interface CreateHostOptions {
  readonly name: string;
  /** Parent of the host's data directory. */
  readonly hostsDir?: string;
  /** Address of a resolver that is reachable from inside; none unless given, since a host has no way out of its own. */
  readonly nameserver?: string;
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
  mkdirSync(hostsDir, { recursive: true });
  claim(dataDir, options.name);
  const layout = detectCgroups();
  const machineBootId = bootId();
  const hostBootId = randomUUID();
  const plan = planHost({
    name: options.name,
    dataDir,
    cgroups: layout,
    dataOnOverlay: statfsSync(hostsDir).type === OVERLAYFS_MAGIC,
    machineId: randomUUID().replaceAll('-', ''),
    resolvConf: options.nameserver === undefined ? '' : `nameserver ${options.nameserver}\n`,
  });
  const record: HostRecord = {
    version: 1,
    name: options.name,
    dataDir,
    cgroup: plan.cgroup,
    memberProcs: plan.memberProcs,
    pid1: undefined,
    machineBootId,
  };
  writeHostRecord(record);
  let launcher: number | undefined;
  try {
    for (const directory of plan.dataDirectories) mkdirSync(directory, { recursive: true });
    makeGroup(plan.cgroup);
    launcher = launch(plan, dataDir);
    const deadline = deadlineSignal(START_PATIENCE_MS, `the first process of host "${options.name}"`, options.signal);
    try {
      const pid1 = await firstProcess(launcher, dataDir, deadline.signal);
      writeHostRecord({ ...record, pid1 });
      await furnish(plan, pid1.pid, dataDir, hostBootId, layout.version, launcher, options);
      return hostHandle({ ...record, pid1 }, pid1, launcher);
    } finally {
      deadline.release();
    }
  } catch (error) {
    await deleteHost(options.name, { hostsDir, missingOk: true });
    if (launcher !== undefined) reapProcess(launcher);
    throw error;
  }
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
  options: CreateHostOptions,
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
    mkdirSync(memberDirectory(plan), { recursive: true });
    for (const pid of [launcher, pid1]) for (const file of plan.memberProcs) writeFileSync(file, String(pid));
    createCgroup(plan.memberCgroup);
  }
  await run('mount', '--make-rshared', '/');
  await run('umount', '--recursive', '--lazy', '/sys');
  await mountAll('base.fstab', plan.baseMounts);
  for (const directory of plan.runDirectories) mkdirSync(`${inside}${directory}`, { recursive: true });
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

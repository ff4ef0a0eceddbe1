import { readdirSync } from 'node:fs';
import { errorMessage } from '../../../base/errors.ts';
import { isBelow } from '../../../bootstrap/reset/is-below.ts';
import { hasServer } from '../../../bootstrap/reset/mounts/plan.ts';
import { readMountinfo } from '../../../linux/mount.ts';
import { readSysctl } from '../../../linux/sysctl.ts';
import type { Reach } from '../../reach/reach.ts';
import type { BundleSource } from '../item.ts';
import { commandItem } from './command.ts';
import { fileItem } from './files.ts';

const FILES: readonly (readonly [name: string, path: string])[] = [
  ['kernel.txt', '/proc/version'],
  ['kernel-command-line.txt', '/proc/cmdline'],
  ['modules.txt', '/proc/modules'],
  ['memory.txt', '/proc/meminfo'],
  ['load.txt', '/proc/loadavg'],
  ['uptime.txt', '/proc/uptime'],
  ['pressure-cpu.txt', '/proc/pressure/cpu'],
  ['pressure-memory.txt', '/proc/pressure/memory'],
  ['pressure-io.txt', '/proc/pressure/io'],
  ['mounts.txt', '/proc/self/mountinfo'],
  ['cgroup-controllers.txt', '/proc/cgroups'],
];
/** Settings on which nodes stand or fall. */
const SYSCTLS = [
  'fs.file-max',
  'fs.inotify.max_user_instances',
  'fs.inotify.max_user_watches',
  'kernel.keys.maxkeys',
  'kernel.pid_max',
  'kernel.threads-max',
  'net.bridge.bridge-nf-call-iptables',
  'net.core.somaxconn',
  'net.ipv4.conf.all.forwarding',
  'net.ipv4.conf.all.route_localnet',
  'net.ipv4.conf.all.rp_filter',
  'net.ipv4.conf.default.rp_filter',
  'net.ipv4.ip_forward',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.neigh.default.gc_thresh3',
  'net.ipv6.conf.all.disable_ipv6',
  'net.ipv6.conf.all.forwarding',
  'user.max_user_namespaces',
  'vm.max_map_count',
  'vm.overcommit_memory',
  'vm.panic_on_oom',
  'vm.swappiness',
];
const CGROUP_ROOT = '/sys/fs/cgroup';
const MOST_GROUPS = 5000;
const GROUP_DEPTH = 6;

/** The machine below the node: kernel, settings, memory, disks, mounts, groups, processes by name, messages of the kernel. */
export function machineState(reach: Reach): BundleSource {
  const shown = disksToShow(reach);
  return {
    what: 'the state of the machine',
    timeoutMs: 60_000,
    async *items(signal) {
      for (const [name, path] of FILES) yield fileItem(`machine/${name}`, path);
      yield { path: 'machine/sysctls.txt', text: SYSCTLS.map(sysctlLine).join('') };
      const { names, cut } = cgroupNames();
      yield { path: 'machine/cgroups.txt', text: names.map(name => `${name}\n`).join(''), ...cut };
      // their arguments may be secrets
      yield await commandItem('machine/processes.txt', ['ps', '-eo', 'pid,ppid,stat,rss,etime,comm'], signal);
      yield await commandItem('machine/disks.txt', ['df', '-h', ...shown], signal);
      yield await commandItem('machine/inodes.txt', ['df', '-i', ...shown], signal);
      yield await commandItem('machine/kernel-messages.txt', ['dmesg'], signal, 'end');
    },
  };
}

/** Without arguments df looks at every mount, and waits for ever at one that hangs, or is hidden below one: it is told which it may look at then. */
function disksToShow({ silent }: Reach): readonly string[] {
  if (silent.length === 0) return ['--local'];
  const byDevice = new Map<string, string>();
  for (const { device, target, fstype } of readMountinfo()) {
    const isSilent = silent.some(({ path }) => target === path || isBelow(target, path));
    if (!isSilent && !hasServer(fstype) && !byDevice.has(device)) byDevice.set(device, target);
  }
  return ['--', ...byDevice.values()];
}

function sysctlLine(name: string): string {
  return `${name} = ${settingOf(name)}\n`;
}

function settingOf(name: string): string {
  try {
    return readSysctl(name.replaceAll('.', '/')) ?? '(this kernel has no such setting)';
  } catch (error) {
    return `(${errorMessage(error)})`;
  }
}

/** Paths of groups below all hierarchies, as far as they are not too many. */
function cgroupNames(): { readonly names: readonly string[]; readonly cut: { readonly cut?: string } } {
  const names: string[] = [];
  const waiting: { readonly path: string; readonly depth: number }[] = [{ path: CGROUP_ROOT, depth: 0 }];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (names.length >= MOST_GROUPS) return { names, cut: { cut: `only ${MOST_GROUPS} groups are here` } };
    const { path, depth } = next;
    names.push(path);
    if (depth < GROUP_DEPTH)
      for (const name of directoriesIn(path)) waiting.push({ path: `${path}/${name}`, depth: depth + 1 });
  }
  return { names, cut: {} };
}

function directoriesIn(path: string): readonly string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

import { chmodSync, chownSync, rmdirSync } from 'node:fs';
import { errnoName, errorMessage, failedPrecondition } from '../../base/errors.ts';
import { sleep } from '../../base/signals.ts';
import { unloadAppArmorProfile } from '../../linux/apparmor.ts';
import { removeCgroup } from '../../linux/cgroup.ts';
import { runCommand } from '../../linux/command.ts';
import { lowerInhibitDelay } from '../../linux/logind.ts';
import { unmount } from '../../linux/mount.ts';
import { removeAddress } from '../../linux/netlink/addresses.ts';
import { deleteLinks } from '../../linux/netlink/links.ts';
import { removeRoute } from '../../linux/netlink/routes.ts';
import type { NetlinkSocket } from '../../linux/netlink/socket.ts';
import type { NftContext } from '../../linux/nft.ts';
import { signalProcess } from '../../linux/pidfd.ts';
import { isAlive, type ProcessIdentity } from '../../linux/procfs.ts';
import { removeTree } from '../../linux/remove-tree.ts';
import type { Services } from '../services.ts';
import type { FileRemoval } from './files/plan.ts';
import { hasServer, type Unmount } from './mounts/plan.ts';
import type { Removal } from './plan.ts';

/** What the removals work with. */
export interface RemovalTools {
  readonly socket: NetlinkSocket;
  /** Undefined where there are no tables. */
  readonly nft: NftContext | undefined;
  readonly services: Services | undefined;
  /** Mounts that are taken away in this run, for processes that hang in them. */
  readonly unmounts: readonly (Unmount & { readonly fstype: string })[];
  readonly removeProxyRules: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** The kernel ends what got SIGKILL within milliseconds, unless it waits for a server. */
const KILL_PATIENCE_MS = 1500;
const SIGKILL = 9;
const UNMOUNT_PATIENCE_MS = 3000;
const STOP_PATIENCE_MS = 5000;
const SLICE_PATIENCE_MS = 5000;

/**
 * Takes one thing away, within a few seconds whatever hangs. Missing is fine. Throws where something of it is left, with the reason. False for a directory that was to go once it is
 * empty, and stays.
 */
export async function applyRemoval(removal: Removal, tools: RemovalTools): Promise<boolean> {
  if (removal.kind === 'file' && removal.file.kind === 'empty-directory') return removeIfEmpty(removal.file.path);
  await takeAway(removal, tools);
  return true;
}

async function takeAway(removal: Removal, tools: RemovalTools): Promise<void> {
  const { socket, nft } = tools;
  switch (removal.kind) {
    case 'processes':
      return killProcesses(removal.processes, tools);
    case 'unmount':
      return takeOff(removal, tools.signal);
    case 'links':
      return deleteLinks(socket, removal.names);
    case 'route':
      return removeRoute(socket, removal.route);
    case 'address':
      return removeAddress(socket, removal.address);
    case 'table':
      return void nft?.run(`add table ${removal.name}\ndelete table ${removal.name}\n`);
    case 'proxy-rules':
      return tools.removeProxyRules();
    case 'cgroup':
      return removeGroup(removal.path, tools.signal);
    case 'profile':
      return unloadAppArmorProfile(removal.name);
    case 'service':
      return tools.services?.remove(removal.name, { patienceMs: STOP_PATIENCE_MS, signal: tools.signal });
    case 'shutdown-delay':
      return lowerInhibitDelay(tools.signal);
    case 'file':
      return removeFile(removal.file);
  }
}

/** With SIGKILL. What then still waits for the server of a file system is released by ending that, where only pods of this node have it mounted. */
async function killProcesses(processes: readonly ProcessIdentity[], { unmounts, signal }: RemovalTools): Promise<void> {
  for (const process of processes) signalProcess(process, SIGKILL);
  let left = await untilGone(processes, signal);
  if (left.length === 0) return;
  for (const { target, fstype, isSole } of unmounts)
    if (isSole && hasServer(fstype)) await detach(target, ['--force'], signal).catch(() => undefined);
  left = await untilGone(left, signal);
  if (left.length > 0)
    throw failedPrecondition(
      `processes ${left.map(({ pid }) => pid).join(', ')} do not end after SIGKILL: they wait for a disk or a server (/proc/PID/stack says for which)`,
    );
}

async function untilGone(
  processes: readonly ProcessIdentity[],
  signal: AbortSignal,
): Promise<readonly ProcessIdentity[]> {
  let left = processes.filter(isAlive);
  for (let waited = 0; left.length > 0 && waited < KILL_PATIENCE_MS; waited += 5) {
    await sleep(5, signal);
    left = left.filter(isAlive);
  }
  return left;
}

/** The mount is gone from the tree as soon as the call has begun; only its end may wait, in a process that is given up then. */
async function takeOff({ target, mayHang }: Unmount, signal: AbortSignal): Promise<void> {
  if (!mayHang) return unmount(target, { lazy: true });
  await detach(target, ['--lazy'], signal);
}

/** umount(8) told not to look at the mount itself. */
async function detach(target: string, how: readonly string[], signal: AbortSignal): Promise<void> {
  const args = [...how, '--no-canonicalize', '--internal-only', '--no-mtab', target];
  const { code, stderr } = await runCommand('umount', args, { timeoutMs: UNMOUNT_PATIENCE_MS, signal });
  if (code !== 0) throw failedPrecondition(errorMessage(stderr.toString('utf8')));
}

/** A slice is a unit of systemd, which makes its group again unless it is told. */
async function removeGroup(path: string, signal: AbortSignal): Promise<void> {
  if (path.endsWith('.slice'))
    await runCommand('systemctl', ['stop', path.slice(path.lastIndexOf('/') + 1)], {
      timeoutMs: SLICE_PATIENCE_MS,
      signal,
    }).catch(() => undefined);
  await removeCgroup(path, signal);
}

function removeFile(removal: FileRemoval): void {
  const { kind, path } = removal;
  if (kind === 'mode') {
    const { uid, gid, mode } = removal.before;
    chownSync(path, uid, gid);
    chmodSync(path, mode);
    return;
  }
  const { left } = removeTree(path, { keepTop: kind === 'contents' });
  const refused = left.filter(({ because }) => because === 'refused');
  const [first] = refused;
  if (first === undefined) return;
  const why = first.code === 'EPERM' ? 'it is immutable (chattr -i takes that off)' : first.code;
  throw failedPrecondition(
    `${first.path} cannot be removed: ${why}${refused.length > 1 ? ` and ${refused.length - 1} more` : ''}`,
  );
}

/** What stands in the place of a directory by now (a link, a file) is not what was made here. */
function removeIfEmpty(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EBUSY', 'ENOTDIR'].includes(errnoName(error) ?? '')) throw error;
    return false;
  }
}

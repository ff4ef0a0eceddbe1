import { existsSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { errnoName } from '../../base/errors.ts';
import { podDir, uidOfLogDir } from '../pod-paths.ts';
import { possiblePodCgroups } from '../resources/pod-cgroup.ts';
import type { KubeletSettings } from '../settings.ts';
import { removeDirectory } from '../volumes/remove.ts';
import type { ActTools } from './pod-task.ts';

/** Ends what is left in the pod's cgroup and removes it. Safe to repeat. */
export async function removePodCgroup(
  { settings, cgroups }: Pick<ActTools, 'settings' | 'cgroups'>,
  uid: string,
  signal: AbortSignal,
): Promise<void> {
  for (const group of possiblePodCgroups(settings.cgroups.root, uid)) await cgroups.remove(group, signal);
}

/** Removes the pod's logs, their links, and last its directory, whose presence says that there is something left to clean. Safe to repeat. */
export async function removePodFiles(settings: KubeletSettings, uid: string): Promise<void> {
  const directory = podDir(settings, uid);
  for (const name of entries(settings.podLogsDir)) {
    if (uidOfLogDir(name) !== uid) continue;
    await removeDirectory(`${settings.podLogsDir}/${name}`);
  }
  removeLinks(settings, uid);
  await removeDirectory(directory);
}

/** Removes the log files of one container that is gone, rotated ones included, and its link. */
export function removeContainerLog(settings: KubeletSettings, logPath: string, linkName: string): void {
  if (settings.containerLogLinks !== undefined) rmSync(`${settings.containerLogLinks}/${linkName}`, { force: true });
  if (!logPath.startsWith(`${settings.podLogsDir}/`)) return;
  const log = basename(logPath);
  const directory = dirname(logPath);
  for (const name of entries(directory))
    if (name === log || name.startsWith(`${log}.`)) rmSync(`${directory}/${name}`, { force: true });
}

function removeLinks(settings: KubeletSettings, uid: string): void {
  const links = settings.containerLogLinks;
  if (links === undefined || !existsSync(links)) return;
  for (const name of entries(links)) {
    const target = targetOf(`${links}/${name}`);
    if (target === undefined || !target.startsWith(`${settings.podLogsDir}/`)) continue;
    const [directory = ''] = target.slice(settings.podLogsDir.length + 1).split('/');
    if (uidOfLogDir(directory) === uid) rmSync(`${links}/${name}`, { force: true });
  }
}

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}

function entries(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return [];
    throw error;
  }
}

import { posix } from 'node:path';
import { realPlace } from '../../linux/real-place.ts';
import type { UnreadableDirectory } from './directories.ts';
import { isBelow } from './is-below.ts';
import type { ResetNames } from './plan.ts';
import { linkTarget, withRealEtcdFiles, withRealParents, withRealPlaces } from './real-places.ts';

/** A disk that answers does so at once, one that has to wake up within this; one that hangs may never. */
export const ANSWER_PATIENCE_MS = 3000;

/** Directories that do not answer, and what is below them. Pure. */
export function isSilent(path: string, silent: readonly string[]): boolean {
  return silent.some(directory => path === directory || isBelow(path, directory));
}

/** What is asked whether it answers before links are looked for in it. Pure. */
export function directoriesWithLinks({
  kubeletDir,
  dataDir,
  etcdDir,
  podLogsDir,
  ...names
}: ResetNames): readonly string[] {
  const tops = [
    ...[kubeletDir, dataDir, etcdDir, ...names.earlierEtcdDirs, podLogsDir, names.containerLogsDir],
    ...[names.pkiDir, ...names.earlierPkiDirs, names.kubernetesDir],
  ];
  return [...new Set([...tops, ...[...tops, ...names.etcdFiles].map(path => posix.dirname(path))])];
}

/** The names with the real places of what links lead to. Where nobody answers nothing is looked for: what is there stays, and is told. */
export function withSilence(names: ResetNames, silent: readonly string[]): ResetNames {
  const real = (path: string): string => (isSilent(path, silent) ? path : realPlace(path));
  const target = (path: string): string | undefined => (isSilent(path, silent) ? undefined : linkTarget(path));
  return { ...withRealPlaces(withRealParents(withRealEtcdFiles(names, real), real), target), silent };
}

/** As directories in which nobody can look. Pure. */
export function silenceOf(silent: readonly string[]): readonly UnreadableDirectory[] {
  return [...new Set(silent)]
    .filter(path => !silent.some(other => isBelow(path, other)))
    .map(path => ({ path, code: `no answer within ${ANSWER_PATIENCE_MS / 1000} s` }));
}

import { lstatSync, realpathSync } from 'node:fs';
import { posix } from 'node:path';
import type { ResetNames } from './plan.ts';

/** Directories that an admin may have moved to another disk, with a link in their place. Nothing below them is followed. Pure. */
function tops({
  kubeletDir,
  dataDir,
  etcdDir,
  earlierEtcdDirs,
  podLogsDir,
  containerLogsDir,
}: ResetNames): readonly string[] {
  return [kubeletDir, dataDir, etcdDir, ...earlierEtcdDirs, podLogsDir, containerLogsDir];
}

/** The names with one of these directories where it really is. Pure. */
function moved(names: ResetNames, from: string, to: string): ResetNames {
  const at = (path: string): string => (path === from ? to : path);
  return {
    ...names,
    kubeletDir: at(names.kubeletDir),
    dataDir: at(names.dataDir),
    etcdDir: at(names.etcdDir),
    earlierEtcdDirs: names.earlierEtcdDirs.map(at),
    podLogsDir: at(names.podLogsDir),
    containerLogsDir: at(names.containerLogsDir),
    standing: [...names.standing, to, ...(from === names.kubeletDir ? [`${to}/pods`] : [])],
  };
}
/** The system itself is there: nothing is taken out of these, whoever has made a link to them. */
const SYSTEM =
  /^\/((bin|boot|dev|etc|lib\w*|proc|run|sbin|sys|usr|var)?|(usr|etc)\/[^/]+|var\/(backups|cache|lib|local|lock|log|mail|opt|run|spool|tmp))$/;
/** Tops of disks and homes, in which anybody may have anything. */
const SHARED = /^\/((home|media|mnt|opt|root|srv|tmp)|(var|home)\/[^/]+)$/;

/**
 * Whose a directory is that a link in the place of one of ours leads to: the `system`'s, which is never entered; `shared`, like the top of a disk, out of which names alone are taken
 * that nobody else gives; or `own`, which somebody has made for it. Pure.
 */
export function ownerOfTarget(real: string): 'system' | 'shared' | 'own' {
  if (SYSTEM.test(real)) return 'system';
  return SHARED.test(real) ? 'shared' : 'own';
}

/** Where a link leads; undefined for what is none, or leads nowhere. */
export function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? realpathSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The names with the real places of directories that a link above them leads to (`/var/lib` on another disk): mounts are known by those alone. Whose directories they are does not
 * change by that. Pure but for `leadsTo`.
 */
export function withRealParents(names: ResetNames, leadsTo: (path: string) => string): ResetNames {
  let result = names;
  for (const written of tops(names)) {
    const real = posix.join(leadsTo(posix.dirname(written)), posix.basename(written));
    if (real === written) continue;
    result = { ...moved(result, written, real), realOf: { ...result.realOf, [written]: real } };
  }
  return result;
}

/**
 * The names with every other name of the files for an etcd of somebody else: they may be named by a link, or be in a directory of ours that is one, and are left all the same. Pure but
 * for `leadsTo`.
 */
export function withRealEtcdFiles(names: ResetNames, leadsTo: (path: string) => string): ResetNames {
  const { pkiDir, earlierPkiDirs, kubernetesDir, etcdFiles } = names;
  const files = etcdFiles.flatMap(path => [
    path,
    leadsTo(path),
    posix.join(leadsTo(posix.dirname(path)), posix.basename(path)),
  ]);
  const ofKeys = [pkiDir, ...earlierPkiDirs].flatMap(path => [path, `${path}/etcd`]);
  const here = [...ofKeys, kubernetesDir].flatMap(directory =>
    files
      .filter(path => posix.dirname(path) === leadsTo(directory))
      .map(path => posix.join(directory, posix.basename(path))),
  );
  return { ...names, etcdFiles: [...new Set([...files, ...here])] };
}

/**
 * The names with the real places of directories that are links here: mounts are known by those, and what is emptied is there. The link was made by somebody, so it and
 * the directory stay. One that leads to a directory of the system is not entered. Pure but for `leadsTo`.
 */
export function withRealPlaces(names: ResetNames, leadsTo: (path: string) => string | undefined): ResetNames {
  let result = names;
  for (const link of tops(names)) {
    const real = leadsTo(link);
    if (real === undefined) continue;
    const owner = ownerOfTarget(real);
    if (owner === 'system') {
      const because = `it leads to ${real}, a directory of the system: what Gantry has made there is not looked for`;
      result = {
        ...result,
        linked: [...result.linked, link],
        unentered: [...result.unentered, { path: link, because }],
      };
      continue;
    }
    result = {
      ...moved(result, link, real),
      linked: [...result.linked, link, real],
      shared: owner === 'shared' ? [...result.shared, real] : result.shared,
    };
  }
  return result;
}

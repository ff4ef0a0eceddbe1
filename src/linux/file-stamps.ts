import { statSync } from 'node:fs';

/**
 * What tells one state of files from another without reading them: which file each path leads to, its size, and when its contents, owner or mode changed last. Other files beside them
 * change nothing in it. One that cannot be looked at is as one that is not there.
 */
export function fileStamps(paths: readonly string[]): string {
  return paths.map(path => `${path} ${stampOf(path)}`).join('\n');
}

function stampOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${dev}:${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch {
    return '';
  }
}

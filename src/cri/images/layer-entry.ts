import { GantryError, invalidArgument } from '../../base/errors.ts';
import type { TarHeader } from './tar-reader.ts';

/** Path components from the layer's root; empty for the root itself. */
export type LayerPath = readonly string[];

/** What one tar entry means for the layer's directory (OCI image spec, layer.md: changesets). */
export type LayerEntry =
  | { readonly kind: 'make'; readonly path: LayerPath; readonly linkTo: LayerPath }
  | { readonly kind: 'whiteout'; readonly path: LayerPath }
  | { readonly kind: 'opaque'; readonly path: LayerPath }
  | { readonly kind: 'skip'; readonly because: string };

const WHITEOUT_PREFIX = '.wh.';
const OPAQUE_MARKER = '.wh..wh..opq';
const AUFS_PREFIX = '.wh..wh.';

/**
 * The components of a name in a layer. A leading slash means the layer's root, as every unpacker reads it. Throws `invalid-argument` when the
 * name climbs above the root or cannot be a file name.
 */
export function layerPath(name: string, what: string): LayerPath {
  const path: string[] = [];
  if (name.includes('\0')) throw invalidArgument(`${what} ${JSON.stringify(name)} holds a NUL byte`);
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') path.push(part);
    else if (path.pop() === undefined)
      throw invalidArgument(`${what} ${JSON.stringify(name)} points outside the root of the layer`);
  }
  return path;
}

/** Decides what an entry means. Throws `invalid-argument` for names, whiteouts and hard links that reach out of the layer. */
export function planEntry(header: TarHeader): LayerEntry {
  const path = layerPath(header.name, 'the entry');
  const base = path.at(-1) ?? '';
  const parent = path.slice(0, -1);
  if (base === OPAQUE_MARKER) return { kind: 'opaque', path: parent };
  if (base.startsWith(AUFS_PREFIX)) return { kind: 'skip', because: 'bookkeeping of aufs' };
  if (path.some(part => part.startsWith(AUFS_PREFIX))) return { kind: 'skip', because: 'bookkeeping of aufs' };
  if (base.startsWith(WHITEOUT_PREFIX)) {
    const hidden = base.slice(WHITEOUT_PREFIX.length);
    if (hidden === '' || hidden === '.' || hidden === '..')
      throw invalidArgument(`the whiteout ${JSON.stringify(header.name)} points outside its directory`);
    return { kind: 'whiteout', path: [...parent, hidden] };
  }
  if (path.length === 0 && header.type !== 'directory')
    throw invalidArgument(
      `the entry ${JSON.stringify(header.name)} would replace the root of the layer by a ${header.type}`,
    );
  if (header.type === 'symlink' && (header.linkName === '' || header.linkName.includes('\0')))
    throw invalidArgument(`the symbolic link ${JSON.stringify(header.name)} has no valid target`);
  const linkTo =
    header.type === 'hardlink' ? layerPath(header.linkName, `the hard link ${JSON.stringify(header.name)} to`) : [];
  if (header.type === 'hardlink' && linkTo.length === 0)
    throw invalidArgument(`the hard link ${JSON.stringify(header.name)} has no target`);
  return { kind: 'make', path, linkTo };
}

/** True for attributes that a layer may set. Those of `trusted.` steer overlayfs itself and those of other security modules belong to the host. */
export function isLayerXattr(name: string): boolean {
  if (name.startsWith('user.')) return !name.startsWith('user.overlay.');
  return name === 'security.capability' || name === 'system.posix_acl_access' || name === 'system.posix_acl_default';
}

/** How far compressed bytes may unpack: the configuration's `images.unpackRatio` and `images.unpackFreeBytes`. */
export interface UnpackLimits {
  readonly ratio: number;
  readonly freeBytes: number;
}

/** The most bytes that `compressedBytes` may unpack to: `ratio` times its size, and `freeBytes` in any case. */
export function unpackLimit(compressedBytes: number, limits: UnpackLimits): number {
  return Math.max(limits.freeBytes, limits.ratio * compressedBytes);
}

/** What is thrown when it unpacks to more. `what` names the thing that was compressed. */
export function decompressionBomb(what: string, compressedBytes: number, limit: number): GantryError {
  return new GantryError(
    'resource-exhausted',
    `${what} of ${compressedBytes} bytes unpacks to more than ${limit}, which is refused as a decompression bomb (images.unpackRatio and images.unpackFreeBytes in the configuration set the limit)`,
  );
}

import { invalidArgument } from '../../base/errors.ts';
import { expandSlice } from '../../linux/systemd-slice.ts';
import { cleanPath } from './mounts.ts';

/** Where a container goes when the request names no parent. */
const DEFAULT_PARENT = '/gantry';

/**
 * `linux.cgroupsPath` of a container. A parent that ends in `.slice` is the systemd driver's and gives `slice:gantry:id`; any other is a path from the root
 * of every hierarchy and gives `parent/id`. Throws `invalid-argument` for a parent that leads out of the root.
 */
export function cgroupsPath(parent: string, id: string): string {
  if (parent.endsWith('.slice')) {
    const slice = parent.slice(parent.lastIndexOf('/') + 1);
    return `${slice}:gantry:${id}`;
  }
  if (parent.split('/').includes('..')) throw invalidArgument(`cgroup parent "${parent}" may not contain ".."`);
  return cleanPath(`${parent === '' ? DEFAULT_PARENT : parent}/${id}`);
}

/**
 * The cgroup that systemd makes of `slice:prefix:name`, as a path from the root: every dash in a slice's name is a level
 * (`a-b.slice` lies in `a.slice`), and the container is a scope in it.
 */
export function systemdScopePath(path: string): string {
  const [slice = '', prefix = '', name = ''] = path.split(':');
  const parent = expandSlice(slice);
  if (parent === undefined) throw invalidArgument(`"${slice}" is not the name of a systemd slice`);
  return `${parent === '/' ? '' : parent}/${prefix}-${name}.scope`;
}

import type { Volume, VolumeMount } from '../types/gen/core-v1.ts';
import { amongIfSet, type FieldError, forbidden, invalid, notFound, required } from './field-error.ts';
import { descendingPath, noBacksteps } from './paths.ts';
import type { AnyContainer } from './pod-options.ts';

/** Where a container sees its volumes. `volumes` are those of the pod that are valid. */
export function validateMounts(
  container: AnyContainer,
  volumes: ReadonlyMap<string, Volume>,
  path: string,
): FieldError[] {
  const points = new Set<string>();
  // one path a name, the last: upstream looks them up in a map
  const devices = new Map((container.volumeDevices ?? []).map(device => [device.name, device.devicePath]));
  const devicePaths = new Set(devices.values());
  return (container.volumeMounts ?? []).flatMap((mount, index) => {
    const at = `${path}[${index}]`;
    const { name, mountPath, subPath = '', subPathExpr = '' } = mount;
    const errors: FieldError[] = [];
    if (name === '') errors.push(required(`${at}.name`));
    if (!volumes.has(name)) errors.push(notFound(`${at}.name`, name));
    if (mountPath === '') errors.push(required(`${at}.mountPath`));
    if (points.has(mountPath)) errors.push(invalid(`${at}.mountPath`, mountPath, 'must be unique'));
    points.add(mountPath);
    if (devices.has(name)) errors.push(invalid(`${at}.name`, name, 'must not already exist in volumeDevices'));
    if (devicePaths.has(mountPath))
      errors.push(invalid(`${at}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices'));
    // Some of upstream's paths name the list here, not the place in it.
    if (subPath !== '') errors.push(...descendingPath(subPath, `${path}.subPath`));
    if (subPathExpr !== '') {
      if (subPath !== '')
        errors.push(invalid(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
      errors.push(...descendingPath(subPathExpr, `${path}.subPathExpr`));
    }
    return [...errors, ...mountOptions(container, mount, path)];
  });
}

function mountOptions(container: AnyContainer, mount: VolumeMount, path: string): FieldError[] {
  const { mountPropagation, recursiveReadOnly } = mount;
  const errors = amongIfSet(`${path}.mountPropagation`, mountPropagation, ['Bidirectional', 'HostToContainer', 'None']);
  if (mountPropagation === 'Bidirectional' && container.securityContext?.privileged !== true)
    errors.push(
      forbidden(
        `${path}.mountPropagation`,
        'Bidirectional mount propagation is available only to privileged containers',
      ),
    );
  const at = `${path}.recursiveReadOnly`;
  errors.push(...amongIfSet(at, recursiveReadOnly, ['Disabled', 'Enabled', 'IfPossible']));
  if (recursiveReadOnly !== 'Enabled' && recursiveReadOnly !== 'IfPossible') return errors;
  if (mount.readOnly !== true) errors.push(forbidden(at, 'may only be specified when readOnly is true'));
  if (mountPropagation !== undefined && mountPropagation !== 'None')
    errors.push(forbidden(at, 'may only be specified when mountPropagation is None or not specified'));
  return errors;
}

/** Raw block devices of a container: each of a claim, and not mounted as well. */
export function validateDevices(
  container: AnyContainer,
  volumes: ReadonlyMap<string, Volume>,
  path: string,
): FieldError[] {
  const names = new Set<string>();
  const paths = new Set<string>();
  // one path a name, the last: upstream looks them up in a map
  const mounts = new Map((container.volumeMounts ?? []).map(mount => [mount.name, mount.mountPath]));
  const mountPaths = new Set(mounts.values());
  return (container.volumeDevices ?? []).flatMap(({ name, devicePath }, index) => {
    const at = `${path}[${index}]`;
    const volume = volumes.get(name);
    const errors: FieldError[] = [];
    if (name === '') errors.push(required(`${at}.name`));
    if (names.has(name)) errors.push(invalid(`${at}.name`, name, 'must be unique'));
    if (volume === undefined) errors.push(notFound(`${at}.name`, name));
    else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined)
      errors.push(
        invalid(
          `${at}.name`,
          name,
          'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
        ),
      );
    if (devicePath === '') errors.push(required(`${at}.devicePath`));
    if (paths.has(devicePath)) errors.push(invalid(`${at}.devicePath`, devicePath, 'must be unique'));
    if (noBacksteps(devicePath, '').length > 0)
      errors.push(invalid(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')"));
    else paths.add(devicePath);
    if (mounts.has(name)) errors.push(invalid(`${at}.name`, name, 'must not already exist in volumeMounts'));
    if (mountPaths.has(devicePath))
      errors.push(invalid(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts'));
    if (name !== '') names.add(name);
    return errors;
  });
}

import type { PersistentVolume, PersistentVolumeClaim } from '../../api/types/gen/core-v1.ts';
import type { VolumeAttributesClass } from '../../api/types/gen/storage-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import { SETTLED } from '../../base/outcome.ts';
import type { ApiObject, ResourceId } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, VOLUME_ATTRIBUTES_CLASSES } from '../resources.ts';
import { attributesClassesOf, isHeld, isUnprotected, protectedObject } from './plan.ts';

/** Volumes stay, once deleted, until no claim is bound to them. */
export const volumeProtectionController: ControllerRow = {
  name: 'persistentvolume-protection-controller',
  alias: 'pv-protection',
  inputs: [PERSISTENT_VOLUMES],
  outputs: [PERSISTENT_VOLUMES],
  workers: 1,
  make(parts) {
    // a volume that is let go tells so itself
    return protect<PersistentVolume>(parts, {
      name: this.name,
      id: PERSISTENT_VOLUMES,
      finalizer: 'kubernetes.io/pv-protection',
      isUsed: ({ status }) => status.phase === 'Bound',
    });
  },
};

/** Classes of attributes stay, once deleted, until no volume and no claim names them. */
export const attributesClassProtectionController: ControllerRow = {
  name: 'volumeattributesclass-protection-controller',
  inputs: [VOLUME_ATTRIBUTES_CLASSES, PERSISTENT_VOLUMES, PERSISTENT_VOLUME_CLAIMS],
  outputs: [VOLUME_ATTRIBUTES_CLASSES],
  workers: 1,
  make(parts) {
    const claims = parts.informed<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS);
    const volumes = parts.informed<PersistentVolume>(PERSISTENT_VOLUMES);
    const usesOf = [
      follow(parts, claims, attributesClassesOf),
      follow(parts, volumes, ({ spec }) =>
        (spec.volumeAttributesClassName ?? '') === '' ? [] : [spec.volumeAttributesClassName ?? ''],
      ),
    ];
    return protect<VolumeAttributesClass>(parts, {
      name: this.name,
      id: VOLUME_ATTRIBUTES_CLASSES,
      finalizer: 'kubernetes.io/vac-protection',
      isUsed: ({ metadata }) => usesOf.some(uses => uses(metadata.name ?? '') > 0),
    });
  },
};

const BY_CLASS = 'volume attributes class';

/** Looks at a class when an object names it no more. Returns how many objects name it. */
function follow<T extends ApiObject>(
  parts: ControllerParts,
  { store, onChange }: Informed<T>,
  classesOf: (object: T) => readonly string[],
): (name: string) => number {
  store.addIndex(BY_CLASS, classesOf);
  onChange(({ before, after }) => {
    const still = new Set(after === undefined ? [] : classesOf(after));
    for (const name of before === undefined ? [] : classesOf(before)) if (!still.has(name)) parts.enqueue(name);
  });
  return name => store.byIndex(BY_CLASS, name).length;
}

interface Protection<T> {
  readonly name: string;
  readonly id: ResourceId;
  readonly finalizer: string;
  readonly isUsed: (object: T) => boolean;
}

function protect<T extends ApiObject>(
  parts: ControllerParts,
  { name, id, finalizer, isUsed }: Protection<T>,
): ReturnType<ControllerRow['make']> {
  const objects = parts.informed<T>(id);
  const writer = parts.client<T>(id);
  objects.onChange(({ key, after }) => {
    if (after !== undefined && (isHeld(after, finalizer) || isUnprotected(after, finalizer))) parts.enqueue(key);
  });
  return {
    name,
    async reconcile(key, signal) {
      const object = objects.store.getByKey(key);
      const wanted = object === undefined ? undefined : protectedObject(object, finalizer, isUsed(object));
      if (wanted !== undefined)
        await writer.update(wanted, signal).catch(error => {
          if (!isNotFound(error)) throw error;
        });
      return SETTLED;
    },
  };
}

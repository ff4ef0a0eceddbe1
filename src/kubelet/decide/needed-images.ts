import type { Container, PodSpec } from '../../api/types/gen/core-v1.ts';

/** An image that must be here before a container can start: its own, or that of a volume which it mounts. A container is its own. */
export type NeededImage = Pick<Container, 'name' | 'image' | 'imagePullPolicy'>;

/** The container for which an image is needed: `main` of `main` and of `main/model`, the image of its volume `model`. Pure. */
export function containerOf(needed: NeededImage): string {
  const [container = ''] = needed.name.split('/');
  return container;
}

/** The image of a container's volume; undefined for a volume that is none or that the pod does not have. Pure. */
export function volumeImage(spec: PodSpec, container: Container, volume: string): NeededImage | undefined {
  const image = spec.volumes?.find(v => v.name === volume)?.image;
  if (image === undefined) return undefined;
  return { name: `${container.name}/${volume}`, image: image.reference ?? '', imagePullPolicy: image.pullPolicy };
}

/**
 * What a container needs, in upstream's order: the images of the volumes that it mounts, then its own. A volume that no container mounts is no reason to wait. Each
 * container asks for itself, so that a volume is pulled again by its policy when a container is started again. Pure.
 */
export function neededImages(spec: PodSpec, container: Container): readonly NeededImage[] {
  const volumes = [...new Set((container.volumeMounts ?? []).map(m => m.name))];
  return [...volumes.flatMap(name => volumeImage(spec, container, name) ?? []), container];
}

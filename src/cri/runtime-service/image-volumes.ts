import { errorMessage, failedPrecondition, GantryError, invalidArgument, notFound } from '../../base/errors.ts';
import type { Mount } from '../../rpc/cri-api.ts';
import type { RuntimeServiceContext } from './context.ts';
import { layerIds } from './pod-ids.ts';

/** By this word at the start of a message a kubelet tells the failure of an image volume from others. */
const REASON = 'ImageVolumeMountFailed';

/**
 * The mounts of a request with the images of image volumes looked up: `image_ref` is the id of the image that is to be mounted, as ContainerStatus shows it.
 * Throws, with the container path, for one that is not here or that contradicts itself. A sub-path beside a host path means nothing: kubelets send both.
 */
export function lookUpImageVolumes(ctx: RuntimeServiceContext, mounts: readonly Mount[]): Mount[] {
  return mounts.map(mount => {
    const { image, containerPath } = mount;
    if (image === undefined) return mount;
    const where = `${REASON}: mount ${containerPath}`;
    if (mount.hostPath !== '') throw invalidArgument(`${where}: host_path must be empty where image is set`);
    if (!mount.readonly) throw invalidArgument(`${where}: readonly must be true where image is set`);
    if (image.image === '') throw invalidArgument(`${where}: image.image is empty`);
    if (mount.imageSubPath.startsWith('/') || mount.imageSubPath.split('/').includes('..'))
      throw invalidArgument(`${where}: image_sub_path "${mount.imageSubPath}" must be relative and without ".."`);
    const found = ctx.images.resolve(image.image);
    if (found === undefined)
      throw notFound(`${where}: failed to resolve image "${image.image}": it is not here, pull it first`);
    return { ...mount, image: { ...image, imageRef: found.id } };
  });
}

/** The ids of the images that mounts show, each once. Pure. */
export function volumeImageIds(mounts: readonly Mount[]): readonly string[] {
  return [...new Set(mounts.flatMap(m => m.image?.imageRef ?? []))];
}

/**
 * Mounts the images of looked-up mounts, each at a place of its own below the container's bundle, and returns the mounts with that place, or the directory
 * in it that the sub-path names, as their source; in a pod with a user namespace of its own they show its ids already. What was mounted before a throw goes with the container.
 */
export function mountImageVolumes(
  ctx: RuntimeServiceContext,
  id: string,
  mounts: readonly Mount[],
  usernsPath: string | undefined,
): Mount[] {
  const { node, images, paths } = ctx;
  return mounts.map((mount, index) => {
    if (mount.image === undefined) return mount;
    const target = `${paths.imageVolumes(id)}/${index}`;
    try {
      node.mountReadOnlyOverlay({
        lowerDirs: images.layerDirs(mount.image.imageRef),
        target,
        idmapped: layerIds(ctx, id, usernsPath),
      });
      const source = mount.imageSubPath === '' ? target : node.directoryInRoot(target, mount.imageSubPath);
      if (source === undefined)
        throw failedPrecondition(
          `image_sub_path "${mount.imageSubPath}" is no directory in image "${mount.image.userSpecifiedImage || mount.image.image}"`,
        );
      return { ...mount, image: undefined, hostPath: source, uidMappings: [], gidMappings: [] };
    } catch (error) {
      throw new GantryError(
        error instanceof GantryError ? error.code : 'internal',
        `${REASON}: mount ${mount.containerPath}: ${errorMessage(error)}`,
        { cause: error },
      );
    }
  });
}

/** Takes away what mountImageVolumes made; the directories go with the bundle. Safe to repeat. */
export function unmountImageVolumes(ctx: RuntimeServiceContext, id: string): void {
  ctx.node.unmountIn(ctx.paths.imageVolumes(id));
}

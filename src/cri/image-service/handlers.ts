import type { DirectoryUsage } from '../../linux/directory-usage.ts';
import type { ImagesService } from '../../rpc/gen/gantry/images/v1/images.ts';
import type { ImageServiceService } from '../../rpc/gen/runtime/v1/services.ts';
import type { Handlers } from '../../rpc/service.ts';
import { streamed } from '../../rpc/streamed-list.ts';
import type { Images } from '../images/image-store.ts';
import { imageFsInfo } from './image-fs-info.ts';
import { imageStatus } from './image-status.ts';
import { importImages } from './import-images.ts';
import { listImages } from './list-images.ts';
import { pullImage } from './pull-image.ts';
import { pullWithProgress } from './pull-with-progress.ts';
import { removeImage } from './remove-image.ts';

/** runtime.v1.ImageService over a store. `writableLayers` is what containers have written. */
export function imageServiceHandlers(
  images: Images,
  writableLayers: () => DirectoryUsage,
): Handlers<typeof ImageServiceService> {
  return {
    listImages: async request => listImages(images, request),
    streamImages: request =>
      streamed(
        async () => listImages(images, request).images,
        found => ({ images: found }),
      ),
    imageStatus: async request => imageStatus(images, request),
    pullImage: (request, { signal }) => pullImage(images, request, signal),
    removeImage: request => removeImage(images, request),
    imageFsInfo: () => imageFsInfo(images, writableLayers, Date.now()),
  };
}

/** gantry.images.v1.Images over a store. */
export function imageImportHandlers(images: Images): Handlers<typeof ImagesService> {
  return {
    import: (request, { signal }) => importImages(images, request, signal),
    pull: (request, { signal }) => pullWithProgress(images, request, signal),
  };
}

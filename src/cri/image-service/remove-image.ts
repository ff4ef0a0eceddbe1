import { invalidArgument } from '../../base/errors.ts';
import type { RemoveImageRequest, RemoveImageResponse } from '../../rpc/cri-api.ts';
import type { Images } from '../images/image-store.ts';

/** Removes an image with all its names, by any of them or by id. Idempotent: one that is not here is fine. */
export async function removeImage(images: Images, request: RemoveImageRequest): Promise<RemoveImageResponse> {
  const wanted = request.image?.image ?? '';
  if (wanted === '') throw invalidArgument('image.image is empty: name an image or give an id');
  await images.remove(wanted);
  return {};
}

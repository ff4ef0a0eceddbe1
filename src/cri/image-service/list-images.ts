import type { ListImagesRequest, ListImagesResponse } from '../../rpc/cri-api.ts';
import type { Images } from '../images/image-store.ts';
import { imageMessage } from './image-message.ts';

/** All images, or the one that the filter names (none when it is not here). Reads memory only. */
export function listImages(images: Images, request: ListImagesRequest): ListImagesResponse {
  const wanted = request.filter?.image?.image ?? '';
  if (wanted === '') return { images: images.list().map(imageMessage) };
  const found = images.resolve(wanted);
  return { images: found === undefined ? [] : [imageMessage(found)] };
}

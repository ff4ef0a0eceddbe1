import { invalidArgument } from '../../base/errors.ts';
import type { ImageStatusRequest, ImageStatusResponse } from '../../rpc/cri-api.ts';
import type { Images } from '../images/image-store.ts';
import { imageMessage } from './image-message.ts';

/** One image by id or name. An unknown one is no error: the answer has no image then. `verbose` adds the image's config as JSON. */
export function imageStatus(images: Images, request: ImageStatusRequest): ImageStatusResponse {
  const wanted = request.image?.image ?? '';
  if (wanted === '') throw invalidArgument('image.image is empty: name an image or give an id');
  const record = images.resolve(wanted);
  if (record === undefined) return { image: undefined, info: {} };
  const info: Record<string, string> = {};
  if (request.verbose)
    info['info'] = JSON.stringify({ imageSpec: JSON.parse(images.configJson(record.id)) as unknown });
  return { image: imageMessage(record), info };
}

import type { PullProgress, PullRequest } from '../../rpc/gen/gantry/images/v1/images.ts';
import type { LayersProgress } from '../images/fetch-image.ts';
import type { Images } from '../images/image-store.ts';
import { pullRequested } from './pull-image.ts';
import { stepsOf } from './step-stream.ts';

/** The same as PullImage, and yields how far it is: of its layers at first and whenever that has changed, the id of the image at last. */
export async function* pullWithProgress(
  images: Images,
  request: PullRequest,
  signal: AbortSignal,
): AsyncGenerator<PullProgress> {
  const steps = stepsOf<LayersProgress, string>(
    onStep => pullRequested(images, request.image, request.auth, signal, onStep),
    () => true,
  );
  let last: LayersProgress = { bytesDone: 0, bytesTotal: 0, layersDone: 0, layersTotal: 0 };
  for (;;) {
    const { done, value } = await steps.next();
    if (done === true) {
      yield message(last, value);
      return;
    }
    last = value;
    yield message(value, '');
  }
}

function message({ bytesDone, bytesTotal, layersDone, layersTotal }: LayersProgress, id: string): PullProgress {
  return { bytesDone: BigInt(bytesDone), bytesTotal: BigInt(bytesTotal), layersDone, layersTotal, id };
}

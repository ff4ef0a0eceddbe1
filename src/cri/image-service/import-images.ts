import { isAbsolute } from 'node:path';
import { invalidArgument } from '../../base/errors.ts';
import type { ImportProgress, ImportRequest } from '../../rpc/gen/gantry/images/v1/images.ts';
import type { Images } from '../images/image-store.ts';
import type { ImportedImage, ImportStep } from '../images/import-archive.ts';

/** Imports an archive of this machine; yields each step and how far it is, and what was imported with the last one. */
export async function* importImages(
  images: Images,
  request: ImportRequest,
  signal: AbortSignal,
): AsyncGenerator<ImportProgress> {
  if (!isAbsolute(request.path))
    throw invalidArgument(`path "${request.path}" must be absolute: it is read by the server`);
  const steps: ImportStep[] = [];
  let last: ImportStep = { message: '', bytesDone: 0, bytesTotal: 0 };
  let wake = (): void => {};
  let ended = false;
  const work = images
    .importArchive(
      request.path,
      request.reference,
      step => {
        // A client that reads slowly is told of each step once, with its newest figures.
        if (steps.at(-1)?.message === step.message) steps.pop();
        steps.push(step);
        wake();
      },
      signal,
    )
    .finally(() => {
      ended = true;
      wake();
    });
  work.catch(() => undefined);
  while (!ended || steps.length > 0) {
    const step = steps.shift();
    if (step !== undefined) {
      last = step;
      yield progress(step, []);
    } else if (!ended)
      await new Promise<void>(resolve => {
        wake = resolve;
      });
  }
  const imported = await work;
  yield progress({ ...last, message: `${imported.length} image(s) imported` }, imported);
}

function progress(step: ImportStep, images: readonly ImportedImage[]): ImportProgress {
  return { message: step.message, bytesDone: BigInt(step.bytesDone), bytesTotal: BigInt(step.bytesTotal), images };
}

import { isAbsolute } from 'node:path';
import { invalidArgument } from '../../base/errors.ts';
import type { ImportProgress, ImportRequest } from '../../rpc/gen/gantry/images/v1/images.ts';
import type { Images } from '../images/image-store.ts';
import type { ImportedImage, ImportStep } from '../images/import-archive.ts';
import { stepsOf } from './step-stream.ts';

/** Imports an archive of this machine; yields each step and how far it is, and what was imported with the last one. */
export async function* importImages(
  images: Images,
  request: ImportRequest,
  signal: AbortSignal,
): AsyncGenerator<ImportProgress> {
  if (!isAbsolute(request.path))
    throw invalidArgument(`path "${request.path}" must be absolute: it is read by the server`);
  const steps = stepsOf<ImportStep, readonly ImportedImage[]>(
    onStep => images.importArchive(request.path, request.reference, onStep, signal),
    (a, b) => a.message === b.message,
  );
  let last: ImportStep = { message: '', bytesDone: 0, bytesTotal: 0 };
  for (;;) {
    const { done, value } = await steps.next();
    if (done === true) {
      yield progress({ ...last, message: `${value.length} image(s) imported` }, value);
      return;
    }
    last = value;
    yield progress(value, []);
  }
}

function progress(step: ImportStep, images: readonly ImportedImage[]): ImportProgress {
  return { message: step.message, bytesDone: BigInt(step.bytesDone), bytesTotal: BigInt(step.bytesTotal), images };
}

import { isAbsolute } from 'node:path';
import { invalidArgument } from '../../base/errors.ts';
import type { ImportProgress, ImportRequest } from '../../rpc/gen/gantry/images/v1/images.ts';
import type { Images, ImportedImage } from '../images/image-store.ts';

/** Imports an archive of this machine; yields a line per step, and what was imported with the last one. */
export async function* importImages(
  images: Images,
  request: ImportRequest,
  signal: AbortSignal,
): AsyncGenerator<ImportProgress> {
  if (!isAbsolute(request.path))
    throw invalidArgument(`path "${request.path}" must be absolute: it is read by the server`);
  const lines: string[] = [];
  let wake = (): void => {};
  let ended = false;
  const work = images
    .importArchive(
      request.path,
      request.reference,
      line => {
        lines.push(line);
        wake();
      },
      signal,
    )
    .finally(() => {
      ended = true;
      wake();
    });
  work.catch(() => undefined);
  while (!ended || lines.length > 0) {
    const line = lines.shift();
    if (line !== undefined) yield progress(line, []);
    else if (!ended)
      await new Promise<void>(resolve => {
        wake = resolve;
      });
  }
  const imported = await work;
  yield progress(`${imported.length} image(s) imported`, imported);
}

function progress(message: string, images: readonly ImportedImage[]): ImportProgress {
  return { message, bytesDone: 0n, bytesTotal: 0n, images };
}

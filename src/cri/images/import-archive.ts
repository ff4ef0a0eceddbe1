import { rm } from 'node:fs/promises';
import { errorMessage, GantryError, invalidArgument } from '../../base/errors.ts';
import { openArchive } from './archive-files.ts';
import { type ArchivedImage, imagesOfArchive } from './archived-images.ts';
import type { LayersProgress } from './fetch-image.ts';
import type { UnpackLimits } from './layer-entry.ts';
import type { ImageRecord } from './ports.ts';
import { canonicalName, type ImageReference } from './reference.ts';

export interface ImportedImage {
  readonly id: string;
  readonly references: readonly string[];
}

/** How far an import is. The bytes are those of the layers of the image that `message` names; both are 0 before they are known. */
export interface ImportStep {
  readonly message: string;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

/** Brings one image of the archive into the store under these names. */
export type BringIn = (
  image: ArchivedImage,
  names: readonly ImageReference[],
  onProgress: (progress: LayersProgress) => void,
) => Promise<ImageRecord>;

/**
 * Imports every image of the archive at `path`, one after the other; `reference` names one that carries no name; `parse` reads names. `spool` is a path for the
 * plain form of a compressed archive, which `limits` bound, removed at the end. What was imported before a failure stays and is named in the error.
 */
export async function importArchive(
  path: string,
  reference: string,
  parse: (name: string) => ImageReference,
  spool: string,
  limits: UnpackLimits,
  bringIn: BringIn,
  onStep: (step: ImportStep) => void,
  signal: AbortSignal,
): Promise<readonly ImportedImage[]> {
  const given = reference === '' ? undefined : parse(reference);
  const imported: ImportedImage[] = [];
  try {
    onStep({ message: `reading ${path}`, bytesDone: 0, bytesTotal: 0 });
    const images = await imagesOfArchive(await openArchive(path, spool, limits, signal));
    const nameless = images.filter(i => i.names.length === 0).length;
    if (nameless > 1 || (nameless === 1 && given === undefined))
      throw invalidArgument(
        `${path} holds ${nameless} image(s) without a name: give one with --reference, and at most one such image per archive`,
      );
    for (const image of images) {
      const names = image.names.length > 0 ? image.names.map(parse) : given === undefined ? [] : [given];
      const references = names.map(canonicalName);
      let step: ImportStep = { message: `importing ${image.title}`, bytesDone: 0, bytesTotal: 0 };
      onStep(step);
      const record = await bringIn(image, names, ({ bytesDone, bytesTotal }) => {
        step = { ...step, bytesDone, bytesTotal };
        onStep(step);
      });
      imported.push({ id: record.id, references });
      onStep({ ...step, message: `imported ${references.join(', ')} as ${record.id}` });
    }
    return imported;
  } catch (error) {
    throw imported.length === 0
      ? error
      : new GantryError(
          error instanceof GantryError ? error.code : 'unknown',
          `${errorMessage(error)} (imported before that: ${imported.flatMap(i => i.references).join(', ')})`,
          { cause: error },
        );
  } finally {
    await rm(spool, { force: true });
  }
}

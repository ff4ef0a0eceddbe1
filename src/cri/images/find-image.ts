import type { StoredImage } from './image-records.ts';
import { canonicalName, parseReference, type ShortNames } from './reference.ts';

/**
 * The image that a reference means: a whole id (with or without `sha256:`), then a tag or digest reference, then a prefix of an id of 12 digits
 * or more that fits one image only. Undefined when there is none.
 */
export function findImage(
  images: readonly StoredImage[],
  reference: string,
  shortNames?: ShortNames,
): StoredImage | undefined {
  const id = /^(?:sha256:)?([a-f0-9]{64})$/.exec(reference)?.[1];
  if (id !== undefined) return images.find(i => i.id === `sha256:${id}`);
  const name = nameOf(reference, shortNames);
  const named =
    name === undefined ? undefined : images.find(i => i.repoTags.includes(name) || i.repoDigests.includes(name));
  if (named !== undefined) return named;
  const prefix = /^(?:sha256:)?([a-f0-9]{12,63})$/.exec(reference)?.[1];
  const matches = prefix === undefined ? [] : images.filter(i => i.id.startsWith(`sha256:${prefix}`));
  return matches.length === 1 ? matches[0] : undefined;
}

function nameOf(reference: string, shortNames: ShortNames | undefined): string | undefined {
  try {
    return canonicalName(parseReference(reference, shortNames));
  } catch {
    return undefined;
  }
}

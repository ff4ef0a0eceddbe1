import { errorMessage, invalidArgument } from '../../base/errors.ts';
import { canonicalName, parseReference, type ShortNames } from './reference.ts';

/**
 * Whether an image with these full names is one of those that a kubelet shall leave here, by patterns of names: `*` stands for any characters, also none and
 * also `/`; a pattern without it is a reference in its short or long form. Pure. Throws `invalid-argument`, with the pattern, for one that fits no name.
 */
export function pinnedImages(
  patterns: readonly string[],
  shortNames?: ShortNames,
): (names: readonly string[]) => boolean {
  const expressions = patterns.map(pattern => expressionOf(pattern, shortNames));
  return names => names.some(name => expressions.some(e => e.test(name)));
}

function expressionOf(pattern: string, shortNames: ShortNames | undefined): RegExp {
  const text = pattern.includes('*') ? pattern : nameOf(pattern, shortNames);
  return new RegExp(`^${text.split('*').map(escaped).join('.*')}$`);
}

function nameOf(pattern: string, shortNames: ShortNames | undefined): string {
  try {
    return canonicalName(parseReference(pattern, shortNames));
  } catch (error) {
    throw invalidArgument(`images.pinned: ${errorMessage(error)}`, { cause: error });
  }
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

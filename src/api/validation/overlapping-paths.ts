import { trimEnd } from '../../base/trim-end.ts';
import { goQuote } from '../go-quote.ts';
import type { Volume, VolumeProjection } from '../types/gen/core-v1.ts';

/** A file that a volume is to have, and where it comes from (empty where the volume has one source). */
interface Placed {
  readonly file: string;
  readonly source: string;
}

/** Files of one volume of which one hides the other, or takes the other for a directory. */
export function overlapWarnings(volumes: readonly Volume[] | undefined): string[] {
  return (volumes ?? []).flatMap(volume => {
    const { name, configMap, secret, downwardAPI, projected } = volume;
    const tell = (what: string, files: readonly Placed[]): string[] =>
      overlaps(files).map(text => `volume ${goQuote(name)} (${what}): overlapping paths: ${text}`);
    return [
      ...(configMap === undefined
        ? []
        : tell(`ConfigMap ${goQuote(configMap.name ?? '')}`, placed(configMap.items, ''))),
      ...(secret === undefined ? [] : tell(`Secret ${goQuote(secret.secretName ?? '')}`, placed(secret.items, ''))),
      ...(downwardAPI === undefined ? [] : tell('DownwardAPI', placed(downwardAPI.items, ''))),
      ...(projected === undefined
        ? []
        : [
            ...projected.sources
              .filter(source => Object.values(source).every(value => value === undefined))
              .map(() => `volume ${goQuote(name)} (Projected) has no sources provided`),
            ...tell('Projected', projected.sources.flatMap(ofSource)),
          ]),
    ];
  });
}

function placed(items: readonly { readonly path: string }[] | undefined, source: string): Placed[] {
  return (items ?? []).map(({ path }) => ({ file: path, source }));
}

function ofSource({ configMap, secret, downwardAPI, serviceAccountToken }: VolumeProjection): Placed[] {
  if (configMap?.items !== undefined) return placed(configMap.items, `ConfigMap ${goQuote(configMap.name ?? '')}`);
  if (secret?.items !== undefined) return placed(secret.items, `Secret ${goQuote(secret.name ?? '')}`);
  if (downwardAPI?.items !== undefined) return placed(downwardAPI.items, 'DownwardAPI');
  return serviceAccountToken === undefined ? [] : placed([serviceAccountToken], 'ServiceAccountToken');
}

/** Pairs that are told of: more than the warnings of one answer have room for. */
const MOST_PAIRS = 1000;

/** Each pair once, the later of both first. Sorted, so that time grows with the files and not with their square: a pod can name a hundred thousand. */
function overlaps(files: readonly Placed[]): string[] {
  const sorted = files
    .map(({ file, source }, index) => ({ file: trimEnd(file, '/'), source, index }))
    .filter(({ file }) => file !== '')
    .map(each => ({ ...each, key: `${each.file}/` }))
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.index - b.index));
  type File = (typeof sorted)[number];
  const pairs: (readonly [later: File, earlier: File])[] = [];
  // what each one lies in, the outermost first
  const around: File[] = [];
  for (const file of sorted) {
    while (around.length > 0 && !file.key.startsWith(around.at(-1)?.key ?? '')) around.pop();
    for (const other of around.slice(0, MOST_PAIRS - pairs.length))
      pairs.push(file.index > other.index ? [file, other] : [other, file]);
    if (pairs.length >= MOST_PAIRS) break;
    around.push(file);
  }
  return pairs
    .toSorted(([a, b], [c, d]) => a.index - c.index || b.index - d.index)
    .map(([later, earlier]) => `${shown(later)} with ${shown(earlier)}`);
}

function shown({ file, source }: Placed): string {
  return source === '' ? goQuote(file) : `${goQuote(file)} (${source})`;
}

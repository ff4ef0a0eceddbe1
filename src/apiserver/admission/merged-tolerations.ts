import type { Toleration } from '../../api/types/gen/core-v1.ts';

/**
 * Tolerations without those that another one covers; of equal ones the first stays, of those that cover each other the last. The work
 * grows with their number and not with its square: a pod may have hundreds of thousands, and its rules are looked at only after this.
 */
export function mergedTolerations(tolerations: readonly Toleration[]): readonly Toleration[] {
  const all = tolerations.map(entryOf);
  const later = new Covering();
  const isCoveredLater = new Set<Entry>();
  for (const entry of all.toReversed()) {
    if (later.covers(entry, other => other.text !== entry.text)) isCoveredLater.add(entry);
    later.add(entry);
  }
  const merged = new Covering();
  const texts = new Set<string>();
  return all.flatMap(entry => {
    if (texts.has(entry.text) || isCoveredLater.has(entry) || merged.covers(entry, () => true)) return [];
    texts.add(entry.text);
    merged.add(entry);
    return [entry.toleration];
  });
}

/** A toleration with what is compared of it. */
interface Entry {
  readonly toleration: Toleration;
  /** Equal for equal tolerations. */
  readonly text: string;
  /** For how long it holds, in seconds. */
  readonly seconds: number;
  /** For how long those may hold that it covers. */
  readonly reach: number;
  /** What it has in common with those that it covers; undefined where it covers none but its equals. */
  readonly place: string | undefined;
  /** The places of those that may cover it. */
  readonly above: readonly string[];
}

function entryOf(toleration: Toleration): Entry {
  const { key = '', operator = '', value = '', effect = '', tolerationSeconds } = toleration;
  const seconds = tolerationSeconds ?? Number.POSITIVE_INFINITY;
  const isValued = operator === 'Equal' || operator === '';
  const named = textOf([key]);
  const valued = textOf([key, value]);
  // Without an effect all are meant, without a key every one.
  const wider = [named, textOf(['']), ...(operator === 'Equal' ? [valued] : [])];
  return {
    toleration,
    text: textOf([key, operator, value, effect, String(tolerationSeconds)]),
    seconds,
    // An end counts for NoExecute alone.
    reach: effect === 'NoExecute' ? seconds : Number.POSITIVE_INFINITY,
    place: operator === 'Exists' ? named + effect : isValued ? valued + effect : undefined,
    above: effect === '' ? wider : [...wider, ...wider.map(each => each + effect)],
  };
}

/** Some texts as one, which no others give. */
function textOf(parts: readonly string[]): string {
  return parts
    .map(part => `${part.length} ${part}`)
    .join(' ')
    .concat(' ');
}

/** Finds whether one of some tolerations covers another: of those with one place it keeps the two that reach furthest. */
class Covering {
  readonly #furthest = new Map<string, readonly Entry[]>();

  add(entry: Entry): void {
    const { place, reach, text } = entry;
    if (place === undefined) return;
    const [first, second] = this.#furthest.get(place) ?? [];
    if (first === undefined) this.#furthest.set(place, [entry]);
    else if (first.text === text || second?.text === text) return;
    else if (reach > first.reach) this.#furthest.set(place, [entry, first]);
    else if (second === undefined || reach > second.reach) this.#furthest.set(place, [first, entry]);
  }

  covers({ above, seconds }: Entry, counts: (other: Entry) => boolean): boolean {
    return above.some(
      place => this.#furthest.get(place)?.some(other => counts(other) && seconds <= other.reach) === true,
    );
  }
}

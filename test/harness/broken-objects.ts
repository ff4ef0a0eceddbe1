import { randomUUID } from 'node:crypto';
import { decodeValue } from '../../src/api/decode/json/decode-json.ts';
import { builtinTable } from '../../src/api/schema/builtin.ts';
import type { Random } from './random.ts';

// biome-ignore lint/suspicious/noExplicitAny: what is broken has no type
type Any = any;

/** What a part may be replaced by: nothing, or what its type takes and its validation would not. */
const NONSENSE: readonly [unknown, ...unknown[]] = [
  null,
  0,
  -1,
  2 ** 31 - 1,
  '',
  'Non sense%',
  true,
  false,
  [],
  {},
  [null],
  [{}],
];

/** Ways in which somebody who writes past the API server breaks an object. Each is given a copy of its own. */
const WAYS: readonly ((object: Any, random: Random) => unknown)[] = [
  ({ spec: _, ...rest }) => rest,
  ({ status: _, ...rest }) => rest,
  object => ({ ...object, spec: null, status: null }),
  object => ({ ...object, metadata: { ...object.metadata, labels: null, ownerReferences: [null] } }),
  object => ({ ...object, metadata: { ...object.metadata, ownerReferences: [{ controller: true }, {}] } }),
  object => ({ ...object, metadata: { ...object.metadata, creationTimestamp: null, generation: -1 } }),
  object => ({ ...object, spec: { ...object.spec, selector: { matchExpressions: [{ key: '%', operator: 'Of' }] } } }),
  object => ({ ...object, spec: { ...object.spec, template: null } }),
  object => ({ ...object, spec: { ...object.spec, schedule: '61 * * *', timeZone: 'Nowhere/None' } }),
];
/** How many of its parts are replaced by nonsense one after the other, at random. */
const RANDOM_BREAKS = 14;

/**
 * Broken copies of an object, each under a name of its own, that can still be decoded: what cannot be is refused by the API server, as upstream's does. The same
 * seed gives the same.
 */
export function brokenCopies(
  object: object,
  prefix: string,
  random: Random,
): { readonly name: string; readonly text: string }[] {
  const ways = [...WAYS, ...Array.from({ length: RANDOM_BREAKS }, () => replaceSomething)];
  return ways.flatMap((way, i) => {
    const name = `${prefix}-${i}`;
    const copy = structuredClone(object) as Any;
    const { resourceVersion: _, ...metadata } = copy.metadata;
    const uid = randomUUID();
    const named = { ...copy, metadata: { ...metadata, name, uid } };
    const broken = way(named, random) as Any;
    // what it is called must hold, or nobody would know what was broken
    const { namespace } = metadata;
    const identity = { name, uid, ...(namespace === undefined ? {} : { namespace }) };
    const { kind, apiVersion, metadata: given, ...rest } = broken;
    // in an order that is not the server's own, as whoever writes past it has it
    const whole = { metadata: { ...given, ...identity }, ...rest, apiVersion, kind };
    return canBeDecoded(whole) ? [{ name, text: JSON.stringify(whole) }] : [];
  });
}

function canBeDecoded({ apiVersion, kind, ...rest }: Any): boolean {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  try {
    decodeValue(builtinTable.struct(`${group.split('.')[0]}/${version}.${kind}`), { apiVersion, kind, ...rest });
    return true;
  } catch {
    return false;
  }
}

/** Some part of it, at any depth, becomes nonsense or goes. */
function replaceSomething(object: Any, random: Random): unknown {
  const places: (readonly [parent: Any, key: string])[] = [];
  const walk = (value: Any): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const key of Object.keys(value)) {
      if (value !== object || !['apiVersion', 'kind'].includes(key)) places.push([value, key]);
      walk(value[key]);
    }
  };
  walk(object);
  const [parent, key] = places[random.below(places.length)] ?? [{}, ''];
  parent[key] = random.pick(NONSENSE);
  return object;
}

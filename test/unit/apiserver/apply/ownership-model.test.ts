import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeValue } from '../../../../src/api/decode/json/decode-json.ts';
import { findResource } from '../../../../src/api/schema/resources/registry.ts';
import type { ManagedFieldsEntry } from '../../../../src/api/types/gen/meta-v1.ts';
import { parseFields } from '../../../../src/apiserver/apply/fields-v1.ts';
import { pathText } from '../../../../src/apiserver/apply/path-element.ts';
import { FieldTracker, trackedKind } from '../../../../src/apiserver/handlers/field-tracker.ts';
import { mergeConfig } from '../../../../src/apiserver/handlers/merge-config.ts';
import type { ApiObject } from '../../../../src/apiserver/resources/strategy.ts';

const configMaps = findResource('', 'v1', 'configmaps');
if (configMaps === undefined) throw new Error('config maps are not in the registry');
const tracker = new FieldTracker(trackedKind(configMaps), { fieldResets: [] });
const NOW = '2030-01-01T00:00:00Z';

/** What of an object the model knows: entries of maps, and elements of a set, by the text of their path. */
type Leaves = ReadonlyMap<string, string>;

const ENTRIES = ['data', 'labels', 'annotations'] as const;
const NAMES = ['a', 'b', 'c'];
const PATHS = {
  data: (name: string) => `.data.${name}`,
  labels: (name: string) => `.metadata.labels.${name}`,
  annotations: (name: string) => `.metadata.annotations.${name}`,
  finalizers: (name: string) => `.metadata.finalizers[="${name}/x"]`,
};
const ALL: readonly string[] = Object.values(PATHS).flatMap(path => NAMES.map(path));

/** One entry in each place that is always there: the maps and the list themselves neither come nor go, which the model knows nothing of. */
const ALWAYS = new Map(Object.values(PATHS).map(path => [path('z'), ''] as const));

/** The object that has these leaves and nothing else. */
function objectOf(leaves: Leaves): Record<string, unknown> {
  const entries = (kind: (typeof ENTRIES)[number]) =>
    Object.fromEntries(
      [...NAMES, 'z'].flatMap(name => {
        const value = leaves.get(PATHS[kind](name));
        return value === undefined ? [] : [[name, value]];
      }),
    );
  const finalizers = [...NAMES, 'z'].filter(name => leaves.has(PATHS.finalizers(name))).map(name => `${name}/x`);
  const metadata = { labels: entries('labels'), annotations: entries('annotations'), finalizers };
  const filled = Object.fromEntries(Object.entries(metadata).filter(([, value]) => Object.keys(value).length > 0));
  const data = entries('data');
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'x', ...filled },
    ...(Object.keys(data).length === 0 ? {} : { data }),
  };
}

function leavesOf(object: ApiObject): Leaves {
  const { metadata, data } = object as ApiObject & { readonly data?: Readonly<Record<string, string>> };
  const of = (kind: (typeof ENTRIES)[number], map: Readonly<Record<string, string>> = {}) =>
    Object.entries(map).map(([name, value]) => [PATHS[kind](name), value] as const);
  const all = [
    ...of('data', data),
    ...of('labels', metadata.labels),
    ...of('annotations', metadata.annotations),
    ...(metadata.finalizers ?? []).map(each => [PATHS.finalizers(each.slice(0, 1)), ''] as const),
  ];
  return new Map(all.filter(([path]) => ALL.includes(path)));
}

/** Who has which of the known paths. */
function ownersOf(entries: readonly ManagedFieldsEntry[] | undefined): Record<string, readonly string[]> {
  const owners: Record<string, readonly string[]> = {};
  for (const { manager = '', operation = '', fieldsV1 } of entries ?? []) {
    const paths = [...parseFields(fieldsV1).paths()].map(pathText).filter(path => ALL.includes(path));
    if (paths.length > 0) owners[`${manager} ${operation}`] = paths.sort();
  }
  return owners;
}

/** The rules of ownership as a person would tell them: no trees, no schema, one path after the other. */
class Model {
  leaves = new Map<string, string>();
  readonly owners = new Map<string, Set<string>>();

  update(who: string, next: Leaves): void {
    for (const path of ALL) {
      const value = next.get(path);
      if (value === this.leaves.get(path)) continue;
      for (const owned of this.owners.values()) owned.delete(path);
      if (value !== undefined) this.#owned(who).add(path);
    }
    this.leaves = new Map(next);
  }

  /** The paths that others have and that would change; nothing is done then unless by force. */
  apply(who: string, config: Leaves, force: boolean): readonly string[] {
    const others = [...this.owners].filter(([name]) => name !== who);
    const isOthers = (path: string): boolean => others.some(([, owned]) => owned.has(path));
    const changed = [...config].filter(([path, value]) => this.leaves.get(path) !== value).map(([path]) => path);
    const torn = changed.filter(isOthers);
    if (torn.length > 0 && !force) return torn.sort();
    for (const path of changed) for (const [, owned] of others) owned.delete(path);
    for (const path of this.#owned(who)) if (!config.has(path) && !isOthers(path)) this.leaves.delete(path);
    for (const [path, value] of config) this.leaves.set(path, value);
    this.owners.set(who, new Set(config.keys()));
    return [];
  }

  told(): Record<string, readonly string[]> {
    return Object.fromEntries(
      [...this.owners].filter(([, owned]) => owned.size > 0).map(([who, owned]) => [who, [...owned].sort()]),
    );
  }

  #owned(who: string): Set<string> {
    let owned = this.owners.get(who);
    if (owned === undefined) {
      owned = new Set();
      this.owners.set(who, owned);
    }
    return owned;
  }
}

const decode = (value: object): ApiObject => decodeValue(tracker.kind.type, value).object as unknown as ApiObject;

/** The object under test: written by the tracker alone. */
class Subject {
  object: ApiObject | undefined;

  update(manager: string, leaves: Leaves): void {
    const sent = decode(objectOf(new Map([...leaves, ...ALWAYS])));
    this.#store(tracker.track(this.object, sent, { manager, subresource: '', now: NOW }));
  }

  apply(manager: string, leaves: Leaves, force: boolean): readonly string[] {
    const value = objectOf(leaves);
    const config = { read: () => value, checkDuplicates: () => {} };
    try {
      this.#store(
        mergeConfig(tracker, this.object, config, { manager, subresource: '', now: NOW, force }, each => each),
      );
      return [];
    } catch (error) {
      const { details } = error as { readonly details?: { readonly causes?: readonly { readonly field?: string }[] } };
      if (details?.causes === undefined) throw error;
      return [...new Set(details.causes.map(({ field = '' }) => field))].sort();
    }
  }

  /** As stored and read again. */
  #store(object: ApiObject): void {
    this.object = { ...object, metadata: { ...object.metadata, uid: 'u' } };
  }
}

const leaves = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...ALL), fc.constantFrom('1', '2')), {
    selector: ([path]) => path,
    maxLength: 8,
  })
  .map(entries => new Map(entries.map(([path, value]) => [path, path.includes('finalizers') ? '' : value])));
const step = fc.record({
  what: fc.constantFrom('apply', 'apply', 'force', 'update'),
  who: fc.constantFrom('m1', 'm2', 'm3'),
  leaves,
});
const SEED = Number(process.env['GANTRY_SEED'] ?? 20261129);
const SOAK = process.env['GANTRY_SOAK'] === '1';
const OPTIONS = { seed: SEED, numRuns: SOAK ? 5000 : 100 };

describe(`ownership of fields beside a simple model of it (seed ${SEED}; GANTRY_SEED repeats it)`, {
  timeout: 600_000,
}, () => {
  it('has the same values, owners and conflicts after any steps', () => {
    fc.assert(
      fc.property(leaves, fc.array(step, { maxLength: 12 }), (first, steps) => {
        const [model, subject] = [new Model(), new Subject()];
        model.update('m0 Update', first);
        subject.update('m0', first);
        for (const { what, who, leaves: wanted } of steps) {
          const run = {
            update: () => [model.update(`${who} Update`, wanted), subject.update(who, wanted)] as const,
            apply: () => [model.apply(`${who} Apply`, wanted, false), subject.apply(who, wanted, false)] as const,
            force: () => [model.apply(`${who} Apply`, wanted, true), subject.apply(who, wanted, true)] as const,
          };
          const [expected, found] = run[what]();
          expect(found).toEqual(expected);
          const object = subject.object as ApiObject;
          expect([...leavesOf(object)].sort()).toEqual([...model.leaves].sort());
          expect(ownersOf(object.metadata.managedFields)).toEqual(model.told());
        }
      }),
      OPTIONS,
    );
  });

  it('does nothing the second time', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), leaves, (steps, wanted) => {
        const subject = new Subject();
        subject.update('m0', new Map([['.data.a', '1']]));
        for (const { who, leaves: each } of steps) subject.apply(who, each, true);
        subject.apply('m1', wanted, true);
        const once = JSON.stringify(subject.object);
        expect([subject.apply('m1', wanted, false), JSON.stringify(subject.object)]).toEqual([[], once]);
      }),
      OPTIONS,
    );
  });

  it('comes to the same whoever of those that want different things is first', () => {
    fc.assert(
      fc.property(leaves, wanted => {
        const [mine, others] = [new Map<string, string>(), new Map<string, string>()];
        for (const [i, [path, value]] of [...wanted].entries()) (i % 2 === 0 ? mine : others).set(path, value);
        const [one, two] = [new Subject(), new Subject()];
        for (const subject of [one, two]) subject.update('m0', new Map());
        one.apply('m1', mine, false);
        one.apply('m2', others, false);
        two.apply('m2', others, false);
        two.apply('m1', mine, false);
        const told = ({ object }: Subject) => {
          const { managedFields, finalizers, ...metadata } = (object as ApiObject).metadata;
          return [{ ...object, metadata }, [...(finalizers ?? [])].sort(), ownersOf(managedFields)];
        };
        expect(told(one)).toEqual(told(two));
      }),
      OPTIONS,
    );
  });

  it('leaves nothing of an applier that was alone and gives up everything', () => {
    fc.assert(
      fc.property(leaves, wanted => {
        const subject = new Subject();
        subject.apply('m1', wanted, false);
        subject.apply('m1', new Map(), false);
        const object = subject.object as ApiObject;
        expect([[...leavesOf(object)], object.metadata.managedFields]).toEqual([[], undefined]);
      }),
      OPTIONS,
    );
  });
});

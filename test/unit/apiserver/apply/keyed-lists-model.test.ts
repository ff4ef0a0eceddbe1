import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeValue } from '../../../../src/api/decode/json/decode-json.ts';
import { findResource } from '../../../../src/api/schema/resources/registry.ts';
import { parseFields } from '../../../../src/apiserver/apply/fields-v1.ts';
import { pathText } from '../../../../src/apiserver/apply/path-element.ts';
import { FieldTracker, trackedKind } from '../../../../src/apiserver/handlers/field-tracker.ts';
import { mergeConfig } from '../../../../src/apiserver/handlers/merge-config.ts';
import type { ApiObject } from '../../../../src/apiserver/resources/strategy.ts';

const SEED = Number(process.env['GANTRY_SEED'] ?? 20261129);
const SOAK = process.env['GANTRY_SOAK'] === '1';
const OPTIONS = { seed: SEED, numRuns: SOAK ? 3000 : 80 };

const podTemplates = findResource('', 'v1', 'podtemplates');
if (podTemplates === undefined) throw new Error('pod templates are not in the registry');
const tracker = new FieldTracker(trackedKind(podTemplates), { fieldResets: [] });
const write = (manager: string) => ({ manager, subresource: '', now: '2030-01-01T00:00:00Z' });

interface Port {
  readonly containerPort: number;
  readonly protocol?: string;
  readonly name?: string;
}
interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly configMapKeyRef: { readonly name: string; readonly key: string } };
}
interface Container {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly env?: readonly Variable[];
  readonly ports?: readonly Port[];
  readonly securityContext?: { readonly runAsUser?: number; readonly privileged?: boolean };
}
interface Spec {
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly containers?: readonly Container[];
}

/** An object as the model sees it: the text of each value and element by its path, and the order of the elements of each list. */
class Flat {
  readonly leaves = new Map<string, string>();
  readonly orders = new Map<string, string[]>();

  constructor({ nodeSelector, containers = [] }: Spec) {
    const spec = '.template.spec';
    this.#leaf(`${spec}.nodeSelector`, nodeSelector);
    for (const { name, image, command, env = [], ports = [], securityContext } of containers) {
      const at = this.#element(`${spec}.containers`, `[name="${name}"]`);
      this.#leaf(`${at}.name`, name);
      this.#leaf(`${at}.image`, image);
      this.#leaf(`${at}.command`, command);
      this.#leaf(`${at}.securityContext.runAsUser`, securityContext?.runAsUser);
      this.#leaf(`${at}.securityContext.privileged`, securityContext?.privileged);
      for (const { name: key, value, valueFrom } of env) {
        const variable = this.#element(`${at}.env`, `[name="${key}"]`);
        this.#leaf(`${variable}.name`, key);
        this.#leaf(`${variable}.value`, value);
        this.#leaf(`${variable}.valueFrom.configMapKeyRef`, valueFrom?.configMapKeyRef);
      }
      for (const { containerPort, protocol, name: called } of ports) {
        const port = this.#element(`${at}.ports`, `[containerPort=${containerPort},protocol="${protocol ?? 'TCP'}"]`);
        this.#leaf(`${port}.containerPort`, containerPort);
        this.#leaf(`${port}.protocol`, protocol);
        this.#leaf(`${port}.name`, called);
      }
    }
  }

  #leaf(path: string, value: unknown): void {
    if (value !== undefined) this.leaves.set(path, JSON.stringify(value));
  }

  #element(list: string, key: string): string {
    this.leaves.set(list + key, 'an element');
    this.orders.set(list, [...(this.orders.get(list) ?? []), list + key]);
    return list + key;
  }

  remove(path: string): void {
    for (const each of [...this.leaves.keys()])
      if (each === path || each.startsWith(`${path}.`)) this.leaves.delete(each);
    for (const [list, elements] of this.orders) {
      const kept = elements.filter(each => this.leaves.has(each));
      if (kept.length > 0) this.orders.set(list, kept);
      else this.orders.delete(list);
    }
  }
}

/** Up to each element that both have, in the order of the right one: first what the left one has alone before it, then what the right one has. */
function mergedOrder(left: readonly string[], right: readonly string[]): string[] {
  const order: string[] = [];
  let [l, r] = [left, right];
  const take = (lefts: number, rights: number): void => {
    order.push(...l.slice(0, lefts).filter(each => !right.includes(each)), ...r.slice(0, rights));
    [l, r] = [l.slice(lefts), r.slice(rights)];
  };
  for (const shared of right.filter(each => left.includes(each)))
    take(l.includes(shared) ? l.indexOf(shared) + 1 : l.length, r.indexOf(shared) + 1);
  take(l.length, r.length);
  return order;
}

/** The rules of ownership as a person would tell them: one path after the other. */
class Model {
  flat = new Flat({});
  readonly owners = new Map<string, Set<string>>();

  update(who: string, next: Flat): void {
    for (const path of new Set([...this.flat.leaves.keys(), ...next.leaves.keys()])) {
      const value = next.leaves.get(path);
      if (value === this.flat.leaves.get(path)) continue;
      for (const owned of this.owners.values()) owned.delete(path);
      if (value !== undefined) this.owners.set(who, new Set([...(this.owners.get(who) ?? []), path]));
    }
    this.flat = next;
  }

  /** The paths that others have and that would change; nothing is done then unless by force. */
  apply(who: string, config: Flat, force: boolean): readonly string[] {
    const others = [...this.owners].filter(([name]) => name !== who).map(([, owned]) => owned);
    const { leaves, orders } = this.flat;
    const changed = [...config.leaves].filter(([path, value]) => leaves.get(path) !== value).map(([path]) => path);
    const torn = changed.filter(path => others.some(owned => owned.has(path)));
    if (torn.length > 0 && !force) return torn.sort();
    for (const path of changed) for (const owned of others) owned.delete(path);
    for (const [path, value] of config.leaves) leaves.set(path, value);
    for (const [list, elements] of config.orders) orders.set(list, mergedOrder(orders.get(list) ?? [], elements));
    for (const path of this.owners.get(who) ?? [])
      if (!config.leaves.has(path) && !others.some(owned => owned.has(path))) this.flat.remove(path);
    for (const owned of others) for (const path of [...owned]) if (!leaves.has(path)) owned.delete(path);
    this.owners.set(who, new Set(config.leaves.keys()));
    return [];
  }

  told(): unknown {
    const owners = [...this.owners].filter(([, owned]) => owned.size > 0);
    return told(this.flat, Object.fromEntries(owners.map(([who, owned]) => [who, [...owned].sort()])));
  }
}

function told({ leaves, orders }: Flat, owners: Readonly<Record<string, readonly string[]>>): unknown {
  return { leaves: Object.fromEntries(leaves), orders: Object.fromEntries(orders), owners };
}

/** Lists, maps and structs that are no one value come and go with what is in them, and `resources` is always written: the model does not know them. */
const BETWEEN = /\.(template|spec|containers|env|ports|securityContext|valueFrom|resources)$/;
const isKnown = (path: string): boolean => path.startsWith('.template') && !BETWEEN.test(path);

const objectOf = (spec: Spec) => ({
  apiVersion: 'v1',
  kind: 'PodTemplate',
  metadata: { name: 'x' },
  ...(Object.keys(spec).length === 0 ? {} : { template: { spec } }),
});

/** The object under test: written by the tracker alone. */
class Subject {
  object: ApiObject | undefined;

  update(manager: string, spec: Spec): void {
    const sent = decodeValue(tracker.kind.type, objectOf(spec)).object as unknown as ApiObject;
    this.#store(tracker.track(this.object, sent, write(manager)));
  }

  apply(manager: string, spec: Spec, force: boolean): readonly string[] {
    const config = { read: () => objectOf(spec), checkDuplicates: () => {} };
    try {
      this.#store(mergeConfig(tracker, this.object, config, { ...write(manager), force }, each => each));
      return [];
    } catch (error) {
      const { details } = error as { readonly details?: { readonly causes?: readonly { readonly field?: string }[] } };
      if (details?.causes === undefined) throw error;
      return [...new Set(details.causes.map(({ field = '' }) => field))].filter(isKnown).sort();
    }
  }

  #store(object: ApiObject): void {
    this.object = { ...object, metadata: { ...object.metadata, uid: 'u' } };
  }

  told(): unknown {
    if (this.object === undefined) return told(new Flat({}), {});
    const { value } = tracker.versioned(this.object);
    const { template } = value as { readonly template?: { readonly spec?: Spec } };
    const owners: Record<string, readonly string[]> = {};
    for (const { manager = '', operation = '', fieldsV1 } of this.object.metadata.managedFields ?? []) {
      const paths = [...parseFields(fieldsV1).paths()].map(pathText).filter(isKnown);
      if (paths.length > 0) owners[`${manager} ${operation}`] = paths.sort();
    }
    return told(new Flat(template?.spec ?? {}), owners);
  }
}

const some = <T>(from: readonly T[]) => fc.constantFrom(...from);
const maybe = { requiredKeys: [] };
const listOf = <T>(item: fc.Arbitrary<T>, selector: (item: T) => unknown) =>
  fc.uniqueArray(item, { selector, minLength: 1, maxLength: 3 });
const variables: fc.Arbitrary<readonly Variable[]> = listOf(
  fc.record(
    {
      name: some(['A', 'B', 'C']),
      value: some(['1', '2']),
      valueFrom: fc.record({ configMapKeyRef: fc.record({ name: some(['m', 'n']), key: some(['k', 'l']) }) }),
    },
    { requiredKeys: ['name'] },
  ),
  ({ name }) => name,
);
const ports: fc.Arbitrary<readonly Port[]> = listOf(
  fc.record(
    { containerPort: some([80, 81]), protocol: some(['TCP', 'UDP']), name: some(['p', 'q']) },
    { requiredKeys: ['containerPort'] },
  ),
  ({ containerPort, protocol = 'TCP' }) => `${containerPort}/${protocol}`,
);
const security = fc
  .record({ runAsUser: some([1, 2]), privileged: fc.boolean() }, maybe)
  .filter(each => Object.keys(each).length > 0);
const containers: fc.Arbitrary<readonly Container[]> = listOf(
  fc.record(
    {
      name: some(['a', 'b', 'c']),
      image: some(['i', 'j']),
      command: some([['x'], ['x', 'y'], ['y', 'x']]),
      env: variables,
      ports,
      securityContext: security,
    },
    { requiredKeys: ['name'] },
  ),
  ({ name }) => name,
);
const specs: fc.Arbitrary<Spec> = fc.record(
  { nodeSelector: some([{ a: '1' }, { a: '1', b: '2' }]), containers },
  maybe,
);
const steps = fc.array(
  fc.record({
    what: some(['apply', 'apply', 'force', 'update'] as const),
    who: some(['m1', 'm2', 'm3']),
    spec: specs,
  }),
  { maxLength: 12 },
);

/** One container that is always there, so that the list itself neither comes nor goes. */
const always = (spec: Spec): Spec => ({ ...spec, containers: [...(spec.containers ?? []), { name: 'z', image: 'z' }] });

describe(`ownership in keyed lists beside a simple model of it (seed ${SEED}; GANTRY_SEED repeats it)`, {
  timeout: 600_000,
}, () => {
  it('has the same values, order of elements, owners and conflicts after any steps', () => {
    fc.assert(
      fc.property(specs, steps, (first, all) => {
        const [model, subject] = [new Model(), new Subject()];
        const update = (who: string, spec: Spec) => [
          model.update(`${who} Update`, new Flat(always(spec))),
          subject.update(who, always(spec)),
        ];
        const apply = (who: string, spec: Spec, force: boolean) => [
          model.apply(`${who} Apply`, new Flat(spec), force),
          subject.apply(who, spec, force),
        ];
        update('m0', first);
        for (const { what, who, spec } of all) {
          const run = {
            update: () => update(who, spec),
            apply: () => apply(who, spec, false),
            force: () => apply(who, spec, true),
          };
          const [expected, found] = run[what]();
          expect(found).toEqual(expected);
          expect(subject.told()).toEqual(model.told());
        }
      }),
      OPTIONS,
    );
  });
});

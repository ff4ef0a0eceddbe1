import { describe, expect, it } from 'vitest';
import { decodeValue } from '../../src/api/decode/json/decode-json.ts';
import { withResourceDefaults } from '../../src/api/defaults/resources.ts';
import { rootOf } from '../../src/api/openapi/operations.ts';
import { loadPackages } from '../../src/api/schema/packages.ts';
import { describedResources } from '../../src/apiserver/handlers/resource-map.ts';
import type { ApiObject } from '../../src/apiserver/resources/strategy.ts';
import { type LongField, longFields, longObject, type Variant } from '../harness/long-lists.ts';
import { MemoryApi } from '../harness/memory-api.ts';
import { seededRandom } from '../harness/random.ts';
import { SAMPLE_FOUNDATIONS, SHOP } from '../harness/sample-objects.ts';

/**
 * Every list and map of every kind with 20,000 elements, through everything that a server does with it: one event loop serves all clients, so a
 * check that compares each element with each other would have them wait for seconds. What counts is how the work grows, in CPU time of this
 * process: a slow or busy machine changes neither much.
 */

const SOAK = process.env['GANTRY_SOAK'] === '1';
const COUNT = 20_000;
/** Almost as many as a body may have, so that more is found wrong with them than a function takes arguments. */
const EMPTY_COUNT = 90_000;
/** What takes less than this is fast enough, however it grows: comparing each of 20,000 with each takes longer, and caches and garbage weigh less then. */
const FREE_MS = 300;
/** Linear work grows by 4 (by 8 where it leaves the caches), that of each with each by 16. */
const MAX_GROWTH = 10;
const TRIES = 4;

/** One object of a kind with some long lists, and how it is written. */
interface Case {
  readonly title: string;
  readonly fields: readonly [LongField, ...LongField[]];
  readonly variants: readonly Variant[];
  readonly writes: readonly Write[];
}

interface Write {
  readonly method: 'POST' | 'PUT' | 'PATCH';
  readonly subresource: string;
  /** The number of the first element of what is stored before; undefined where nothing is. */
  readonly stored: number | undefined;
}

await loadPackages();
const FIELDS = describedResources()
  .filter(row => row.storage !== undefined)
  .flatMap(longFields);
/** The same sample at every run: others are tried with GANTRY_SEED, all of them with GANTRY_SOAK. */
const random = seededRandom(Number(process.env['GANTRY_SEED'] ?? 1));

const CREATE: Write = { method: 'POST', subresource: '', stored: undefined };
const PUT_OTHERS: Write = { method: 'PUT', subresource: '', stored: COUNT };

/** Every way to write an object in which the field counts. */
function writesOf({ row, steps }: LongField): readonly Write[] {
  const inStatus = steps[0] === 'status';
  const subresources = row.subresources.filter(
    sub => sub.kind === row.kind && sub.verbs.includes('update') && (sub.name === 'status') === inStatus,
  );
  const puts = ['', ...subresources.map(sub => sub.name)].flatMap((subresource): Write[] => [
    { method: 'PUT', subresource, stored: 0 },
    { method: 'PUT', subresource, stored: COUNT },
  ]);
  return [CREATE, ...puts, { method: 'PATCH', subresource: inStatus ? 'status' : '', stored: COUNT }];
}

function variantsOf({ type }: LongField): readonly Variant[] {
  if (type.kind === 'list')
    return type.of.kind === 'struct' ? ['distinct', 'equal', 'full', 'empty'] : ['distinct', 'equal', 'empty'];
  return ['distinct', 'empty'];
}

/** What is in many kinds is tried in every way in the first of them, and in the others as it is created and replaced. */
function everyCase(): Case[] {
  const seen = new Set<string>();
  return FIELDS.map(field => {
    const shared = /(^metadata\.|(?<=^|\.)template\.).*$/.exec(field.path)?.[0] ?? '';
    const isKnown = seen.has(shared);
    if (shared !== '') seen.add(shared);
    return isKnown ? brief([field]) : { ...brief([field]), variants: variantsOf(field), writes: writesOf(field) };
  });
}

function brief(fields: Case['fields']): Case {
  const [{ row, steps }] = fields;
  const title = `${row.kind} of ${row.version}: ${fields.map(field => field.path).join(' and ')}`;
  const subresource = steps[0] === 'status' && row.subresources.some(sub => sub.name === 'status') ? 'status' : '';
  return { title, fields, variants: ['distinct', 'empty'], writes: [CREATE, { ...PUT_OTHERS, subresource }] };
}

/** Lists that rules look each other's elements up in. */
const RELATED: readonly (readonly [kind: string, ...paths: readonly string[]])[] = [
  ['Pod', 'spec.volumes', 'spec.containers[0].volumeMounts'],
  ['Pod', 'spec.volumes', 'spec.containers[0].volumeDevices'],
  ['Pod', 'spec.containers[0].volumeMounts', 'spec.containers[0].volumeDevices'],
  ['Pod', 'spec.resourceClaims', 'spec.containers[0].resources.claims'],
  ['Pod', 'spec.containers', 'spec.initContainers'],
  ['Pod', 'spec.containers[0].resources.limits', 'spec.containers[0].resources.requests'],
  ['Pod', 'spec.containers', 'status.containerStatuses'],
  ['Pod', 'spec.initContainers', 'status.initContainerStatuses'],
  ['Pod', 'spec.ephemeralContainers', 'status.ephemeralContainerStatuses'],
  ['Pod', 'spec.resourceClaims', 'status.resourceClaimStatuses'],
  ['Pod', 'spec.containers', 'status.extendedResourceClaimStatus.requestMappings'],
  ['Pod', 'spec.containers[0].resources.claims', 'status.containerStatuses[0].allocatedResourcesStatus'],
  [
    'Pod',
    'spec.topologySpreadConstraints[0].matchLabelKeys',
    'spec.topologySpreadConstraints[0].labelSelector.matchExpressions',
  ],
  ['Service', 'spec.clusterIPs', 'spec.ipFamilies'],
  ['Node', 'spec.podCIDRs', 'spec.taints'],
  ['ResourceClaim', 'spec.devices.requests', 'spec.devices.constraints[0].requests'],
  ['ResourceClaim', 'spec.devices.requests', 'spec.devices.config[0].requests'],
  ['ResourceClaim', 'spec.devices.requests', 'status.allocation.devices.results'],
  ['ResourceClaim', 'status.allocation.devices.results', 'status.devices'],
  ['ResourceSlice', 'spec.devices', 'spec.sharedCounters'],
  ['ResourceSlice', 'spec.devices[0].bindingConditions', 'spec.devices[0].bindingFailureConditions'],
  ['StatefulSet', 'spec.volumeClaimTemplates', 'spec.template.spec.volumes'],
  ['PersistentVolumeClaim', 'spec.resources.requests', 'status.allocatedResourceStatuses'],
  ['PersistentVolumeClaim', 'status.allocatedResources', 'status.allocatedResourceStatuses'],
  ['CertificateSigningRequest', 'spec.usages', 'status.conditions'],
  ['NetworkPolicy', 'spec.ingress[0].from', 'spec.egress[0].to'],
  ['Job', 'status.uncountedTerminatedPods.succeeded', 'status.uncountedTerminatedPods.failed'],
  ['EndpointSlice', 'endpoints', 'ports'],
  ['Endpoints', 'subsets[0].addresses', 'subsets[0].notReadyAddresses'],
];

function relatedCases(): Case[] {
  return RELATED.map(([kind, ...paths]) => {
    const [first, ...others] = paths.map(
      path =>
        FIELDS.find(field => field.row.kind === kind && field.path === path) ?? expect.fail(`${kind} has no ${path}`),
    );
    const all: Case['fields'] = [first ?? expect.fail(`${kind} without a path`), ...others];
    const status = all.find(field => field.steps[0] === 'status');
    return { ...brief(all), writes: writesOf(status ?? all[0]) };
  });
}

/** Pairs of lists of one kind that lie in one element at most. */
function randomPairs(count: number): Case[] {
  const wide = FIELDS.filter(({ steps }) => steps.filter(step => step === '[0]').length < 2 && steps[0] !== 'metadata');
  return Array.from({ length: count }, () => {
    const first = random.pick(wide as [LongField, ...LongField[]]);
    const others = wide.filter(field => field.row === first.row);
    return brief([first, random.pick(others as [LongField, ...LongField[]])]);
  });
}

/** All of them, or a few that the seed tells. */
function chosen(): readonly Case[] {
  const every = everyCase();
  if (SOAK) return [...relatedCases(), ...every, ...randomPairs(400)];
  const some = <T>(count: number, cases: T[]): T[] =>
    Array.from({ length: count }, () => random.pick(cases as [T, ...T[]]));
  return [
    ...some(2, relatedCases()),
    ...some(
      6,
      every.map(each => brief(each.fields)),
    ),
  ];
}

/** Whatever is not the same by name is written in every way; the others as they are created and replaced. */
function writesWith(variant: Variant, { fields, writes }: Case): readonly Write[] {
  if (variant === 'distinct') return writes;
  return variant === 'empty' ? [CREATE] : brief(fields).writes;
}

interface Cost {
  /** CPU time, in milliseconds. */
  readonly ms: number;
  readonly status: number;
  readonly message: string;
}

async function costOf({ fields }: Case, variant: Variant, write: Write, count: number): Promise<Cost> {
  const [{ row }] = fields;
  const api = await MemoryApi.start();
  try {
    const [namespace, account] = SAMPLE_FOUNDATIONS;
    await api.put(`/registry/namespaces/${SHOP}`, namespace ?? {});
    await api.put(`/registry/serviceaccounts/${SHOP}/default`, account ?? {});
    const body = longObject(row, fields, count, variant);
    const { name } = body['metadata'] as { readonly name: string };
    const isNamespaced = row.scope === 'namespaced';
    const { method, subresource, stored } = write;
    if (stored !== undefined) {
      const key = `/registry/${row.storage?.prefix}/${isNamespaced ? `${SHOP}/` : ''}${name}`;
      const served = api.served(`${row.group}/${row.version}/${row.plural}`);
      const { object } = decodeValue(
        served.type,
        JSON.parse(JSON.stringify(longObject(row, fields, count, variant, stored))),
      );
      const whole = served.toStored(withResourceDefaults(row, object as unknown as ApiObject));
      const revision = await api.put(key, served.encode(whole));
      const metadata = body['metadata'] as { readonly labels?: object };
      const labels = { ...metadata.labels, changed: 'a' };
      body['metadata'] = { ...metadata, resourceVersion: String(revision), labels };
    }
    const path = `${rootOf(row.group, row.version)}/${isNamespaced ? `namespaces/${SHOP}/` : ''}${row.plural}`;
    const url = method === 'POST' ? path : [path, name, ...(subresource === '' ? [] : [subresource])].join('/');
    const text = JSON.stringify(body);
    const before = process.cpuUsage();
    const { status, json } = await api.ask(method, `${url}?dryRun=All`, {
      body: text,
      contentType: method === 'PATCH' ? 'application/strategic-merge-patch+json' : 'application/json',
    });
    const { user, system } = process.cpuUsage(before);
    return { ms: (user + system) / 1000, status, message: String(json?.message) };
  } finally {
    await api.stop();
  }
}

/** How much more the whole takes than a quarter of it; 0 where the whole is fast enough. The best of some tries: others use the machine, too. */
async function growthOf(
  each: Case,
  variant: Variant,
  write: Write,
): Promise<{ readonly growth: number; readonly last: Cost }> {
  const count = variant === 'empty' ? EMPTY_COUNT : COUNT;
  let [whole, quarter] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let tries = 0; ; tries++) {
    const last = await costOf(each, variant, write, count);
    whole = Math.min(whole, last.ms);
    if (whole < FREE_MS) return { growth: 0, last };
    quarter = Math.min(quarter, (await costOf(each, variant, write, count / 4)).ms);
    if (tries >= TRIES || whole / quarter <= MAX_GROWTH) return { growth: whole / quarter, last };
  }
}

describe(`objects with ${COUNT} elements in a list or map (seed ${random.seed}; GANTRY_SEED repeats it)`, () => {
  it.each(chosen().map(each => [each.title, each] as const))(
    '%s',
    async (_, each) => {
      for (const variant of each.variants)
        for (const write of writesWith(variant, each)) {
          const what = `${variant} elements, ${write.method} ${write.subresource}, stored from ${write.stored}`;
          const { growth, last } = await growthOf(each, variant, write);
          expect.soft(last.status, `${what}: ${last.message.slice(0, 1000)}`).toBeLessThan(500);
          expect.soft(growth, `${what}: ${last.ms} ms`).toBeLessThanOrEqual(MAX_GROWTH);
        }
    },
    300_000,
  );
});

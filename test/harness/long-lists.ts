import { generateKeyPairSync } from 'node:crypto';
import { resourceType } from '../../src/api/schema/resources/registry.ts';
import type { ApiResource } from '../../src/api/schema/resources/resource.ts';
import { isAlwaysPresent, type StructType, type Type } from '../../src/api/schema/table.ts';
import { createCertificateRequest } from '../../src/pki/certificate-request.ts';
import { SAMPLE_OBJECTS, SHOP } from './sample-objects.ts';

/**
 * Objects that are valid but for one list or map, which is very long: what clients who mean harm send. Which lists there are says the schema
 * table, so a new field is among them by itself.
 */

type Tree = Record<string, unknown>;

/** One list or map of a kind. */
export interface LongField {
  readonly row: ApiResource;
  /** As in `spec.containers[0].env`. */
  readonly path: string;
  /** Names of fields; FIRST for the first element of a list or map. */
  readonly steps: readonly string[];
  readonly type: Type;
}

/** How the elements differ: by what names them, not at all, by what names them and with every scalar of theirs set, or not, for there is nothing in them. */
export type Variant = 'distinct' | 'equal' | 'full' | 'empty';

const FIRST = '[0]';

/** Every list and map in the objects of a resource, those of the metadata too. A field of any JSON counts as a map. */
export function longFields(row: ApiResource): LongField[] {
  return [...fieldsOf(row, resourceType(row), [], [])];
}

function* fieldsOf(
  row: ApiResource,
  type: Type,
  steps: readonly string[],
  above: readonly Type[],
): Generator<LongField> {
  const field = { row, path: steps.join('.').replaceAll(`.${FIRST}`, FIRST), steps, type };
  switch (type.kind) {
    case 'list':
    case 'map':
      yield field;
      yield* fieldsOf(row, type.of, [...steps, FIRST], above);
      return;
    case 'struct':
      if (above.includes(type)) return;
      for (const [name, { type: inner }] of type.json) yield* fieldsOf(row, inner, [...steps, name], [...above, type]);
      return;
    case 'scalar':
      if (type.scalar === 'RawJson') yield field;
  }
}

/** The sample of a kind with `count` elements in each of the fields, which are numbered from `first` on. */
export function longObject(
  row: ApiResource,
  fields: readonly LongField[],
  count: number,
  variant: Variant,
  first = 0,
): Tree {
  const apiVersion = row.group === '' ? row.version : `${row.group}/${row.version}`;
  const sample = SAMPLE_OBJECTS.find(each => each.kind === row.kind && each.apiVersion === apiVersion);
  const { metadata = {}, ...rest }: Tree = structuredClone(MORE_SAMPLES[row.kind] ?? sample ?? {});
  const named = { name: 'x', ...(metadata as Tree), ...(row.scope === 'namespaced' ? { namespace: SHOP } : {}) };
  let object: unknown = { ...rest, kind: row.kind, apiVersion, metadata: named };
  // what is nearer to the root first, for its first element holds the others
  for (const field of fields.toSorted((a, b) => a.steps.length - b.steps.length))
    object = withValue(resourceType(row), object, field.steps, elements(field, count, variant, first));
  return object as Tree;
}

/** `current` with a value where the steps lead, and on the way what has to be there. */
function withValue(type: Type, current: unknown, [step, ...rest]: readonly string[], value: unknown): unknown {
  if (step === undefined) return value;
  switch (type.kind) {
    case 'list': {
      const [head, ...others] = (current ?? []) as unknown[];
      return [withValue(type.of, head ?? minimal(type.of, 0, ''), rest, value), ...others];
    }
    case 'map': {
      const entries = Object.entries((current ?? {}) as Tree);
      const [key, head] = entries[0] ?? [text('key', 0), undefined];
      return { ...(current as Tree), [key]: withValue(type.of, head ?? minimal(type.of, 0, ''), rest, value) };
    }
    case 'struct': {
      const object = (current ?? minimal(type, 0, '')) as Tree;
      const inner = type.json.get(step)?.type;
      if (inner === undefined) throw new Error(`${type.id} has no field ${step}`);
      const kept = Object.entries(object).filter(([name]) => !excludes(type, step, name));
      return {
        ...Object.fromEntries(kept),
        ...(TYPED.has(type.id) ? { type: step[0]?.toUpperCase() + step.slice(1) } : {}),
        [step]: withValue(inner, object[step], rest, value),
      };
    }
    case 'scalar':
      throw new Error(`nothing lies below ${type.scalar}`);
  }
}

/** Types of which one field is set, beside those named. */
const ONE_OF: Readonly<Record<string, readonly string[]>> = {
  'core/v1.Volume': ['name'],
  'core/v1.PersistentVolumeSpec': [
    ...['capacity', 'accessModes', 'persistentVolumeReclaimPolicy', 'storageClassName', 'mountOptions'],
    ...['volumeMode', 'nodeAffinity', 'claimRef', 'volumeAttributesClassName'],
  ],
  'core/v1.EnvVar': ['name'],
  'core/v1.Probe': [],
  'core/v1.LifecycleHandler': [],
  'resource/v1.DeviceRequest': ['name'],
  'rbac/v1.PolicyRule': ['verbs', 'apiGroups', 'resources', 'resourceNames'],
  'storage/v1.VolumeAttachmentSource': [],
  'resource/v1.ResourceSliceSpec': ['driver', 'pool', 'devices', 'sharedCounters'],
};
/** What an element needs beside its names: one of the things that it may be. */
const ALSO: Readonly<Record<string, Tree>> = {
  'core/v1.Volume': { emptyDir: {} },
  'core/v1.EnvFromSource': { configMapRef: { name: 'm' } },
  'core/v1.PodResourceClaim': { resourceClaimName: 'c' },
  'core/v1.ContainerResizePolicy': { resourceName: 'cpu', restartPolicy: 'NotRequired' },
  'core/v1.LimitRangeItem': { type: 'Container' },
  'core/v1.DownwardAPIVolumeFile': { fieldRef: { fieldPath: 'metadata.name' } },
  'core/v1.TopologySpreadConstraint': { whenUnsatisfiable: 'DoNotSchedule' },
  'autoscaling/v2.MetricSpec': {
    type: 'Resource',
    resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
  },
  'autoscaling/v2.MetricTarget': { type: 'AverageValue', averageValue: '1' },
  'autoscaling/v2.HPAScalingPolicy': { type: 'Pods' },
  'resource/v1.DeviceRequest': { exactly: { deviceClassName: 'c.test', allocationMode: 'ExactCount', count: 1 } },
  'resource/v1.DeviceSubRequest': { deviceClassName: 'c.test' },
  'resource/v1.DeviceSelector': { cel: { expression: 'true' } },
  'resource/v1.DeviceConstraint': { matchAttribute: 'd.test/a' },
  'resource/v1.DeviceClaimConfiguration': { opaque: { driver: 'd.test', parameters: { a: 1 } } },
  'resource/v1.DeviceClassConfiguration': { opaque: { driver: 'd.test', parameters: { a: 1 } } },
  'resource/v1.DeviceAttribute': { int: 1 },
  'batch/v1.PodFailurePolicyRule': { action: 'Count' },
  'networking/v1.HTTPIngressPath': { backend: { service: { name: 's', port: { number: 80 } } } },
};
/** Types that say in `type` which field of theirs is set. */
const TYPED = new Set(['autoscaling/v2.MetricSpec']);

function excludes(type: StructType, wanted: string, other: string): boolean {
  if (TYPED.has(type.id)) return wanted !== other && other !== 'type';
  const beside = ONE_OF[type.id];
  return beside !== undefined && wanted !== other && !beside.includes(wanted) && !beside.includes(other);
}

/** Kinds whose sample would have to stand in several versions, needs what no store of samples has, or is completed by admission. */
const MORE_SAMPLES: Readonly<Record<string, Tree>> = {
  Pod: {
    spec: {
      ...{
        serviceAccountName: 'default',
        automountServiceAccountToken: false,
        priority: 0,
        preemptionPolicy: 'PreemptLowerPriority',
      },
      containers: [{ name: 'main', image: 'registry.test/web:1' }],
      tolerations: ['not-ready', 'unreachable'].map(what => ({
        ...{ key: `node.kubernetes.io/${what}`, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
      })),
    },
  },
  Event: {
    ...{
      involvedObject: { kind: 'Pod', namespace: SHOP, name: 'p' },
      regarding: { kind: 'Pod', namespace: SHOP, name: 'p' },
    },
    ...{ reason: 'r', type: 'Normal', eventTime: '2030-01-01T00:00:00.000000Z', action: 'a' },
    ...{ reportingController: 'test.example/c', reportingComponent: 'test.example/c', reportingInstance: 'i' },
  },
  HorizontalPodAutoscaler: {
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 5 },
  },
  CertificateSigningRequest: {
    spec: {
      signerName: 'test.example/signer',
      request: Buffer.from(
        createCertificateRequest(
          { subject: { commonName: 'test', organizations: [] } },
          generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
        ),
      ).toString('base64'),
      usages: ['client auth'],
    },
  },
};

function elements({ type, steps }: LongField, count: number, variant: Variant, first: number): unknown {
  const name = steps.findLast(step => step !== FIRST) ?? '';
  const of = type.kind === 'list' || type.kind === 'map' ? type.of : undefined;
  const make = variant === 'full' ? full : variant === 'empty' ? empty : minimal;
  const number = (index: number): number => (variant === 'equal' ? first : first + index);
  if (type.kind === 'list')
    return Array.from({ length: count }, (_, index) => make(type.of, number(index), `${name}[]`));
  const entry = (index: number): [string, unknown] => [
    text(`${name}{}`, first + index),
    of === undefined ? number(index) : make(of, number(index), ''),
  ];
  return Object.fromEntries(Array.from({ length: count }, (_, index) => entry(index)));
}

/** A value of a type with the fields that have to be there. */
function minimal(type: Type, index: number, name: string): unknown {
  return filled(type, index, name, field => field.isNeeded || (field.type.kind !== 'struct' && NAMING.has(field.name)));
}

/** One with every scalar. */
function full(type: Type, index: number, name: string): unknown {
  return filled(type, index, name, field => field.isNeeded || field.type.kind === 'scalar');
}

function empty(type: Type, index: number, name: string): unknown {
  if (type.kind === 'list') return [];
  if (type.kind !== 'scalar') return {};
  return type.scalar === 'string' || type.scalar === 'bytes' ? '' : scalarOf(type, index, name);
}

/** Fields without which an element is hardly ever valid, whatever Go's tags say. */
const NAMING = new Set(['name', 'key', 'path', 'ip', 'uid', 'kind', 'apiVersion', 'image', 'operator', 'values']);

type Wanted = (field: { readonly name: string; readonly type: Type; readonly isNeeded: boolean }) => boolean;

function filled(type: Type, index: number, name: string, wanted: Wanted): unknown {
  switch (type.kind) {
    case 'struct': {
      const fields = [...type.json].filter(([, field]) =>
        wanted({ name: field.name, type: field.type, isNeeded: isAlwaysPresent(field) && !field.omitEmpty }),
      );
      const values = fields.map(([key, field]) => [
        key,
        filled(field.type, index, SPECIAL.get(`${type.name}.${key}`) ?? key, wanted),
      ]);
      return { ...Object.fromEntries(values), ...ALSO[type.id] };
    }
    case 'list':
      return [filled(type.of, index, `${name}[]`, wanted)];
    case 'map':
      return { [text(`${name}{}`, index)]: filled(type.of, index, '', wanted) };
    case 'scalar':
      return scalarOf(type, index, name);
  }
}

function scalarOf(type: Extract<Type, { readonly kind: 'scalar' }>, index: number, name: string): unknown {
  const { enumValues = [] } = type;
  if (enumValues.length > 0) return enumValues[name.endsWith('[]') ? index % enumValues.length : 0];
  switch (type.scalar) {
    case 'string':
      return text(name, index);
    case 'bool':
      return true;
    case 'int32':
    case 'int64':
    case 'uint32':
    case 'float64':
      return name === 'nodePort' ? 30_000 + (index % 2768) : name === 'weight' ? 1 : 1 + (index % 65_535);
    case 'bytes':
      return Buffer.from(String(index)).toString('base64');
    case 'Quantity':
      return '1';
    case 'IntOrString':
      return 1 + (index % 65_535);
    case 'Time':
      return '2030-01-01T00:00:00Z';
    case 'MicroTime':
      return '2030-01-01T00:00:00.000000Z';
    case 'Duration':
    case 'DurationOrNanoseconds':
      return '1s';
    default:
      return { a: index };
  }
}

/** Fields that are called as others and have another format. */
const SPECIAL = new Map([['HTTPIngressPath.path', 'mountPath']]);

const address = (index: number): string => `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;

/** What names the index-th element, in a format that the field takes. `x[]` is an element of the list x, `x{}` a key of the map x. */
const TEXTS: readonly (readonly [fields: RegExp, make: (index: number) => string])[] = [
  [
    /^(ip|hostIP|podIP|clusterIP|loadBalancerIP|address|(clusterIPs|externalIPs|ips|addresses|nameservers)\[\])$/,
    address,
  ],
  [/^(cidr|(cidrs|podCIDRs|loadBalancerSourceRanges|except)\[\])$/, index => `${address(index << 4)}/28`],
  [/^finalizers\[\]$/, index => `test.example/f${index}`],
  [/^(mountPath|devicePath|nonResourceURLs\[\])$/, index => `/p${index}`],
  [/^(host|hostname|(hosts|hostnames|searches)\[\])$/, index => `h${index}.test`],
  [/^(kind|resource)$/, () => 'Kind'],
  [/^(apiVersion)$/, () => 'v1'],
  [/^apiGroup$/, () => 'rbac.authorization.k8s.io'],
  [/^protocol$/, () => 'TCP'],
  [/^(status)$/, () => 'True'],
  [/^(verbs\[\])$/, index => ['get', 'list', 'watch', 'create'][index % 4] ?? ''],
  [/^accessModes\[\]$/, () => 'ReadWriteOnce'],
  [/^operator$/, () => 'In'],
  [/^pathType$/, () => 'Prefix'],
  [/^(hard|used)\{\}$/, index => `count/x${index}.example.com`],
  [
    /^(limits|requests|capacity|allocatable|overhead|podFixed|default|defaultRequest|min|max)\{\}$/,
    index => `example.com/r${index}`,
  ],
  [/^(key|values\[\]|[a-zA-Z]+\{\})$/, index => `k${index}`],
  [/^path$/, index => `p${index}`],
];

function text(name: string, index: number): string {
  const known = TEXTS.find(([fields]) => fields.test(name));
  return known === undefined ? `n${index}` : known[1](index);
}

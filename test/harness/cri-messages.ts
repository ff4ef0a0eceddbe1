/** Requests of the CRI made up from its protobuf definitions: valid ones with a few fields changed, and wild ones. */
import { loadSync } from '@grpc/proto-loader';
import * as fc from 'fast-check';
import {
  CONFINED,
  ID_FIELDS,
  INT32,
  INT64,
  MAP_KEYS,
  MAP_VALUES,
  NASTY_STRINGS,
  STRINGS,
  UINT32,
  UINT64,
} from './cri-values.ts';

/** A message as proto-loader takes it: names as in the proto files, 64-bit numbers as text. */
export type Message = { [field: string]: unknown };

export interface CriMethod {
  /** `RunPodSandbox`. */
  readonly name: string;
  readonly path: string;
  readonly responseStream: boolean;
  readonly request: MessageType;
  encode(request: Message): Buffer;
  decode(bytes: Buffer): unknown;
}

export interface MessageType {
  readonly name: string;
  readonly fields: readonly Field[];
}

interface Field {
  readonly name: string;
  /** `Mount.host_path`. */
  readonly key: string;
  /** As in a descriptor, without its prefix: `STRING`, `INT64`, … */
  readonly type: string;
  readonly shape: 'single' | 'repeated' | 'map';
  readonly message: MessageType | undefined;
  readonly enumValues: readonly number[];
}

interface Descriptor {
  readonly name: string;
  readonly field: readonly {
    readonly name: string;
    readonly label: string;
    readonly type: string;
    readonly typeName: string;
  }[];
  readonly nestedType: readonly (Descriptor & { readonly options: { readonly mapEntry?: boolean } | null })[];
  readonly enumType: readonly EnumDescriptor[];
}

interface EnumDescriptor {
  readonly name: string;
  readonly value: readonly { readonly number: number }[];
}

interface LoadedMethod {
  readonly path: string;
  readonly responseStream: boolean;
  readonly requestType: { readonly type: Descriptor };
  readonly requestSerialize: (value: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

const PACKAGE = 'runtime.v1';

/** Every call of both services of the CRI. */
export function criMethods(): CriMethod[] {
  const loaded = loadSync(`runtime/v1/services.proto`, { includeDirs: ['proto'], keepCase: true, longs: String });
  const types = new Types(loaded as unknown as Record<string, { readonly type: Descriptor | EnumDescriptor }>);
  return ['RuntimeService', 'ImageService'].flatMap(service =>
    Object.entries(loaded[`${PACKAGE}.${service}`] as unknown as Record<string, LoadedMethod>).map(
      ([name, method]) => ({
        name,
        path: method.path,
        responseStream: method.responseStream,
        request: types.message(method.requestType.type),
        encode: method.requestSerialize,
        decode: method.responseDeserialize,
      }),
    ),
  );
}

class Types {
  readonly #loaded: Record<string, { readonly type: Descriptor | EnumDescriptor }>;
  readonly #made = new Map<string, MessageType>();

  constructor(loaded: Record<string, { readonly type: Descriptor | EnumDescriptor }>) {
    this.#loaded = loaded;
  }

  message(descriptor: Descriptor): MessageType {
    const known = this.#made.get(descriptor.name);
    if (known !== undefined) return known;
    const fields: Field[] = [];
    const made = { name: descriptor.name, fields };
    this.#made.set(descriptor.name, made);
    for (const { name, label, type, typeName } of descriptor.field) {
      const entry = descriptor.nestedType.find(nested => nested.name === typeName && nested.options?.mapEntry === true);
      const kind = type.slice('TYPE_'.length);
      const shape = entry !== undefined ? 'map' : label === 'LABEL_REPEATED' ? 'repeated' : 'single';
      const ofMessage = kind === 'MESSAGE' && entry === undefined;
      fields.push({
        name,
        key: `${descriptor.name}.${name}`,
        type: kind,
        shape,
        message: ofMessage ? this.message(this.#find(typeName) as Descriptor) : undefined,
        enumValues: kind === 'ENUM' ? this.#enumValues(descriptor, typeName) : [],
      });
    }
    return made;
  }

  #find(name: string): Descriptor | EnumDescriptor {
    const found = this.#loaded[`${PACKAGE}.${name}`]?.type;
    if (found === undefined) throw new Error(`proto: there is no type ${name}`);
    return found;
  }

  #enumValues(owner: Descriptor, name: string): number[] {
    const found = owner.enumType.find(nested => nested.name === name) ?? (this.#find(name) as EnumDescriptor);
    return found.value.map(({ number }) => number);
  }
}

/** Stands for the id of something that is there when the request is sent, in one of the ways in which clients write ids. */
export class LiveId {
  readonly kind: 'sandbox' | 'container';
  readonly index: number;
  readonly length: number;

  constructor(kind: 'sandbox' | 'container', index: number, length: number) {
    this.kind = kind;
    this.index = index;
    this.length = length;
  }
}

const nastyText = fc.oneof(fc.constantFrom(...NASTY_STRINGS), fc.string({ maxLength: 40 }));

function text(key: string): fc.Arbitrary<unknown> {
  const kind = ID_FIELDS[key];
  if (kind !== undefined) return fc.oneof({ weight: 4, arbitrary: liveId(kind) }, { weight: 1, arbitrary: nastyText });
  const known = STRINGS[key];
  const prefix = CONFINED[key] ?? '';
  const free = nastyText.map(value => `${prefix}${value}`);
  return known === undefined || known.length === 0
    ? free
    : fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: free });
}

/** Whole ids most of the time; the beginnings that crictl sends; too short to tell; with more behind; and of the wrong kind. */
function liveId(kind: 'sandbox' | 'container'): fc.Arbitrary<LiveId> {
  const other = kind === 'sandbox' ? 'container' : 'sandbox';
  return fc
    .tuple(
      fc.oneof({ weight: 12, arbitrary: fc.constant(kind) }, { weight: 1, arbitrary: fc.constant(other) }),
      fc.nat({ max: 50 }),
      fc.oneof({ weight: 8, arbitrary: fc.constant(64) }, fc.constantFrom(13, 13, 4, 1, 0, 63, 65, 100)),
    )
    .map(([of, index, length]) => new LiveId(of as 'sandbox' | 'container', index, length));
}

function scalar(field: Field): fc.Arbitrary<unknown> {
  switch (field.type) {
    case 'STRING':
      if (field.name === 'container_id' && !field.key.startsWith('IDMapping.')) return idOr('container');
      if (field.name === 'pod_sandbox_id') return idOr('sandbox');
      return text(field.key);
    case 'BYTES':
      return fc.uint8Array({ maxLength: 50 }).map(bytes => Buffer.from(bytes));
    case 'BOOL':
      return fc.boolean();
    case 'ENUM':
      return fc.oneof(
        { weight: 3, arbitrary: fc.constantFrom(...field.enumValues) },
        { weight: 1, arbitrary: fc.constantFrom(-1, Math.max(...field.enumValues) + 1, 2_147_483_647) },
      );
    case 'INT32':
      return fc.oneof(fc.constantFrom(...INT32), fc.integer());
    case 'UINT32':
      return fc.oneof(fc.constantFrom(...UINT32), fc.integer({ min: 0 }));
    case 'INT64':
      return fc.oneof(fc.constantFrom(...INT64), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String));
    case 'UINT64':
      return fc.oneof(fc.constantFrom(...UINT64), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String));
    case 'DOUBLE':
      return fc.double();
    default:
      throw new Error(`no values are known for a field of type ${field.type} (${field.key})`);
  }
}

const idOr = (kind: 'sandbox' | 'container'): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 6, arbitrary: liveId(kind) }, { weight: 1, arbitrary: nastyText });

/** Any value of a field; messages to that depth. */
function anyValue(field: Field, depth: number): fc.Arbitrary<unknown> {
  if (field.shape === 'map') {
    const keys = MAP_KEYS[field.key];
    const key =
      keys === undefined ? nastyText : fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...keys) }, nastyText);
    const value = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...MAP_VALUES) }, nastyText);
    // a plain object would take "__proto__" for something else
    return fc
      .array(fc.tuple(key, value), { maxLength: 3 })
      .map(entries => Object.assign(Object.create(null) as object, Object.fromEntries(entries)));
  }
  const one = field.message === undefined ? scalar(field) : anyMessage(field.message, depth);
  return field.shape === 'repeated' ? fc.array(one, { maxLength: 3 }) : one;
}

/** A message with each field there or not, whatever it means. */
function anyMessage(type: MessageType, depth: number): fc.Arbitrary<Message> {
  if (depth <= 0) return fc.constant({});
  const fields = Object.fromEntries(type.fields.map(field => [field.name, anyValue(field, depth - 1)]));
  return fc.record(fields, { requiredKeys: [] });
}

/** The ways from a message to the fields in it. */
function pathsOf(type: MessageType, depth: number): Field[][] {
  if (depth <= 0) return [];
  return type.fields.flatMap(field => [
    [field],
    ...(field.message === undefined ? [] : pathsOf(field.message, depth - 1).map(rest => [field, ...rest])),
  ]);
}

interface Mutation {
  readonly path: readonly Field[];
  /** undefined takes the field away. */
  readonly value: unknown;
}

/** Most of the time `valid` with one to three of its fields changed, to the depth of the messages; sometimes anything at all. `ignored` fields stay as they are. */
export function requests(type: MessageType, valid: Message, ignored: readonly string[] = []): fc.Arbitrary<Message> {
  const paths = pathsOf(type, 6).filter(
    path => !path.some((field, at) => at < path.length - 1 && ignored.includes(field.key)),
  );
  const wild = anyMessage(type, 5);
  if (paths.length === 0) return wild;
  const mutation: fc.Arbitrary<Mutation> = fc.constantFrom(...paths).chain(path => {
    const last = path.at(-1) as Field;
    return fc.option(anyValue(last, 3), { nil: undefined, freq: 8 }).map(value => ({ path, value }));
  });
  const mutated = fc.array(mutation, { maxLength: 3 }).map(mutations => mutations.reduce(applied, valid));
  return fc.oneof({ weight: 9, arbitrary: mutated }, { weight: 1, arbitrary: wild });
}

function applied(message: Message, { path, value }: Mutation): Message {
  const [field, ...rest] = path;
  if (field === undefined) return message;
  if (rest.length === 0) {
    const { [field.name]: _, ...others } = message;
    return value === undefined ? others : { ...others, [field.name]: value };
  }
  const inside = { path: rest, value };
  if (field.shape !== 'repeated')
    return { ...message, [field.name]: applied((message[field.name] ?? {}) as Message, inside) };
  const [first = {}, ...more] = (message[field.name] ?? []) as Message[];
  return { ...message, [field.name]: [applied(first, inside), ...more] };
}

/** The request with the ids in it that are there now. */
export function resolved(value: unknown, idOf: (live: LiveId) => string): unknown {
  if (value instanceof LiveId) return idOf(value);
  if (Buffer.isBuffer(value) || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(item => resolved(item, idOf));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolved(item, idOf)]));
}

import { loadPackages } from '../schema/packages.ts';
import { allResources } from '../schema/resources/registry.ts';
import type { ApiResource } from '../schema/resources/resource.ts';
import { discoveryOperations } from './discovery-operations.ts';
import { type Operation, rootOf } from './operations.ts';
import { parametersOf } from './parameters.ts';
import { operationsOf } from './resource-operations.ts';
import { Definitions, PATCH_SCHEMA, type Schema, VERSION_SCHEMA } from './schemas.ts';

/** A part of an OpenAPI document; plain JSON. */
export type Json = Record<string, unknown>;

const TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const WATCH_TYPES = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];
const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const CODES = { 200: 'OK', 201: 'Created', 202: 'Accepted' } as const;
/** Definitions that are made before other work gets its turn. */
const SLICE = 10;
const SECURITY = {
  security: [{ BearerToken: [] }],
};

export interface DocumentOptions {
  /** For `info.version`. */
  readonly version: string;
  /** The resources to describe; all that are served where absent. */
  readonly resources?: readonly ApiResource[];
}

function served(options: DocumentOptions): readonly ApiResource[] {
  return options.resources ?? allResources().filter(resource => resource.served);
}

function groupsOf(resources: readonly ApiResource[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { group, version } of resources) {
    const versions = groups.get(group) ?? [];
    if (!versions.includes(version)) versions.push(version);
    groups.set(group, versions);
  }
  return groups;
}

/** Lets other work run between the parts of a document. */
function breathe(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

/**
 * The OpenAPI v2 document of the resources that are served, as JSON. Resource by resource, and the event loop gets its
 * turn between two; nothing is kept, so keep the result.
 */
export async function openApiV2(options: DocumentOptions): Promise<Json> {
  await loadPackages();
  const resources = served(options);
  const definitions = new Definitions('#/definitions/');
  const paths: Record<string, Json> = {};
  const write = (operations: readonly Operation[]): void => {
    for (const operation of operations)
      paths[operation.path] = { ...paths[operation.path], [operation.method]: v2Operation(operation, definitions) };
  };
  write(discoveryOperations(groupsOf(resources)));
  for (const resource of resources) {
    write(operationsOf(resource));
    do await breathe();
    while (definitions.settle(SLICE));
  }
  definitions.refTo('meta/v1.WatchEvent');
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: options.version },
    paths: sorted(paths),
    definitions: definitions.all(),
    securityDefinitions: {
      BearerToken: { type: 'apiKey', name: 'authorization', in: 'header', description: 'Bearer Token authentication' },
    },
    ...SECURITY,
  };
}

/** The paths of the v3 documents (`api/v1`, `apis/apps/v1`, and `version`, `api`, `apis/apps` for what stands above). */
export function openApiV3Paths(options: DocumentOptions): string[] {
  const paths = ['api', 'apis', 'version'];
  for (const [group, versions] of groupsOf(served(options))) {
    if (group !== '') paths.push(`apis/${group}`);
    for (const version of versions) paths.push(rootOf(group, version).slice(1));
  }
  return paths.sort();
}

/** One OpenAPI v3 document, undefined for a path that openApiV3Paths does not name. The event loop gets its turn between its parts. */
export async function openApiV3(path: string, options: DocumentOptions): Promise<Json | undefined> {
  await loadPackages();
  if (!openApiV3Paths(options).includes(path)) return undefined;
  const resources = served(options);
  const definitions = new Definitions('#/components/schemas/');
  const paths: Record<string, Json> = {};
  const write = (operations: readonly Operation[]): void => {
    for (const operation of operations)
      paths[operation.path] = { ...paths[operation.path], [operation.method]: v3Operation(operation, definitions) };
  };
  write(discoveryOperations(groupsOf(resources)).filter(operation => operation.path === `/${path}/`));
  for (const resource of resources) {
    if (rootOf(resource.group, resource.version) !== `/${path}`) continue;
    write(operationsOf(resource));
    do await breathe();
    while (definitions.settle(SLICE));
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: options.version },
    paths: sorted(paths),
    components: {
      schemas: definitions.all(),
      securitySchemes: {
        BearerToken: {
          type: 'apiKey',
          name: 'authorization',
          in: 'header',
          description: 'Bearer Token authentication',
        },
      },
    },
    ...SECURITY,
  };
}

function sorted(paths: Record<string, Json>): Record<string, Json> {
  return Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function produces(operation: Operation): string[] {
  if (operation.action === 'connect') return ['*/*'];
  if (operation.answer === 'version') return ['application/json'];
  if (operation.answer === 'text') return ['text/plain', ...TYPES];
  return operation.watchable ? [...TYPES, ...WATCH_TYPES] : TYPES;
}

function consumes(operation: Operation): string[] {
  if (operation.body === 'patch') return PATCH_TYPES;
  if (operation.kind === undefined) return operation.answer === 'version' ? ['application/json'] : TYPES;
  return ['*/*'];
}

function extensions(operation: Operation): Json {
  if (operation.kind === undefined) return {};
  const { group, kind, version } = operation.kind;
  return {
    ...(operation.action === undefined ? {} : { 'x-kubernetes-action': operation.action }),
    'x-kubernetes-group-version-kind': { group, kind, version },
  };
}

function answerSchema(operation: Operation, definitions: Definitions): Schema {
  if (operation.answer === 'text') return { type: 'string' };
  return operation.answer === 'version' ? definitions.refNamed(VERSION_SCHEMA) : definitions.refTo(operation.answer);
}

function bodySchema(body: NonNullable<Operation['body']>, definitions: Definitions): Schema {
  return body === 'patch' ? definitions.refNamed(PATCH_SCHEMA) : definitions.refTo(body.type);
}

function v2Operation(operation: Operation, definitions: Definitions): Json {
  const { body } = operation;
  const parameters: Json[] = parametersOf(operation).map(({ name, in: place, type, description }) => ({
    uniqueItems: true,
    type,
    description,
    name,
    in: place,
    ...(place === 'path' ? { required: true } : {}),
  }));
  if (body !== undefined) {
    const required = body === 'patch' || body.required ? { required: true } : {};
    parameters.unshift({ name: 'body', in: 'body', ...required, schema: bodySchema(body, definitions) });
  }
  const schema = answerSchema(operation, definitions);
  return {
    description: operation.description,
    consumes: consumes(operation),
    produces: produces(operation),
    schemes: ['https'],
    tags: [operation.tag],
    operationId: operation.id,
    ...(parameters.length === 0 ? {} : { parameters }),
    responses: {
      ...Object.fromEntries(operation.codes.map(code => [code, { description: CODES[code], schema }])),
      401: { description: 'Unauthorized' },
    },
    ...extensions(operation),
  };
}

function v3Operation(operation: Operation, definitions: Definitions): Json {
  const { body } = operation;
  const parameters = parametersOf(operation).map(({ name, in: place, type, description }) => ({
    name,
    in: place,
    description,
    ...(place === 'path' ? { required: true } : {}),
    schema: { type, uniqueItems: true },
  }));
  const content = (types: readonly string[], schema: Schema): Json =>
    Object.fromEntries(types.map(type => [type, { schema }]));
  const schema = answerSchema(operation, definitions);
  return {
    tags: [operation.tag],
    description: operation.description,
    operationId: operation.id,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            ...(body === 'patch' || body.required ? { required: true } : {}),
            content: content(consumes(operation), bodySchema(body, definitions)),
          },
        }),
    responses: {
      ...Object.fromEntries(
        operation.codes.map(code => [
          code,
          { description: CODES[code], content: content(produces(operation), schema) },
        ]),
      ),
      401: { description: 'Unauthorized' },
    },
    ...extensions(operation),
  };
}

import { isDeepStrictEqual } from 'node:util';
import { isNotFound } from '../../base/errors.ts';
import type { ApiObject } from '../../client/api-object.ts';
import type { ApiConnection } from '../../client/connection.ts';
import { ResourceClient } from '../../client/resource-client.ts';
import type { WantedObject } from './plan.ts';

/**
 * Creates the object, or writes the fields that are ours into the one that is there. Keys of `data` that others put beside ours stay, unless
 * `ownsData`. Safe to repeat; nothing is written where nothing differs.
 */
export async function ensureObject(
  connection: ApiConnection,
  { resource, object, fields, ownsData = false }: WantedObject,
  signal: AbortSignal,
): Promise<'created' | 'updated' | 'there'> {
  const client = new ResourceClient<ApiObject>(connection, resource);
  const { name = '', namespace = '' } = object.metadata;
  // looked for first: a Service that is there already would be refused for its address, not for its name
  const found = await findObject(client, namespace, name, signal);
  if (found === undefined) {
    await client.create(object, signal);
    return 'created';
  }
  const wanted = object as ApiObject & Record<string, unknown>;
  const merged = Object.fromEntries(
    fields.map(field => [field, ownsData ? wanted[field] : mergedField(field, found[field], wanted[field])]),
  );
  if (fields.every(field => isDeepStrictEqual(found[field], merged[field]))) return 'there';
  await client.update({ ...found, ...merged }, signal);
  return 'updated';
}

async function findObject(
  client: ResourceClient<ApiObject>,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<(ApiObject & Record<string, unknown>) | undefined> {
  try {
    return (await client.get(namespace, name, signal)) as ApiObject & Record<string, unknown>;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function mergedField(field: string, found: unknown, wanted: unknown): unknown {
  return field === 'data' ? { ...(found as object | undefined), ...(wanted as object) } : wanted;
}

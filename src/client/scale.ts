import type { Scale } from '../api/types/gen/autoscaling-v1.ts';
import type { APIResourceList, OwnerReference } from '../api/types/gen/meta-v1.ts';
import { failedPrecondition, isNotFound } from '../base/errors.ts';
import { answerError } from './answer-error.ts';
import { resourcePath } from './api-object.ts';
import type { ApiConnection } from './connection.ts';

/**
 * How many replicas an object of any kind wants, by its subresource `scale`; undefined where the object is not there, or another has its name. Throws where
 * the kind is not served, or has no such subresource.
 */
export async function scaleOf(
  connection: ApiConnection,
  owner: Pick<OwnerReference, 'apiVersion' | 'kind' | 'name' | 'uid'>,
  namespace: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { apiVersion, kind, name, uid } = owner;
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const served = await getJson<APIResourceList>(connection, path, signal).catch(error => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  const resource = served?.resources.find(row => row.kind === kind && !row.name.includes('/'));
  if (resource === undefined)
    throw failedPrecondition(`no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`);
  const plural = resource.name;
  if (served?.resources.some(row => row.name === `${plural}/scale`) !== true)
    throw failedPrecondition(
      `${group === '' ? plural : `${plural}.${group}`} does not implement the scale subresource`,
    );
  try {
    const scalePath = resourcePath({ group, version, plural }, namespace, name, 'scale');
    const scale = await getJson<Scale>(connection, scalePath, signal);
    return scale.metadata.uid === uid ? (scale.spec.replicas ?? 0) : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function getJson<T>(connection: ApiConnection, path: string, signal: AbortSignal): Promise<T> {
  const answer = await connection.call({ method: 'GET', path, headers: { accept: 'application/json' }, signal });
  const error = answerError(`GET ${path}`, answer);
  if (error !== undefined) throw error;
  return JSON.parse(answer.body.toString()) as T;
}

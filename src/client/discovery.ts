import type { APIGroupList, APIResourceList } from '../api/types/gen/meta-v1.ts';
import { errorMessage } from '../base/errors.ts';
import { answerError } from './answer-error.ts';
import type { ResourceId } from './api-object.ts';
import type { ApiConnection } from './connection.ts';

/** A kind that a server serves. */
export interface ServedKind {
  readonly id: ResourceId;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  /** False where its group serves it in a version that it likes better, too. */
  readonly isPreferred: boolean;
}

export interface ServedKinds {
  readonly kinds: readonly ServedKind[];
  /** What could not be asked, with the reason. */
  readonly failures: readonly { readonly groupVersion: string; readonly because: string }[];
}

export interface Discovery {
  readonly resources: readonly ResourceId[];
  /** `group/version: reason` of what could not be asked. */
  readonly failures: readonly string[];
}

/**
 * The namespaced kinds whose objects can be listed and deleted together, each in the version that its group prefers. A group that does not answer is told
 * in `failures`; only the list of groups itself fails as a whole.
 */
export async function deletableInNamespaces(connection: ApiConnection, signal: AbortSignal): Promise<Discovery> {
  const { groups } = await getJson<APIGroupList>(connection, '/apis', signal);
  const versions = ['v1', ...groups.map(group => group.preferredVersion.groupVersion)];
  const failures: string[] = [];
  const lists = await Promise.all(
    versions.map(async version => {
      const path = version.includes('/') ? `/apis/${version}` : `/api/${version}`;
      try {
        return await getJson<APIResourceList>(connection, path, signal);
      } catch (error) {
        signal.throwIfAborted();
        failures.push(`${version}: ${errorMessage(error)}`);
        return undefined;
      }
    }),
  );
  const resources = lists.flatMap(list =>
    (list?.resources ?? [])
      .filter(row => row.namespaced && !row.name.includes('/'))
      .filter(row => row.verbs.includes('list') && row.verbs.includes('deletecollection'))
      .map(row => ({ ...groupVersion(list?.groupVersion ?? ''), plural: row.name })),
  );
  return { resources, failures };
}

/**
 * Every kind of every group and version, without subresources. A group version that does not answer is told in `failures`; only the list of groups itself
 * fails as a whole.
 */
export async function servedKinds(connection: ApiConnection, signal: AbortSignal): Promise<ServedKinds> {
  const { groups } = await getJson<APIGroupList>(connection, '/apis', signal);
  const core = { preferred: 'v1', versions: ['v1'] };
  const named = groups.map(({ preferredVersion, versions }) => ({
    preferred: preferredVersion.groupVersion,
    versions: versions.map(version => version.groupVersion),
  }));
  const failures: { groupVersion: string; because: string }[] = [];
  const listed = async (version: string): Promise<readonly Omit<ServedKind, 'isPreferred'>[]> => {
    try {
      const path = version.includes('/') ? `/apis/${version}` : `/api/${version}`;
      const { resources } = await getJson<APIResourceList>(connection, path, signal);
      return resources
        .filter(row => !row.name.includes('/'))
        .map(({ name, kind, namespaced, verbs }) => ({
          id: { ...groupVersion(version), plural: name },
          kind,
          namespaced,
          verbs,
        }));
    } catch (error) {
      signal.throwIfAborted();
      failures.push({ groupVersion: version, because: errorMessage(error) });
      return [];
    }
  };
  const kinds = await Promise.all(
    [core, ...named].map(async ({ preferred, versions }) => {
      const inOrder = [preferred, ...versions.filter(version => version !== preferred)];
      const rows = (await Promise.all(inOrder.map(listed))).flat();
      const first = new Map(rows.toReversed().map(row => [row.id.plural, row]));
      return rows.map(row => ({ ...row, isPreferred: first.get(row.id.plural) === row }));
    }),
  );
  return { kinds: kinds.flat(), failures };
}

function groupVersion(text: string): { readonly group: string; readonly version: string } {
  const slash = text.indexOf('/');
  return { group: text.slice(0, Math.max(0, slash)), version: text.slice(slash + 1) };
}

async function getJson<T>(connection: ApiConnection, path: string, signal: AbortSignal): Promise<T> {
  const answer = await connection.call({ method: 'GET', path, headers: { accept: 'application/json' }, signal });
  const error = answerError(`GET ${path}`, answer);
  if (error !== undefined) throw error;
  return JSON.parse(answer.body.toString()) as T;
}

import type { APIGroupDiscoveryList } from '../api/types/gen/apidiscovery-v2.ts';
import type { APIGroupList, APIResourceList } from '../api/types/gen/meta-v1.ts';
import { errorMessage } from '../base/errors.ts';
import { answerError } from './answer-error.ts';
import type { ResourceId } from './api-object.ts';
import type { ApiConnection } from './connection.ts';

/** A server that does not know the first form answers in the second. */
const AGGREGATED_ACCEPT = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;q=0.9';

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

/** A row of what a group version serves; subresources are left out. */
interface ServedRow {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** The versions of one group, the best liked first. */
interface GroupRows {
  readonly preferred: string;
  readonly versions: readonly { readonly groupVersion: string; readonly rows: readonly ServedRow[] }[];
}

interface AllRows {
  readonly groups: readonly GroupRows[];
  readonly failures: readonly { readonly groupVersion: string; readonly because: string }[];
}

/**
 * The namespaced kinds whose objects can be listed and deleted together, each in the version that its group prefers. A group that does not answer is told
 * in `failures`; only the list of groups itself fails as a whole.
 */
export async function deletableInNamespaces(connection: ApiConnection, signal: AbortSignal): Promise<Discovery> {
  const { groups, failures } = await allRows(connection, signal);
  const resources = groups.flatMap(({ preferred, versions }) =>
    versions
      .filter(version => version.groupVersion === preferred)
      .flatMap(version => version.rows)
      .filter(row => row.namespaced && row.verbs.includes('list') && row.verbs.includes('deletecollection'))
      .map(row => ({ ...groupVersion(preferred), plural: row.name })),
  );
  return { resources, failures: failures.map(each => `${each.groupVersion}: ${each.because}`) };
}

/**
 * Every kind of every group and version, without subresources. A group version that does not answer is told in `failures`; only the list of groups itself
 * fails as a whole.
 */
export async function servedKinds(connection: ApiConnection, signal: AbortSignal): Promise<ServedKinds> {
  const { groups, failures } = await allRows(connection, signal);
  const kinds = groups.flatMap(({ versions }) => {
    const rows = versions.flatMap(version =>
      version.rows.map(({ name, kind, namespaced, verbs }) => ({
        id: { ...groupVersion(version.groupVersion), plural: name },
        kind,
        namespaced,
        verbs,
      })),
    );
    const first = new Map(rows.toReversed().map(row => [row.id.plural, row]));
    return rows.map(row => ({ ...row, isPreferred: first.get(row.id.plural) === row }));
  });
  return { kinds, failures };
}

/** Everything in two answers where the server knows that form, else by a question for each group version. */
async function allRows(connection: ApiConnection, signal: AbortSignal): Promise<AllRows> {
  const named = await getJson<APIGroupList | APIGroupDiscoveryList>(connection, '/apis', signal, AGGREGATED_ACCEPT);
  if ('groups' in named) return rowsByVersion(connection, named, signal);
  const failures: { groupVersion: string; because: string }[] = [];
  const core = await getJson<APIGroupDiscoveryList>(connection, '/api', signal, AGGREGATED_ACCEPT).catch(
    (error: unknown) => {
      signal.throwIfAborted();
      failures.push({ groupVersion: 'v1', because: errorMessage(error) });
      return { items: [] };
    },
  );
  const groups = [...core.items, ...named.items].map(({ metadata: { name = '' }, versions = [] }): GroupRows => {
    const fullName = (version: string): string => (name === '' ? version : `${name}/${version}`);
    for (const { version } of versions.filter(each => each.freshness === 'Stale'))
      failures.push({ groupVersion: fullName(version), because: 'what is known of it is stale' });
    return {
      preferred: fullName(versions[0]?.version ?? ''),
      versions: versions
        .filter(({ freshness }) => freshness !== 'Stale')
        .map(({ version, resources = [] }) => ({
          groupVersion: fullName(version),
          rows: resources.map(({ resource, responseKind, scope, verbs }) => ({
            name: resource,
            kind: responseKind?.kind ?? '',
            namespaced: scope === 'Namespaced',
            verbs,
          })),
        })),
    };
  });
  return { groups, failures };
}

async function rowsByVersion(
  connection: ApiConnection,
  { groups }: APIGroupList,
  signal: AbortSignal,
): Promise<AllRows> {
  const core = { preferred: 'v1', versions: ['v1'] };
  const named = groups.map(({ preferredVersion, versions }) => ({
    preferred: preferredVersion.groupVersion,
    versions: versions.map(version => version.groupVersion),
  }));
  const failures: { groupVersion: string; because: string }[] = [];
  const listed = async (version: string): Promise<GroupRows['versions'][number]> => {
    try {
      const path = version.includes('/') ? `/apis/${version}` : `/api/${version}`;
      const { resources } = await getJson<APIResourceList>(connection, path, signal);
      return { groupVersion: version, rows: resources.filter(row => !row.name.includes('/')) };
    } catch (error) {
      signal.throwIfAborted();
      failures.push({ groupVersion: version, because: errorMessage(error) });
      return { groupVersion: version, rows: [] };
    }
  };
  const all = await Promise.all(
    [core, ...named].map(async ({ preferred, versions }): Promise<GroupRows> => {
      const inOrder = [preferred, ...versions.filter(version => version !== preferred)];
      return { preferred, versions: await Promise.all(inOrder.map(listed)) };
    }),
  );
  return { groups: all, failures };
}

function groupVersion(text: string): { readonly group: string; readonly version: string } {
  const slash = text.indexOf('/');
  return { group: text.slice(0, Math.max(0, slash)), version: text.slice(slash + 1) };
}

async function getJson<T>(
  connection: ApiConnection,
  path: string,
  signal: AbortSignal,
  accept = 'application/json',
): Promise<T> {
  const answer = await connection.call({ method: 'GET', path, headers: { accept }, signal });
  const error = answerError(`GET ${path}`, answer);
  if (error !== undefined) throw error;
  return JSON.parse(answer.body.toString()) as T;
}

import type { ApiResource } from '../schema/resources/resource.ts';

/** One HTTP operation of the API, before it is written in the words of v2 or v3. */
export interface Operation {
  readonly path: string;
  readonly method: 'get' | 'put' | 'post' | 'delete' | 'options' | 'head' | 'patch';
  readonly id: string;
  readonly description: string;
  /** What upstream calls x-kubernetes-action. */
  readonly action: string | undefined;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string } | undefined;
  /** Type id of the body; `patch` for a patch. */
  readonly body: { readonly type: string; readonly required: boolean } | 'patch' | undefined;
  readonly query: readonly QueryGroup[];
  /** Type id whose fields are query parameters: the options of a stream. */
  readonly options: string | undefined;
  /** Type id of the answer, `text` for text. */
  readonly answer: string;
  readonly codes: readonly (200 | 201 | 202)[];
  readonly watchable: boolean;
  readonly pathParameters: readonly string[];
  readonly tag: string;
  /** What the parameter `name` names. */
  readonly named: string;
}

/** Query parameters that come together. */
export type QueryGroup = 'list' | 'write' | 'patch' | 'delete';

/** `/api/v1` or `/apis/apps/v1`. */
export function rootOf(group: string, version: string): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
}

/** `CoreV1`, `RbacAuthorizationV1`: the part of an operation's id that names the group and version. */
export function groupPart(group: string, version?: string): string {
  const words = (group === '' ? 'core' : group.replace(/\.k8s\.io$/, '')).split('.');
  return words.map(capital).join('') + (version === undefined ? '' : capital(version));
}

export function tagOf(group: string, version?: string): string {
  const name = groupPart(group);
  const tag = name.charAt(0).toLowerCase() + name.slice(1);
  return version === undefined ? tag : `${tag}_${version}`;
}

/** With a capital first letter. */
export function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

export interface ResourcePaths {
  readonly list: string;
  readonly one: string;
}

/** The paths of a resource's collection and of one object. */
export function pathsOf(resource: ApiResource): ResourcePaths {
  const root = rootOf(resource.group, resource.version);
  const list = `${root}/${resource.scope === 'namespaced' ? 'namespaces/{namespace}/' : ''}${resource.plural}`;
  return { list, one: `${list}/{name}` };
}

export type Shape = Pick<Operation, 'path' | 'method' | 'id' | 'description' | 'action' | 'answer'> &
  Partial<Operation>;

/** Fills in what the operations of a resource share. */
export function maker(resource: ApiResource): (shape: Shape) => Operation {
  const { group, version, kind, scope } = resource;
  return shape => ({
    kind: { group, version, kind },
    body: undefined,
    query: [],
    options: undefined,
    codes: [200],
    watchable: false,
    pathParameters: [
      ...(shape.path.includes('{name}') ? ['name'] : []),
      ...(scope === 'namespaced' && shape.path.includes('{namespace}') ? ['namespace'] : []),
    ],
    tag: tagOf(group, version),
    named: kind,
    ...shape,
  });
}

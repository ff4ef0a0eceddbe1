import type { ApiResource, Subresource, Verb } from '../schema/resources/resource.ts';
import { capital, groupPart, maker, type Operation, pathsOf, type Shape } from './operations.ts';

const PROXY_METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'] as const;
const STREAM_METHODS = ['get', 'post'] as const;

/** The operations of one subresource. */
export function subresourceOperations(resource: ApiResource, sub: Subresource): Operation[] {
  const make = maker(resource);
  const path = `${pathsOf(resource).one}/${sub.name}`;
  const where = groupPart(resource.group, resource.version);
  const suffix = SUFFIXES[sub.name] ?? capital(sub.name);
  const name = `${resource.scope === 'namespaced' ? 'Namespaced' : ''}${resource.kind}${suffix}`;
  const type = `${sub.package}.${sub.kind}`;
  const kind = { group: sub.group, version: sub.version, kind: sub.kind };
  const shared = { path, kind, named: sub.kind } as const;
  if (sub.connect) return streams(make, resource, sub, path, where, name);
  const body = { type, required: true };
  const byVerb: Partial<Record<Verb, () => Operation>> = {
    create: () =>
      make({
        ...shared,
        method: 'post',
        id: `create${where}${name}`,
        description: `create ${sub.name} of a ${resource.kind}`,
        action: 'post',
        body,
        query: ['write'],
        answer: type,
        codes: [200, 201, 202],
      }),
    get: () =>
      make({
        ...shared,
        method: 'get',
        id: `read${where}${name}`,
        description: `read ${sub.name} of the specified ${resource.kind}`,
        action: 'get',
        answer: sub.name === 'log' ? 'text' : type,
        ...(sub.name === 'log' ? { options: 'core/v1.PodLogOptions' } : {}),
      }),
    update: () =>
      make({
        ...shared,
        method: 'put',
        id: `replace${where}${name}`,
        description: `replace ${sub.name} of the specified ${resource.kind}`,
        action: 'put',
        body,
        query: ['write'],
        answer: type,
        codes: [200, 201],
      }),
    patch: () =>
      make({
        ...shared,
        method: 'patch',
        id: `patch${where}${name}`,
        description: `partially update ${sub.name} of the specified ${resource.kind}`,
        action: 'patch',
        body: 'patch',
        query: ['patch'],
        answer: type,
        codes: [200, 201],
      }),
  };
  return sub.verbs.flatMap(verb => byVerb[verb]?.() ?? []);
}

/** Subresources of two words; the others are capitalized. */
const SUFFIXES: Readonly<Record<string, string>> = {
  portforward: 'Portforward',
  ephemeralcontainers: 'Ephemeralcontainers',
};

function streams(
  make: (shape: Shape) => Operation,
  resource: ApiResource,
  sub: Subresource,
  path: string,
  where: string,
  name: string,
): Operation[] {
  const proxied = sub.name === 'proxy';
  const methods = proxied ? PROXY_METHODS : STREAM_METHODS;
  const one = (withPath: boolean) =>
    methods.map(method =>
      make({
        path: withPath ? `${path}/{path}` : path,
        method,
        id: `connect${where}${capital(method)}${name}${withPath ? 'WithPath' : ''}`,
        description: `connect ${method.toUpperCase()} requests to ${sub.name} of ${resource.kind}`,
        action: 'connect',
        kind: { group: sub.group, version: sub.version, kind: sub.kind },
        named: sub.kind,
        options: `${sub.package}.${sub.kind}`,
        answer: 'text',
        pathParameters: [
          'name',
          ...(resource.scope === 'namespaced' ? ['namespace'] : []),
          ...(withPath ? ['path'] : []),
        ],
      }),
    );
  return [...one(false), ...(proxied ? one(true) : [])];
}

import { builtinTable } from '../schema/builtin.ts';
import type { Operation, QueryGroup } from './operations.ts';

/** A query or path parameter. */
export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path';
  readonly type: 'string' | 'boolean' | 'integer';
  readonly description: string;
}

const query = (name: string, type: Parameter['type'], description: string): Parameter => ({
  name,
  in: 'query',
  type,
  description,
});

const DRY_RUN = query('dryRun', 'string', 'With the value All the request goes through every stage and is not stored.');
const FIELD_MANAGER = query(
  'fieldManager',
  'string',
  'A name for the actor that makes the change; at most 128 characters.',
);
const FIELD_VALIDATION = query(
  'fieldValidation',
  'string',
  'What becomes of unknown and repeated fields of the body: Ignore drops them, Warn (the default) drops them with a warning, Strict refuses the request.',
);

const FORCE = query('force', 'boolean', 'A server-side apply takes the fields that others manage; for no other patch.');

const GROUPS: Readonly<Record<QueryGroup, readonly Parameter[]>> = {
  list: [
    query('allowWatchBookmarks', 'boolean', 'A watch may be sent events of type BOOKMARK.'),
    query('continue', 'string', 'The token of the list before, for its next part.'),
    query('fieldSelector', 'string', 'Only objects whose fields match.'),
    query('labelSelector', 'string', 'Only objects whose labels match.'),
    query('limit', 'integer', 'At most so many objects; the answer then has a token for the rest.'),
    query('resourceVersion', 'string', 'The version that the answer is about; see resourceVersionMatch.'),
    query('resourceVersionMatch', 'string', 'How resourceVersion is meant: Exact or NotOlderThan.'),
    query('sendInitialEvents', 'boolean', 'A watch begins with the objects there are, and a bookmark that ends them.'),
    query('timeoutSeconds', 'integer', 'How long the request may last.'),
    query('watch', 'boolean', 'Send changes as they come.'),
  ],
  write: [DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION],
  patch: [DRY_RUN, FIELD_MANAGER, FIELD_VALIDATION, FORCE],
  delete: [
    DRY_RUN,
    query('gracePeriodSeconds', 'integer', 'How long the object may take to end; 0 deletes at once.'),
    query(
      'ignoreStoreReadErrorWithClusterBreakingPotential',
      'boolean',
      'Delete even what can not be read from the store.',
    ),
    query('orphanDependents', 'boolean', 'Deprecated: see propagationPolicy.'),
    query('propagationPolicy', 'string', 'What becomes of dependents: Orphan, Background or Foreground.'),
  ],
};

const PRETTY = query('pretty', 'string', 'With the value true the answer is indented.');

const PATH: Readonly<Record<string, string>> = {
  namespace: 'object name and auth scope, such as for teams and projects',
  path: 'path to the resource',
};

/** The parameters of an operation, without its body: path first, each name once. */
export function parametersOf(operation: Operation): Parameter[] {
  const found = new Map<string, Parameter>();
  for (const name of operation.pathParameters)
    found.set(`path ${name}`, {
      name,
      in: 'path',
      type: 'string',
      description: PATH[name] ?? `name of the ${operation.named}`,
    });
  // A collection that is deleted is not watched.
  for (const group of operation.query)
    for (const parameter of GROUPS[group])
      if (operation.method !== 'delete' || !['watch', 'allowWatchBookmarks'].includes(parameter.name))
        found.set(`query ${parameter.name}`, parameter);
  if (operation.options !== undefined)
    for (const parameter of optionParameters(operation.options)) found.set(`query ${parameter.name}`, parameter);
  if (operation.kind !== undefined && operation.action !== 'connect') found.set('query pretty', PRETTY);
  return [...found.values()];
}

/** The fields of an options kind as query parameters. */
function optionParameters(typeId: string): Parameter[] {
  return [...builtinTable.struct(typeId).json.values()]
    .filter(field => field.name !== 'kind' && field.name !== 'apiVersion')
    .flatMap(({ name, type }) => {
      const scalar = type.kind === 'list' ? type.of : type;
      // As upstream does, only what Go holds in a plain type: sinceTime is taken by the server and not described.
      if (scalar.kind !== 'scalar' || scalar.scalar === 'Time') return [];
      const json = scalar.scalar === 'bool' ? 'boolean' : /^u?int/.test(scalar.scalar) ? 'integer' : 'string';
      return [query(name, json, `${name} of ${typeId.slice(typeId.lastIndexOf('.') + 1)}`)];
    });
}

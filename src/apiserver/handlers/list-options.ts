import { type FieldSelector, fieldSelectorParameter } from '../../api/selectors/field-selector.ts';
import { labelSelectorParameter } from '../../api/selectors/label-selector.ts';
import { badRequestError, invalidError } from '../../api/status.ts';
import { type FieldError, forbidden, notSupported } from '../../api/validation/field-error.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { asksToWatch } from '../request-info.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { ResourceVersionMatch } from '../storage/storage.ts';
import type { ServedResource } from './served-resource.ts';

/** The parameters of a list, a watch or a deletecollection. */
export interface ListParameters {
  /** Undefined: everything matches. */
  readonly matches: ((object: ApiObject) => boolean) | undefined;
  readonly fields: FieldSelector;
  readonly limit: number;
  readonly continue: string;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: ResourceVersionMatch | undefined;
  readonly sendInitialEvents: boolean | undefined;
  readonly allowWatchBookmarks: boolean;
  /** 0: not given. */
  readonly timeoutSeconds: number;
}

/** Reads and checks them. Throws 400 for what cannot be read, 422 for what does not go together. */
export function listParameters(context: RequestContext, served: ServedResource, isWatch: boolean): ListParameters {
  const { query } = context.request;
  const labels = labelSelectorParameter(query.get('labelSelector'));
  const fields = fieldSelectorParameter(query.get('fieldSelector'), new Set(served.resource.selectableFields));
  const named = context.info.name;
  if (named !== '' && !fields.isEmpty() && fields.requiredValue('metadata.name') !== named)
    throw badRequestError("fieldSelector metadata.name doesn't match requested name");
  const all = labels.isEmpty() && fields.isEmpty() && named === '';
  const parameters: ListParameters = {
    matches: all
      ? undefined
      : object =>
          (named === '' || object.metadata.name === named) &&
          labels.matches(object.metadata.labels) &&
          (fields.isEmpty() || matchesFields(fields, served.selectableFields(object))),
    fields,
    limit: numberOf(query, 'limit'),
    continue: query.get('continue') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: matchOf(query.get('resourceVersionMatch') ?? ''),
    sendInitialEvents: booleanOf(query, 'sendInitialEvents'),
    allowWatchBookmarks: booleanOf(query, 'allowWatchBookmarks') ?? false,
    timeoutSeconds: numberOf(query, 'timeoutSeconds'),
  };
  // the paths below `watch/` say it without the parameter, and are checked as lists are
  const errors = conflicts(parameters, query.get('resourceVersionMatch') ?? '', isWatch && asksToWatch(query));
  if (errors.length > 0) throw invalidError({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', errors);
  return parameters;
}

function matchesFields(selector: FieldSelector, values: ReadonlyMap<string, string>): boolean {
  return selector.matches(name => values.get(name));
}

function conflicts(parameters: ListParameters, match: string, isWatch: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const { sendInitialEvents } = parameters;
  if (isWatch) {
    if (sendInitialEvents !== undefined && match !== 'NotOlderThan')
      errors.push(
        forbidden('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'),
      );
    if (sendInitialEvents === undefined && match !== '')
      errors.push(
        forbidden(
          'resourceVersionMatch',
          'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
        ),
      );
    if (match !== '' && match !== 'NotOlderThan')
      errors.push(notSupported('resourceVersionMatch', match, ['NotOlderThan']));
    if (match !== '' && parameters.continue !== '')
      errors.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'));
    return errors;
  }
  if (match !== '') errors.push(...matchErrors(parameters, match));
  if (sendInitialEvents !== undefined)
    errors.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  return errors;
}

/** How the versions of a list may be asked for. */
function matchErrors({ resourceVersion, continue: token }: ListParameters, match: string): FieldError[] {
  const errors: FieldError[] = [];
  if (resourceVersion === '')
    errors.push(
      forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided'),
    );
  if (token !== '')
    errors.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'));
  if (match !== 'Exact' && match !== 'NotOlderThan')
    errors.push(notSupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']));
  if (match === 'Exact' && resourceVersion === '0')
    errors.push(forbidden('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  return errors;
}

function matchOf(text: string): ResourceVersionMatch | undefined {
  return text === 'Exact' || text === 'NotOlderThan' ? text : undefined;
}

function numberOf(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? '';
  if (text === '') return 0;
  if (!/^[+-]?\d{1,15}$/.test(text))
    throw badRequestError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Math.max(0, Number(text));
}

function booleanOf(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  return text.toLowerCase() !== 'false' && text !== '0';
}

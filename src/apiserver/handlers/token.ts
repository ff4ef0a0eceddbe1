import { goQuote } from '../../api/go-quote.ts';
import { builtinTable } from '../../api/schema/builtin.ts';
import { badRequestError, conflictError, invalidError, notFoundError } from '../../api/status.ts';
import { timeOf } from '../../api/time.ts';
import type { TokenRequest } from '../../api/types/gen/authentication-v1.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import { invalid } from '../../api/validation/field-error.ts';
import { admit } from '../admission/plugin.ts';
import { signJwt } from '../authn/jwt.ts';
import { serviceAccountClaims, type TokenBinding } from '../authn/service-account-claims.ts';
import type { RequestContext } from '../pipeline/context.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { storageFault } from '../storage/errors.ts';
import { writeOptions } from './create.ts';
import type { HandlerContext } from './handler-context.ts';
import { readObject } from './read-body.ts';
import type { ServedResource } from './served-resource.ts';
import { admissionRequest } from './write-object.ts';

const KIND = { group: 'authentication.k8s.io', kind: 'TokenRequest' };
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;
const DEFAULT_SECONDS = 3600;
/** What kubelets ask for for pods; such tokens live a year and warn after this time, as upstream has it. */
const PROJECTED_SECONDS = 3607;
const EXTENDED_SECONDS = 365 * 24 * 3600;

/** POST …/serviceaccounts/{name}/token: a token of the account, bound to the object that the request names. */
export async function createToken(
  handlers: HandlerContext,
  served: ServedResource,
  context: RequestContext,
): Promise<TokenRequest> {
  const { namespace, name } = context.info;
  const asked = await readObject<TokenRequest>(handlers, context, {
    type: builtinTable.struct('authentication/v1.TokenRequest'),
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
  });
  const request = await admitted(handlers, served, context, asked);
  checkMetadata(request, namespace, name);
  const account = (await served.cache.get(served.key(namespace, name), { signal: context.signal })).object;
  const { uid: wantedUid = '' } = request.metadata;
  const uid = account.metadata.uid ?? '';
  if (wantedUid !== '' && wantedUid !== uid)
    throw conflictError(
      { group: KIND.group, resource: KIND.kind },
      name,
      `the UID in the token request (${wantedUid}) does not match the UID of the service account (${uid})`,
    );
  const seconds = request.spec.expirationSeconds ?? DEFAULT_SECONDS;
  const wrong = [
    ...(seconds < MIN_SECONDS
      ? [invalid('spec.expirationSeconds', seconds, 'may not specify a duration less than 10 minutes')]
      : []),
    ...(seconds > MAX_SECONDS
      ? [invalid('spec.expirationSeconds', seconds, 'may not specify a duration larger than 2^32 seconds')]
      : []),
  ];
  if (wrong.length > 0) throw invalidError(KIND, '', wrong);
  const audiences = request.spec.audiences.length > 0 ? request.spec.audiences : handlers.tokens.audiences;
  const binding = await bindingOf(handlers, request, context);
  // what is for others than this server ends when it was to end: nobody else knows of the longer time
  const isOurs = audiences.every(audience => handlers.tokens.audiences.includes(audience));
  const isProjected = seconds === PROJECTED_SECONDS && binding !== undefined && 'pod' in binding && isOurs;
  const issuedAt = Math.floor(handlers.clock.now() / 1000);
  const token = signJwt(
    serviceAccountClaims({
      issuer: handlers.tokens.issuer,
      namespace,
      serviceAccount: { name, uid },
      audiences,
      issuedAt,
      expiresAt: issuedAt + (isProjected ? EXTENDED_SECONDS : seconds),
      ...(isProjected ? { warnAfter: issuedAt + seconds } : {}),
      ...(binding === undefined ? {} : { binding }),
    }),
    handlers.tokens.key,
  );
  const expires = timeOf((issuedAt + seconds) * 1000);
  return {
    ...request,
    metadata: { ...request.metadata, name, namespace, uid, creationTimestamp: timeOf(issuedAt * 1000) },
    spec: { ...request.spec, audiences, expirationSeconds: seconds },
    status: { token, expirationTimestamp: expires },
  };
}

/** Throws 422 for a request that says another account than its path. */
function checkMetadata({ metadata }: TokenRequest, namespace: string, name: string): void {
  const { name: saidName = '', namespace: saidNamespace = '' } = metadata;
  const wrong = [
    ...(saidName !== '' && saidName !== name
      ? [invalid('metadata.name', saidName, 'must match the service account name if specified')]
      : []),
    ...(saidNamespace !== '' && saidNamespace !== namespace
      ? [invalid('metadata.namespace', saidNamespace, 'must match the service account namespace if specified')]
      : []),
  ];
  if (wrong.length > 0) throw invalidError(KIND, name, wrong);
}

/** What admission makes of the request, which is to it the creation of the account's subresource: a node gets tokens for its own pods only. */
async function admitted(
  handlers: HandlerContext,
  served: ServedResource,
  context: RequestContext,
  asked: TokenRequest,
): Promise<TokenRequest> {
  const { namespace, name } = context.info;
  const options = { ...writeOptions(context), subresource: 'token' };
  const objects = { object: asked, oldObject: undefined };
  const write = admissionRequest(served, 'CREATE', { namespace, name }, objects, options);
  const object = await admit(handlers.admission, { ...write, kind: 'TokenRequest' }, context.signal);
  return object as TokenRequest;
}

async function bindingOf(
  handlers: HandlerContext,
  request: TokenRequest,
  context: RequestContext,
): Promise<TokenBinding | undefined> {
  const { namespace, name: account } = context.info;
  const reference = request.spec.boundObjectRef;
  if (reference === undefined) return undefined;
  const { kind = '', apiVersion = '', name = '', uid: wantedUid = '' } = reference;
  const plural = apiVersion === 'v1' ? BINDABLE.get(kind) : undefined;
  const served = plural === undefined ? undefined : handlers.resources.get(`/v1/${plural}`);
  if (served === undefined)
    throw badRequestError(
      `cannot bind token to object of type ${apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}, Kind=${kind}`,
    );
  const object = await find(served, served.namespaced ? namespace : '', name, context);
  if (kind === 'Pod' && (object as unknown as Pod).spec.serviceAccountName !== account)
    throw badRequestError(
      `cannot bind token for serviceaccount ${goQuote(account)} to pod running with different serviceaccount name.`,
    );
  const uid = object.metadata.uid ?? '';
  if (wantedUid !== '' && wantedUid !== uid)
    throw conflictError(
      { group: '', resource: kind },
      name,
      `the UID in the bound object reference (${wantedUid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  if (kind === 'Secret') return { secret: { name, uid } };
  if (kind === 'Node') return { node: { name, uid } };
  const nodeName = (object as unknown as Pod).spec.nodeName ?? '';
  const nodes = handlers.resources.get('/v1/nodes');
  const node = nodeName === '' ? undefined : nodes?.cache.peek(nodes.key('', nodeName))?.object;
  return {
    pod: { name, uid },
    ...(nodeName === '' ? {} : { node: { name: nodeName, uid: node?.metadata.uid ?? '' } }),
  };
}

const BINDABLE: ReadonlyMap<string, string> = new Map([
  ['Pod', 'pods'],
  ['Secret', 'secrets'],
  ['Node', 'nodes'],
]);

async function find(
  served: ServedResource,
  namespace: string,
  name: string,
  context: RequestContext,
): Promise<ApiObject> {
  try {
    return (await served.cache.get(served.key(namespace, name), { signal: context.signal })).object;
  } catch (error) {
    if (storageFault(error) !== 'not-found') throw error;
    throw notFoundError(served.groupResource, name);
  }
}

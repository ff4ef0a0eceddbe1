import { equalAs } from '../../api/semantic-equal.ts';
import type { AllocationResult, ResourceClaimSpec, ResourceClaimStatus } from '../../api/types/gen/resource-v1.ts';
import { type FieldError, forbidden } from '../../api/validation/field-error.ts';
import { EXTRA_NODE_NAME, serviceAccountOf, type UserInfo } from '../authn/user.ts';
import { type Attributes, forbiddenByAuthorizer, resourceAttributes } from '../authz/attributes.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { HandlerContext, WriteOptions } from './handler-context.ts';
import type { ServedResource } from './served-resource.ts';

const GROUP = 'resource.k8s.io';
const ADMIN_LABEL = 'resource.kubernetes.io/admin-access';
const CLAIM_STATUS = 'resource/v1.ResourceClaimStatus';

interface Claim extends ApiObject {
  readonly spec: ResourceClaimSpec;
  readonly status: ResourceClaimStatus;
}

interface Template extends ApiObject {
  readonly spec: { readonly spec: ResourceClaimSpec };
}

/**
 * What a claim of devices is refused for that its strategy cannot see: admin access in a namespace without the label for it,
 * and a part of its status that the user may not write. Other kinds pass.
 */
export async function claimRightsErrors(
  handlers: Pick<HandlerContext, 'authorizer' | 'resources'>,
  served: Pick<ServedResource, 'resource'>,
  object: ApiObject,
  old: ApiObject | undefined,
  options: Pick<WriteOptions, 'user' | 'subresource' | 'verb' | 'signal'>,
): Promise<FieldError[]> {
  const { group, plural } = served.resource;
  if (group !== GROUP || (plural !== 'resourceclaims' && plural !== 'resourceclaimtemplates')) return [];
  const { namespace = '' } = object.metadata;
  if (old === undefined) {
    const spec = plural === 'resourceclaims' ? (object as Claim).spec : (object as Template).spec.spec;
    return await adminErrors(handlers, namespace, adminRequest(spec), options.signal);
  }
  if (plural !== 'resourceclaims' || options.subresource !== 'status') return [];
  const [now, before] = [(object as Claim).status, (old as Claim).status];
  const asked = adminResult(before) === undefined ? adminResult(now) : undefined;
  return [
    ...(await adminErrors(handlers, namespace, asked, options.signal)),
    ...bindingErrors(handlers, options, now, before),
    ...(now.allocation === undefined ? [] : deviceErrors(handlers, options, namespace, now, before)),
  ];
}

/** The path of the first request that asks for admin access. */
function adminRequest({ devices }: ResourceClaimSpec): string | undefined {
  const index = (devices.requests ?? []).findIndex(({ exactly }) => exactly?.adminAccess === true);
  return index < 0 ? undefined : `spec.devices.requests[${index}].adminAccess`;
}

function adminResult({ allocation }: ResourceClaimStatus): string | undefined {
  const index = (allocation?.devices.results ?? []).findIndex(({ adminAccess }) => adminAccess === true);
  return index < 0 ? undefined : `status.allocation.devices.results[${index}].adminAccess`;
}

async function adminErrors(
  { resources }: Pick<HandlerContext, 'resources'>,
  namespace: string,
  path: string | undefined,
  signal: AbortSignal,
): Promise<FieldError[]> {
  const namespaces = resources.get('/v1/namespaces');
  if (path === undefined || namespaces === undefined) return [];
  const { object } = await namespaces.cache.get(namespaces.key('', namespace), { signal });
  if (object.metadata.labels?.[ADMIN_LABEL] === 'true') return [];
  return [
    forbidden(path, `admin access to devices requires the \`${ADMIN_LABEL}: true\` label on the containing namespace`),
  ];
}

/** Who gives devices to a claim, as the scheduler does, needs a right of its own. */
function bindingErrors(
  { authorizer }: Pick<HandlerContext, 'authorizer'>,
  { user, verb }: Pick<WriteOptions, 'user' | 'verb'>,
  now: ResourceClaimStatus,
  before: ResourceClaimStatus,
): FieldError[] {
  const of = ({ allocation, reservedFor }: ResourceClaimStatus): ResourceClaimStatus => ({ allocation, reservedFor });
  if (equalAs(CLAIM_STATUS, of(now), of(before))) return [];
  const refusal = refusalOf(authorizer, [claimAttributes(user, verb, 'binding', '', '')]);
  return refusal === undefined
    ? []
    : [
        forbidden(
          'status.allocation',
          `changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="${verb}" permission: ${refusal}`,
        ),
      ];
}

/** A driver tells of its own devices: on its node, or anywhere with the larger right. */
function deviceErrors(
  { authorizer }: Pick<HandlerContext, 'authorizer'>,
  { user, verb }: Pick<WriteOptions, 'user' | 'verb'>,
  namespace: string,
  now: ResourceClaimStatus,
  before: ResourceClaimStatus,
): FieldError[] {
  const own = isOnNode(user, nodeOf(now.allocation));
  const verbs = [...(own ? [`associated-node:${verb}`] : []), `arbitrary-node:${verb}`];
  return changedDrivers(now, before).flatMap(driver => {
    const questions = verbs.map(each => claimAttributes(user, each, 'driver', namespace, driver));
    const refusal = refusalOf(authorizer, questions);
    return refusal === undefined
      ? []
      : [
          forbidden(
            'status.devices',
            `changing status.devices requires resource="resourceclaims/driver", verb="[${verbs.join(' ')}]" permission: ${refusal}`,
          ),
        ];
  });
}

function claimAttributes(
  user: UserInfo,
  verb: string,
  subresource: string,
  namespace: string,
  name: string,
): Attributes {
  return resourceAttributes(user, verb, {
    apiGroup: GROUP,
    apiVersion: 'v1',
    resource: 'resourceclaims',
    subresource,
    namespace,
    name,
  });
}

/** Why none of the questions is answered with yes: upstream's sentence about the first. */
function refusalOf(authorizer: HandlerContext['authorizer'], questions: readonly Attributes[]): string | undefined {
  const answers = questions.map(question => [question, authorizer.authorize(question)] as const);
  if (answers.some(([, { kind }]) => kind === 'allow')) return undefined;
  const [first] = answers;
  return first === undefined ? undefined : forbiddenByAuthorizer(first[0], first[1].reason).message;
}

/** The drivers whose devices came, went or changed. */
function changedDrivers(now: ResourceClaimStatus, before: ResourceClaimStatus): readonly string[] {
  type Device = NonNullable<ResourceClaimStatus['devices']>[number];
  const idOf = ({ driver, pool, device, shareID = '' }: Device): string =>
    JSON.stringify([driver, pool, device, shareID]);
  const old = new Map((before.devices ?? []).map(device => [idOf(device), device]));
  const drivers = new Set<string>();
  for (const device of now.devices ?? []) {
    const had = old.get(idOf(device));
    old.delete(idOf(device));
    if (had === undefined || !equalAs('resource/v1.AllocatedDeviceStatus', device, had)) drivers.add(device.driver);
  }
  for (const { driver } of old.values()) drivers.add(driver);
  return [...drivers].toSorted();
}

/** The one node of an allocation; empty where it is not of one. */
function nodeOf(allocation: AllocationResult | undefined): string {
  const [term, ...more] = allocation?.nodeSelector?.nodeSelectorTerms ?? [];
  const [field, ...others] = term?.matchFields ?? [];
  if (more.length > 0 || others.length > 0 || (term?.matchExpressions ?? []).length > 0) return '';
  const [node = '', ...nodes] = field?.values ?? [];
  return field?.key === 'metadata.name' && field.operator === 'In' && nodes.length === 0 ? node : '';
}

function isOnNode(user: UserInfo, node: string): boolean {
  const nodes = user.extra.get(EXTRA_NODE_NAME) ?? [];
  return node !== '' && serviceAccountOf(user.name) !== undefined && nodes.length === 1 && nodes[0] === node;
}

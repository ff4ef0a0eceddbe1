import type { Time } from '../../api/types/scalars.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { Decision, Lister, WriteRequest } from './admission.ts';
import { decideClaimResize } from './claim-resize.ts';
import { decideDefaultIngressClass } from './default-ingress-class.ts';
import { decideDefaultStorageClass } from './default-storage-class.ts';
import { decideDefaultTolerationSeconds } from './default-toleration-seconds.ts';
import { decideLimitBounds, decideLimitDefaults } from './limit-ranger.ts';
import { decideNamespaceLifecycle } from './namespace-lifecycle.ts';
import { decideNodeRestriction } from './node-restriction/node-restriction.ts';
import type { AdmissionPlugin, AdmissionRequest } from './plugin.ts';
import { decidePodSecurity } from './pod-security/pod-security.ts';
import { decideDefaultPriority, decidePriority } from './priority.ts';
import { decideOverhead, decideRuntimeClass } from './runtime-class.ts';
import { decideServiceAccount } from './service-account.ts';
import { decideStorageObjectInUseProtection } from './storage-object-in-use-protection.ts';
import { decideTaintNodesByCondition } from './taint-nodes-by-condition.ts';

export interface AdmissionInputs {
  readonly lister: Lister;
  readonly authorizer: Pick<Authorizer, 'authorize'>;
  readonly now: () => Time;
  /** Five characters, fresh at each call. */
  readonly randomSuffix: () => string;
}

interface Phases {
  readonly mutate?: DecideWith;
  readonly validate?: DecideWith;
}

type DecideWith = (request: WriteRequest, inputs: AdmissionInputs) => Decision;

/**
 * The decisions as plugins, in upstream's order, all but the quota, which is charged where the object is stored. Those that may be
 * about a delete look at it in `validate`, since a delete has no object to change.
 */
export function decisionPlugins(inputs: AdmissionInputs): readonly AdmissionPlugin[] {
  const run = (decide: DecideWith, request: AdmissionRequest): object | undefined =>
    settle(request, decide(writeRequestOf(request, inputs.now()), inputs));
  const plugin = (name: string, { mutate, validate }: Phases): AdmissionPlugin => ({
    name,
    handles: ({ operation }) => operation !== 'CONNECT',
    ...(mutate === undefined ? {} : { mutate: async request => run(mutate, request) ?? {} }),
    validate: async request => {
      if (mutate !== undefined && request.operation === 'DELETE') run(mutate, request);
      if (validate !== undefined) run(validate, request);
    },
  });
  const mutate = (name: string, decide: DecideWith): AdmissionPlugin => plugin(name, { mutate: decide });
  return [
    mutate('NamespaceLifecycle', (request, { lister }) => decideNamespaceLifecycle(request, lister)),
    plugin('LimitRanger', {
      mutate: (request, { lister }) => decideLimitDefaults(request, lister),
      validate: (request, { lister }) => decideLimitBounds(request, lister),
    }),
    mutate('ServiceAccount', (request, { lister, randomSuffix }) =>
      decideServiceAccount(request, lister, randomSuffix()),
    ),
    mutate('NodeRestriction', (request, { lister, authorizer }) => decideNodeRestriction(request, lister, authorizer)),
    mutate('TaintNodesByCondition', decideTaintNodesByCondition),
    plugin('PodSecurity', { validate: (request, { lister }) => decidePodSecurity(request, lister) }),
    plugin('Priority', {
      mutate: (request, { lister }) => decidePriority(request, lister),
      validate: (request, { lister }) => decideDefaultPriority(request, lister),
    }),
    mutate('DefaultTolerationSeconds', decideDefaultTolerationSeconds),
    mutate('DefaultStorageClass', (request, { lister }) => decideDefaultStorageClass(request, lister)),
    mutate('StorageObjectInUseProtection', decideStorageObjectInUseProtection),
    plugin('PersistentVolumeClaimResize', { validate: (request, { lister }) => decideClaimResize(request, lister) }),
    plugin('RuntimeClass', {
      mutate: (request, { lister }) => decideRuntimeClass(request, lister),
      validate: (request, { lister }) => decideOverhead(request, lister),
    }),
    mutate('DefaultIngressClass', (request, { lister }) => decideDefaultIngressClass(request, lister)),
  ];
}

/** The request as decisions see it: a connection is to them a change of what it is made to. */
export function writeRequestOf(request: AdmissionRequest, now: Time): WriteRequest {
  const { operation, group, resource, subresource, namespace, name, user, object, oldObject } = request;
  return {
    operation: operation === 'CONNECT' ? 'UPDATE' : operation,
    resource: { group, resource },
    subresource,
    namespace,
    name,
    user,
    now,
    object: object as ApiObject | undefined,
    oldObject: oldObject as ApiObject | undefined,
  };
}

/** The object to go on with; the warnings are told, a refusal is thrown. */
function settle(request: AdmissionRequest, decision: Decision): object | undefined {
  if (decision.kind === 'deny') throw decision.error;
  for (const warning of decision.warnings ?? []) request.warn(warning);
  return decision.object ?? request.object;
}

import type { Time } from '../../api/types/scalars.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { Decision, Lister, WriteRequest } from './admission.ts';
import { decideDefaultStorageClass } from './default-storage-class.ts';
import { decideDefaultTolerationSeconds } from './default-toleration-seconds.ts';
import { decideLimitRanger } from './limit-ranger.ts';
import { decideNamespaceLifecycle } from './namespace-lifecycle.ts';
import { decideNodeRestriction } from './node-restriction/node-restriction.ts';
import type { AdmissionPlugin, AdmissionRequest } from './plugin.ts';
import { decidePodSecurity } from './pod-security/pod-security.ts';
import { decidePriority } from './priority.ts';
import { decideServiceAccount } from './service-account.ts';
import { decideTaintNodesByCondition } from './taint-nodes-by-condition.ts';

export interface AdmissionInputs {
  readonly lister: Lister;
  readonly authorizer: Pick<Authorizer, 'authorize'>;
  readonly now: () => Time;
  /** Five characters, fresh at each call. */
  readonly randomSuffix: () => string;
}

type DecideWith = (request: WriteRequest, inputs: AdmissionInputs) => Decision;

/**
 * The decisions as plugins, in upstream's order, all but the quota, which is charged where the object is stored. Those that may be
 * about a delete look at it in `validate`, since a delete has no object to change.
 */
export function decisionPlugins(inputs: AdmissionInputs): readonly AdmissionPlugin[] {
  const plugin = (name: string, phase: 'mutate' | 'validate', decide: DecideWith): AdmissionPlugin => {
    const run = (request: AdmissionRequest): object | undefined =>
      settle(request, decide(writeRequestOf(request, inputs.now()), inputs));
    return {
      name,
      handles: ({ operation }) => operation !== 'CONNECT',
      ...(phase === 'mutate' ? { mutate: async request => run(request) ?? {} } : {}),
      validate: async request => {
        if (phase === 'validate' || request.operation === 'DELETE') run(request);
      },
    };
  };
  return [
    plugin('NamespaceLifecycle', 'mutate', (request, { lister }) => decideNamespaceLifecycle(request, lister)),
    plugin('LimitRanger', 'mutate', (request, { lister }) => decideLimitRanger(request, lister)),
    plugin('ServiceAccount', 'mutate', (request, { lister, randomSuffix }) =>
      decideServiceAccount(request, lister, randomSuffix()),
    ),
    plugin('NodeRestriction', 'mutate', (request, { lister, authorizer }) =>
      decideNodeRestriction(request, lister, authorizer),
    ),
    plugin('TaintNodesByCondition', 'mutate', decideTaintNodesByCondition),
    plugin('PodSecurity', 'validate', (request, { lister }) => decidePodSecurity(request, lister)),
    plugin('Priority', 'mutate', (request, { lister }) => decidePriority(request, lister)),
    plugin('DefaultTolerationSeconds', 'mutate', decideDefaultTolerationSeconds),
    plugin('DefaultStorageClass', 'mutate', (request, { lister }) => decideDefaultStorageClass(request, lister)),
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

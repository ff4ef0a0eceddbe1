import { equalValues } from '../../api/semantic-equal.ts';
import type { ServiceCIDR } from '../../api/types/gen/networking-v1.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { ServerObjects } from './server-objects.ts';

const ID = 'networking.k8s.io/v1/servicecidrs';
const NAME = 'kubernetes';

export type ServiceCidrDecision =
  | { readonly kind: 'create'; readonly object: ServiceCIDR }
  /** A range of the second family came to the one that is stored. */
  | { readonly kind: 'replace'; readonly object: ServiceCIDR }
  | { readonly kind: 'set-status'; readonly object: ServiceCIDR }
  | { readonly kind: 'keep'; readonly because: string };

/**
 * What is to be done about the ranges of the cluster's flags, given what is stored. What differs otherwise is left for a person to decide: other
 * servers may have other flags.
 */
export function decideServiceCidr(
  cidrs: readonly string[],
  stored: ServiceCIDR | undefined,
  now: string,
): ServiceCidrDecision {
  if (stored === undefined)
    return { kind: 'create', object: { metadata: { name: NAME }, spec: { cidrs }, status: {} } };
  const before = stored.spec.cidrs ?? [];
  if (cidrs.length === 2 && before.length === 1 && before[0] === cidrs[0])
    return { kind: 'replace', object: { ...stored, spec: { ...stored.spec, cidrs } } };
  if (stored.metadata.deletionTimestamp !== undefined) return { kind: 'keep', because: '' };
  if (!equalValues(before, cidrs))
    return {
      kind: 'keep',
      because: `the default ServiceCIDR ${before.join()} does not match the flag of this server, ${cidrs.join()}`,
    };
  const conditions = stored.status.conditions ?? [];
  const ready = conditions.find(condition => condition.type === 'Ready');
  if (ready?.status === 'True') return { kind: 'keep', because: '' };
  if (ready?.status === 'False')
    return { kind: 'keep', because: `the default ServiceCIDR is not ready: ${ready.message}` };
  const set = {
    type: 'Ready',
    status: 'True' as const,
    reason: '',
    message: 'Kubernetes default Service CIDR is ready',
    lastTransitionTime: now,
  };
  const others = conditions.filter(condition => condition.type !== 'Ready');
  return { kind: 'set-status', object: { ...stored, status: { ...stored.status, conditions: [...others, set] } } };
}

/** Makes the ServiceCIDR `kubernetes`, and says of it that it is ready. Idempotent. */
export async function ensureDefaultServiceCidr(
  objects: ServerObjects,
  cidrs: readonly string[],
  now: () => string,
  log: Logger,
): Promise<void> {
  for (let steps = 0; steps < 2; steps += 1) {
    const stored = (await objects.find(ID, '', NAME)) as unknown as ServiceCIDR | undefined;
    const decided = decideServiceCidr(cidrs, stored, now());
    if (decided.kind === 'keep') {
      if (decided.because !== '') log.warn(decided.because);
      return;
    }
    const object = decided.object as unknown as ApiObject;
    if (decided.kind === 'create') await objects.create(ID, object);
    else if (decided.kind === 'replace') await objects.replace(ID, object);
    else await objects.replaceStatus(ID, object);
  }
}

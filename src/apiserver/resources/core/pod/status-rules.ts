import type { Pod } from '../../../../api/types/gen/core-v1.ts';
import {
  duplicate,
  type FieldError,
  forbidden,
  internalError,
  invalid,
  invalidFor,
  required,
} from '../../../../api/validation/field-error.ts';
import { internalForm } from '../../../../api/validation/internal-form.ts';
import { familyOf, isDualStack, validateLegacyIp } from '../../../../api/validation/ip.ts';
import { dns1123Label, dns1123Subdomain, qualifiedName } from '../../../../api/validation/names.ts';
import { immutable } from '../../../../api/validation/object-meta-update.ts';
import { keptOf } from '../../../../api/validation/pod.ts';
import { validatePodAnnotations } from '../../../../api/validation/pod-annotations.ts';
import { containerStatusErrors, resurrected } from './container-status-rules.ts';
import { annotationChanges } from './update-rules.ts';

const SYSTEM_CONDITIONS = ['PodScheduled', 'Ready', 'Initialized'];

/** Through pods/status: what a kubelet may not say. */
export function validatePodStatusUpdate(pod: Pod, old: Pod): FieldError[] {
  const { status, spec } = pod;
  const { nominatedNodeName = '', observedGeneration = 0 } = status;
  const errors = [
    ...annotationChanges(pod, old),
    ...validatePodAnnotations(
      pod.metadata.annotations ?? {},
      spec,
      keptOf(old.spec, old.metadata),
      'metadata.annotations',
    ),
    ...conditionErrors(pod),
  ];
  if (nominatedNodeName !== '' && nominatedNodeName !== (old.status.nominatedNodeName ?? '')) {
    errors.push(...invalidFor('status.nominatedNodeName', nominatedNodeName, dns1123Subdomain(nominatedNodeName)));
    if ((old.spec.nodeName ?? '') !== '')
      errors.push(forbidden('status.nominatedNodeName', 'may not be set on pods that are already bound to a node'));
  }
  if (observedGeneration < 0)
    errors.push(invalid('status.observedGeneration', observedGeneration, 'must be a non-negative integer'));
  return [
    ...errors,
    ...immutable('status.qosClass', status.qosClass ?? '', old.status.qosClass ?? ''),
    ...resurrected(pod, old),
    ...claimErrors(pod),
    ...extendedClaimErrors(pod),
    ...podIpErrors(pod, old),
    ...hostIpErrors(pod, old),
    ...containerStatusErrors(pod),
  ];
}

function conditionErrors({ status }: Pod): FieldError[] {
  return (status.conditions ?? []).flatMap(({ type, observedGeneration = 0 }, index) => {
    const at = `status.conditions[${index}]`;
    return [
      ...(observedGeneration < 0
        ? [invalid(`${at}.observedGeneration`, observedGeneration, 'must be a non-negative integer')]
        : []),
      ...(SYSTEM_CONDITIONS.includes(type) ? [] : invalidFor(`${at}.Type`, type, qualifiedName(type))),
    ];
  });
}

function claimErrors({ status, spec }: Pod): FieldError[] {
  const claims = new Set((spec.resourceClaims ?? []).map(claim => claim.name));
  const names = new Set<string>();
  return (status.resourceClaimStatuses ?? []).flatMap(({ name, resourceClaimName }, index) => {
    const at = `status.resourceClaimStatuses[${index}]`;
    const errors: FieldError[] = [];
    if (!claims.has(name))
      errors.push(invalid(`${at}.name`, name, 'must match the name of an entry in `spec.resourceClaims`'));
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    if (resourceClaimName !== undefined)
      errors.push(...invalidFor(`${at}.resourceClaimName`, resourceClaimName, dns1123Subdomain(resourceClaimName)));
    return errors;
  });
}

function extendedClaimErrors({ status, spec }: Pod): FieldError[] {
  const claim = status.extendedResourceClaimStatus;
  if (claim === undefined) return [];
  const at = 'status.extendedResourceClaimStatus';
  const containers = new Map([...(spec.initContainers ?? []), ...spec.containers].map(each => [each.name, each]));
  const seen = new Set<string>();
  const errors =
    claim.requestMappings.length === 0
      ? [required(`${at}.requestMappings`, 'at least one request mapping is required')]
      : [];
  for (const [index, mapping] of claim.requestMappings.entries()) {
    const { containerName, resourceName, requestName } = mapping;
    const entry = `${at}.requestMappings[${index}]`;
    const container = containers.get(containerName);
    if (container === undefined)
      errors.push(
        invalid(
          `${entry}.containerName`,
          containerName,
          'must match the name of an entry in spec.initContainers.name or spec.containers.name',
        ),
      );
    else if (container.resources.requests?.[resourceName] === undefined)
      errors.push(
        invalid(
          `${entry}.resourceName`,
          resourceName,
          'must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests',
        ),
      );
    errors.push(...invalidFor(`${at}.requestName`, requestName, dns1123Label(requestName)));
    const key = JSON.stringify([containerName, resourceName, requestName]);
    if (seen.has(key))
      for (const field of ['containerName', 'resourceName', 'requestName'] as const)
        errors.push(duplicate(`${entry}.${field}`, mapping[field]));
    seen.add(key);
  }
  const name = claim.resourceClaimName;
  return name === ''
    ? [...errors, required(`${at}.resourceClaimName`)]
    : [...errors, ...invalidFor(`${at}.resourceClaimName`, name, dns1123Subdomain(name))];
}

function podIpErrors(pod: Pod, old: Pod): FieldError[] {
  const kept = new Set((old.status.podIPs ?? []).map(({ ip }) => ip));
  const ips = (pod.status.podIPs ?? []).map(({ ip }) => ip);
  return [
    ...ips.flatMap((ip, index) => validateLegacyIp(`status.podIPs[${index}]`, ip, kept)),
    ...pairErrors(ips, pod.status.podIPs, 'core/v1.PodIP', 'status.podIPs'),
  ];
}

function hostIpErrors(pod: Pod, old: Pod): FieldError[] {
  const kept = new Set((old.status.hostIPs ?? []).map(({ ip }) => ip));
  const ips = (pod.status.hostIPs ?? []).map(({ ip }) => ip);
  const [first] = ips;
  if (first === undefined) return [];
  return [
    ...(first === (pod.status.hostIP ?? '')
      ? []
      : [invalid('status.hostIPs[0].ip', first, 'must be equal to `hostIP`')]),
    ...ips.flatMap((ip, index) => validateLegacyIp(`status.hostIPs[${index}]`, ip, kept)),
    ...pairErrors(ips, pod.status.hostIPs, 'core/v1.HostIP', 'status.hostIPs'),
  ];
}

/** Two addresses are one of each family, and more there are not. */
function pairErrors(
  ips: readonly string[],
  shown: readonly object[] | undefined,
  type: string,
  path: string,
): FieldError[] {
  if (ips.length < 2) return [];
  const broken = ips.find(ip => familyOf(ip) === undefined);
  const list = (shown ?? []).map(entry => internalForm(type, entry));
  return [
    ...(broken === undefined
      ? []
      : [
          internalError(
            path,
            `failed to check for dual stack with error:invalid IP[${ips.indexOf(broken)}]: ${broken}`,
          ),
        ]),
    ...(broken === undefined && isDualStack(ips) && ips.length === 2
      ? []
      : [invalid(path, list, 'may specify no more than one IP for each IP family')]),
  ];
}

import type { Container, ContainerStatus, Pod, PodSpec } from '../../../../api/types/gen/core-v1.ts';
import {
  among,
  duplicate,
  type FieldError,
  forbidden,
  internalError,
  invalid,
  invalidFor,
  required,
  tooLong,
} from '../../../../api/validation/field-error.ts';
import { internalForm } from '../../../../api/validation/internal-form.ts';
import { familyOf, isDualStack, validateLegacyIp } from '../../../../api/validation/ip.ts';
import { dns1123Label, dns1123Subdomain, numericId, qualifiedName } from '../../../../api/validation/names.ts';
import { immutable } from '../../../../api/validation/object-meta-update.ts';
import { keptOf } from '../../../../api/validation/pod.ts';
import { validatePodAnnotations } from '../../../../api/validation/pod-annotations.ts';
import { annotationChanges } from './update-rules.ts';

const SYSTEM_CONDITIONS = ['PodScheduled', 'Ready', 'Initialized'];
const LISTS = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const;
/** Characters that a device's health may be explained in. */
const MAX_HEALTH_MESSAGE = 1024;

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
    ...LISTS.flatMap(list => userErrors(status[list] ?? [], spec, `status.${list}`)),
    ...healthErrors(status.containerStatuses, spec.containers, 'status.containerStatuses'),
    ...healthErrors(status.initContainerStatuses, spec.initContainers ?? [], 'status.initContainerStatuses'),
    ...(status.ephemeralContainerStatuses ?? []).flatMap(({ allocatedResourcesStatus }, index) =>
      (allocatedResourcesStatus ?? []).length === 0
        ? []
        : [
            forbidden(
              `status.ephemeralContainerStatuses[${index}].allocatedResourcesStatus`,
              'must not be specified in container status',
            ),
          ],
    ),
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

/** A container that has ended for good does not run again. */
function resurrected(pod: Pod, old: Pod): FieldError[] {
  const all = [...(old.spec.initContainers ?? []), ...old.spec.containers];
  const anyRestartsAll = all.some(container =>
    (container.restartPolicyRules ?? []).some(rule => rule.action === 'RestartAllContainers'),
  );
  const errors = (list: (typeof LISTS)[number], containers: readonly Container[]): FieldError[] => {
    const alive = new Set((pod.status[list] ?? []).flatMap(s => (s.state.terminated === undefined ? [s.name] : [])));
    const named = firstByName(containers);
    return (old.status[list] ?? []).flatMap(({ name, state }, index) => {
      const code = state.terminated?.exitCode;
      if (code === undefined || !alive.has(name)) return [];
      const container = named.get(name);
      return container !== undefined && mayRestart(container, old.spec, code)
        ? []
        : [forbidden(`status.${list}[${index}].state`, 'may not be transitioned to non-terminated state')];
    });
  };
  return [
    ...(anyRestartsAll ? [] : errors('containerStatuses', old.spec.containers)),
    ...(anyRestartsAll ? [] : errors('initContainerStatuses', old.spec.initContainers ?? [])),
    ...errors('ephemeralContainerStatuses', []),
  ];
}

/** Of several with one name the first counts. */
function firstByName(containers: readonly Container[]): ReadonlyMap<string, Container> {
  return new Map(containers.toReversed().map(container => [container.name, container]));
}

/** Whether a container that ended with this code is started again: by a rule of its own, its own policy, or the pod's. */
function mayRestart(container: Container, spec: PodSpec, code: number): boolean {
  const matched = (container.restartPolicyRules ?? []).some(({ action, exitCodes }) => {
    const listed = exitCodes?.values?.includes(code) === true;
    const fits =
      exitCodes !== undefined && (exitCodes.operator === 'In' ? listed : exitCodes.operator === 'NotIn' && !listed);
    return fits && (action === 'Restart' || action === 'RestartAllContainers');
  });
  if (container.restartPolicy !== undefined && matched) return true;
  switch (container.restartPolicy ?? spec.restartPolicy) {
    case 'OnFailure':
      return code !== 0;
    case 'Never':
      return false;
    default:
      return true;
  }
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

function userErrors(statuses: readonly ContainerStatus[], spec: PodSpec, path: string): FieldError[] {
  return statuses.flatMap(({ user }, index) => {
    const linux = user?.linux;
    if (linux === undefined) return [];
    const at = `${path}[${index}].user.linux`;
    if (spec.os?.name === 'windows') return [forbidden(at, 'cannot be set for a windows pod')];
    if ((spec.os?.name ?? 'linux') !== 'linux') return [];
    return [
      ...invalidFor(`${at}.uid`, linux.uid, numericId(linux.uid)),
      ...invalidFor(`${at}.gid`, linux.gid, numericId(linux.gid)),
      ...(linux.supplementalGroups ?? []).flatMap((group, place) =>
        invalidFor(`${at}.supplementalGroups[${place}]`, group, numericId(group)),
      ),
    ];
  });
}

/** The health of devices that containers have. */
function healthErrors(
  statuses: readonly ContainerStatus[] | undefined,
  containers: readonly Container[],
  path: string,
): FieldError[] {
  const named = firstByName(containers);
  return (statuses ?? []).flatMap(({ name, allocatedResourcesStatus = [] }, index) => {
    const container = named.get(name);
    const known = allocatedResourcesStatus.length === 0 ? undefined : container && claimedBy(container);
    return allocatedResourcesStatus.flatMap((resource, place) => {
      const at = `${path}[${index}].allocatedResourcesStatus[${place}]`;
      const ids = new Set<string>();
      return [
        ...(container === undefined || known === undefined
          ? []
          : ownershipErrors(resource.name, container, known, `${at}.name`)),
        ...(resource.resources ?? []).flatMap(({ health, message, resourceID }, entry) => {
          const errors = [
            ...among(`${at}.resources[${entry}].health`, health, ['Healthy', 'Unhealthy', 'Unknown']),
            ...messageErrors(message, `${at}.resources[${entry}].message`),
          ];
          if (ids.has(resourceID)) errors.push(duplicate(`${at}.resources[${entry}].resourceID`, resourceID));
          ids.add(resourceID);
          return errors;
        }),
      ];
    });
  });
}

/** The claims of a container as the names of allocated resources. */
function claimedBy({ resources: { claims = [] } }: Container): ReadonlySet<string> {
  return new Set(
    claims.map(({ name, request = '' }) => (request === '' ? `claim:${name}` : `claim:${name}/${request}`)),
  );
}

function ownershipErrors(
  name: string,
  { resources: { requests = {} } }: Container,
  claimed: ReadonlySet<string>,
  path: string,
): FieldError[] {
  if (!name.startsWith('claim:'))
    return Object.hasOwn(requests, name)
      ? []
      : [invalid(path, name, "must match one of the container's resource requests")];
  return claimed.has(name)
    ? []
    : [
        invalid(
          path,
          name,
          "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty",
        ),
      ];
}

function messageErrors(message: string | undefined, path: string): FieldError[] {
  if (message === undefined) return [];
  if (message === '') return [required(path, 'must be non-empty if specified')];
  return Buffer.byteLength(message) > MAX_HEALTH_MESSAGE ? [tooLong(path, MAX_HEALTH_MESSAGE)] : [];
}

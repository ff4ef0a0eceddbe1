import type { Pod, PodDNSConfig, PodResourceClaim, PodSpec } from '../types/gen/core-v1.ts';
import type { ObjectMeta } from '../types/gen/meta-v1.ts';
import { hasInvalidAffinitySelector, hasInvalidRequiredAffinity, validateAffinity } from './affinity.ts';
import { validateContainers, validateHostPorts, validateImageSpaces } from './container.ts';
import { validateFileKeyVolumes } from './env.ts';
import {
  among,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  oneOf,
  required,
  tooLong,
} from './field-error.ts';
import { internalForm } from './internal-form.ts';
import { validateLegacyIp } from './ip.ts';
import { dns1123Label, dns1123Subdomain, dns1123SubdomainWithUnderscore, qualifiedName } from './names.ts';
import { validateLabels, validateObjectMeta } from './object-meta.ts';
import { hasInvalidDeletionCost, MIRROR, validatePodAnnotations } from './pod-annotations.ts';
import { type Kept, NEW_TEMPLATE, newPod, type PodOptions } from './pod-options.ts';
import { hasIndivisibleHugePages, validateOverhead, validatePodResources } from './resources.ts';
import {
  hasHostSysctls,
  hasUserNamespaceDevices,
  validatePodSecurityContext,
  validateUserNamespace,
} from './security-context.ts';
import { validateProfileAgreement } from './security-profiles.ts';
import { validateTolerations } from './tolerations.ts';
import { hasInvalidSpreadLabelKeys, hasInvalidSpreadSelector, validateTopologySpread } from './topology-spread.ts';
import { hasOutsideTokenPath, validateVolumes } from './volume.ts';
import { validateForOs, validateHostProcesses } from './windows-options.ts';

const MAX_HOSTNAME = 64;

/**
 * The rules of a pod that is to be created, over its defaulted form (pkg/apis/core/validation upstream): field paths and
 * texts are upstream's. Empty where the pod is valid. Pure.
 */
export function validatePod(pod: Pod): FieldError[] {
  return [
    ...validateObjectMeta(pod.metadata, { namespaced: true, nameReasons: dns1123Subdomain }),
    ...validateNewPod(pod),
  ];
}

/** The same without the rules of metadata. */
export function validateNewPod(pod: Pod): FieldError[] {
  const { metadata, spec } = pod;
  return [
    ...validatePodParts(pod, newPod(metadata)),
    ...((spec.ephemeralContainers ?? []).length > 0
      ? [forbidden('spec.ephemeralContainers', 'cannot be set on create')]
      : []),
    ...((spec.nodeName ?? '') !== '' && (spec.schedulingGates ?? []).length > 0
      ? [forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared')]
      : []),
    ...validateProfileAgreement(metadata, spec, 'spec'),
  ];
}

/** What holds for a pod at every time: annotations, spec, and what a template may leave open. */
export function validatePodParts({ metadata, spec }: Pod, options: PodOptions): FieldError[] {
  const tokens = (spec.volumes ?? []).flatMap((volume, index) =>
    (volume.projected?.sources ?? []).flatMap((source, place) =>
      source.serviceAccountToken === undefined
        ? []
        : [
            forbidden(
              `spec.volumes[${index}].projected.sources[${place}].serviceAccountToken`,
              'must not be specified when serviceAccountName is not set',
            ),
          ],
    ),
  );
  return [
    ...validatePodAnnotations(metadata.annotations ?? {}, spec, options.kept, 'metadata.annotations'),
    ...validatePodSpec(spec, 'spec', options),
    ...((spec.serviceAccountName ?? '') === '' ? tokens : []),
    ...(['containers', 'initContainers'] as const).flatMap(list =>
      (spec[list] ?? []).flatMap((container, index) => validateImageSpaces(container, `spec.${list}[${index}]`)),
    ),
  ];
}

/** The rules of a pod's spec, which templates share. */
export function validatePodSpec(spec: PodSpec, path: string, options: PodOptions = NEW_TEMPLATE): FieldError[] {
  const { kept, pod } = options;
  const claims = new Set((spec.resourceClaims ?? []).map(claim => claim.name).filter(name => name !== ''));
  const { errors: volumeErrors, valid } = validateVolumes(spec.volumes, options, `${path}.volumes`);
  return [
    ...(spec.terminationGracePeriodSeconds === undefined ? [required(`${path}.terminationGracePeriodSeconds`)] : []),
    ...volumeErrors,
    ...validateResourceClaims(spec.resourceClaims, pod, `${path}.resourceClaims`),
    ...validateContainers(spec, valid, options, path),
    ...validatePodResources(spec, claims, kept, `${path}.resources`),
    ...validateHostPorts(spec, pod !== undefined, path),
    ...oneOf(`${path}.restartPolicy`, spec.restartPolicy, ['Always', 'OnFailure', 'Never']),
    ...oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']),
    ...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
    ...validatePodSecurityContext(spec, kept, path),
    ...validateAffinity(spec.affinity, kept, `${path}.affinity`),
    ...validateDns(spec.dnsConfig, spec.dnsPolicy, `${path}.dnsConfig`),
    ...validateGates(spec, path),
    ...validateTopologySpread(spec.topologySpreadConstraints, kept, `${path}.topologySpreadConstraints`),
    ...validateHostProcesses(spec, path),
    ...validateUserNamespace(spec, kept, path),
    ...validateHostnameOverride(spec, `${path}.hostnameOverride`),
    ...validateNames(spec, path),
    ...validateTolerations(spec.tolerations, `${path}.tolerations`),
    ...validateHostAliases(spec, `${path}.hostAliases`),
    ...validateClasses(spec, path),
    ...(spec.overhead === undefined ? [] : validateOverhead(spec.overhead, kept, `${path}.overhead`)),
    ...validateOs(spec, path),
    ...validateSchedulingGroup(spec, `${path}.schedulingGroup`),
    ...validateFileKeyVolumes(spec, path),
  ];
}

/** Faults of a stored pod, or of the pod of a stored template, that it may keep. */
export function keptOf(spec: PodSpec, metadata: ObjectMeta | undefined): Kept {
  return {
    indivisibleHugePages: hasIndivisibleHugePages(spec),
    affinitySelectorValues: hasInvalidAffinitySelector(spec),
    requiredAffinityValues: hasInvalidRequiredAffinity(spec),
    spreadSelectors: hasInvalidSpreadSelector(spec),
    spreadLabelKeys: hasInvalidSpreadLabelKeys(spec),
    tokenPaths: hasOutsideTokenPath(spec),
    hostSysctls: hasHostSysctls(spec),
    deletionCost: hasInvalidDeletionCost(metadata?.annotations ?? {}),
    initRestartOnResize: (spec.initContainers ?? []).some(
      ({ restartPolicy, resizePolicy }) =>
        restartPolicy !== 'Always' && (resizePolicy ?? []).some(policy => policy.restartPolicy === 'RestartContainer'),
    ),
    userNamespaceDevices: hasUserNamespaceDevices(spec),
    userNamespaceHostNetwork: spec.hostUsers === false && spec.hostNetwork === true,
    seLinuxPolicies: spec.securityContext?.seLinuxChangePolicy !== undefined,
  };
}

function validateResourceClaims(
  claims: readonly PodResourceClaim[] | undefined,
  pod: ObjectMeta | undefined,
  path: string,
): FieldError[] {
  const names = new Set<string>();
  return (claims ?? []).flatMap((claim, index) => {
    const at = `${path}[${index}]`;
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    if (pod?.annotations?.[MIRROR] !== undefined)
      return [forbidden('[]', 'static pods do not support resource claims')];
    const errors: FieldError[] = [];
    const shown = internalForm('core/v1.PodResourceClaim', claim);
    if (name === '') errors.push(required(`${at}.name`));
    else if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    else errors.push(...invalidFor(`${at}.name`, name, dns1123Label(name)));
    names.add(name);
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined)
      errors.push(
        invalid(at, shown, 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified'),
      );
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined)
      errors.push(invalid(at, shown, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'));
    for (const field of ['resourceClaimName', 'resourceClaimTemplateName'] as const) {
      const value = claim[field];
      if (value !== undefined) errors.push(...invalidFor(`${at}.${field}`, value, dns1123Subdomain(value)));
    }
    return errors;
  });
}

function validateDns(config: PodDNSConfig | undefined, policy: string | undefined, path: string): FieldError[] {
  const { nameservers = [], searches = [], options = [] } = config ?? {};
  if (policy === 'None' && config === undefined)
    return [required(path, 'must provide `dnsConfig` when `dnsPolicy` is None')];
  if (policy === 'None' && nameservers.length === 0)
    return [required(`${path}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')];
  const at = `${path}.searches`;
  const errors: FieldError[] = [];
  if (nameservers.length > 3)
    errors.push(invalid(`${path}.nameservers`, nameservers, 'must not have more than 3 nameservers'));
  for (const [index, server] of nameservers.entries())
    errors.push(...validateLegacyIp(`${path}.nameservers[${index}]`, server));
  if (searches.length > 32) errors.push(invalid(at, searches, 'must not have more than 32 search paths'));
  if (Buffer.byteLength(searches.join(' ')) > 2048)
    errors.push(invalid(at, searches, 'must not have more than 2048 characters (including spaces) in the search list'));
  for (const [index, search] of searches.entries()) {
    // A single dot stands for the root.
    const name = search.replace(/\.$/, '');
    if (search !== '.') errors.push(...invalidFor(`${at}[${index}]`, name, dns1123SubdomainWithUnderscore(name)));
  }
  for (const [index, option] of options.entries())
    if ((option.name ?? '') === '') errors.push(required(`${path}.options[${index}]`, 'must not be empty'));
  return errors;
}

/** What has to become true before a pod counts as ready, and before it is scheduled. */
function validateGates(spec: PodSpec, path: string): FieldError[] {
  const seen = new Set<string>();
  return [
    ...(spec.readinessGates ?? []).flatMap(({ conditionType }, index) =>
      invalidFor(`${path}.readinessGates[${index}].conditionType`, conditionType, qualifiedName(conditionType)),
    ),
    ...(spec.schedulingGates ?? []).flatMap(({ name }, index) => {
      const at = `${path}.schedulingGates[${index}]`;
      const errors = invalidFor(at, name, qualifiedName(name));
      if (seen.has(name)) errors.push(duplicate(at, name));
      seen.add(name);
      return errors;
    }),
  ];
}

function validateHostnameOverride(spec: PodSpec, path: string): FieldError[] {
  const name = spec.hostnameOverride;
  if (name === undefined) return [];
  return [
    ...(spec.setHostnameAsFQDN === true
      ? [forbidden(path, 'may not be specified when setHostnameAsFQDN is true')]
      : []),
    ...(spec.hostNetwork === true ? [forbidden(path, 'may not be specified when hostNetwork is true')] : []),
    ...(Buffer.byteLength(name) > MAX_HOSTNAME ? [tooLong(path, MAX_HOSTNAME)] : []),
    ...invalidFor(path, name, dns1123Subdomain(name)),
  ];
}

function nameErrors(spec: PodSpec, field: keyof PodSpec, rule: (name: string) => string[], path: string): FieldError[] {
  const value = spec[field];
  return typeof value === 'string' && value !== '' ? invalidFor(`${path}.${field}`, value, rule(value)) : [];
}

function validateNames(spec: PodSpec, path: string): FieldError[] {
  const deadline = spec.activeDeadlineSeconds;
  return [
    ...nameErrors(spec, 'serviceAccountName', dns1123Subdomain, path),
    ...nameErrors(spec, 'nodeName', dns1123Subdomain, path),
    ...(deadline !== undefined && (deadline < 1 || deadline > 2147483647)
      ? [invalid(`${path}.activeDeadlineSeconds`, deadline, 'must be between 1 and 2147483647, inclusive')]
      : []),
    ...nameErrors(spec, 'hostname', dns1123Label, path),
    ...nameErrors(spec, 'subdomain', dns1123Label, path),
  ];
}

function validateHostAliases(spec: PodSpec, path: string): FieldError[] {
  return (spec.hostAliases ?? []).flatMap(({ ip, hostnames = [] }, index) => [
    ...validateLegacyIp(`${path}[${index}].ip`, ip),
    ...hostnames.flatMap((name, place) =>
      invalidFor(`${path}[${index}].hostnames[${place}]`, name, dns1123Subdomain(name)),
    ),
  ]);
}

function validateClasses(spec: PodSpec, path: string): FieldError[] {
  const { runtimeClassName, preemptionPolicy } = spec;
  return [
    ...nameErrors(spec, 'priorityClassName', dns1123Subdomain, path),
    ...(runtimeClassName === undefined
      ? []
      : invalidFor(`${path}.runtimeClassName`, runtimeClassName, dns1123Subdomain(runtimeClassName))),
    ...(preemptionPolicy === undefined
      ? []
      : oneOf(`${path}.preemptionPolicy`, preemptionPolicy, ['PreemptLowerPriority', 'Never'])),
  ];
}

function validateOs(spec: PodSpec, path: string): FieldError[] {
  const name = spec.os?.name;
  if (name === undefined) return [];
  if (name === '') return [required(`${path}.os.name`)];
  const errors = among(`${path}.os`, name, ['linux', 'windows']);
  return errors.length > 0 ? errors : validateForOs(spec, path);
}

function validateSchedulingGroup({ schedulingGroup }: PodSpec, path: string): FieldError[] {
  if (schedulingGroup === undefined) return [];
  const name = schedulingGroup.podGroupName;
  return name === undefined
    ? [invalid(`${path}.podGroupName`, null, 'must specify one of: `podGroupName`')]
    : invalidFor(`${path}.podGroupName`, name, dns1123Subdomain(name));
}

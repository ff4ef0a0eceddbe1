import type { Pod, PodSpec, Toleration, TopologySpreadConstraint } from '../types/gen/core-v1.ts';
import { validateContainers } from './container.ts';
import { duplicate, type FieldError, forbidden, invalid, invalidFor, oneOf, required } from './field-error.ts';
import { dns1123Label, dns1123Subdomain, ipAddress, labelValue, qualifiedName } from './names.ts';
import { validateLabels, validateObjectMeta } from './object-meta.ts';
import { validatePodResources } from './resources.ts';
import { validatePodSecurityContext } from './security-context.ts';
import { validateVolumes } from './volume.ts';

/**
 * The rules of a pod that is to be created, over its defaulted form (pkg/apis/core/validation upstream): field paths and
 * texts are upstream's. Empty where the pod is valid. Pure.
 */
export function validatePod(pod: Pod): FieldError[] {
  return [
    ...validateObjectMeta(pod.metadata, { namespaced: true, nameReasons: dns1123Subdomain }),
    ...validatePodSpec(pod.spec, 'spec'),
  ];
}

/** The rules of the pod's spec, which templates share. */
export function validatePodSpec(spec: PodSpec, path: string): FieldError[] {
  return [
    ...validateVolumes(spec.volumes, `${path}.volumes`),
    ...validateContainers(spec, path),
    ...validateLifetime(spec, path),
    ...validateNames(spec, path),
    ...validateDns(spec, path),
    ...validateHostNetwork(spec, path),
    ...validatePodSecurityContext(spec, path),
    ...validatePlacement(spec, path),
    ...(spec.resources === undefined ? [] : validatePodResources(spec.resources, `${path}.resources`)),
    ...validateResourceClaims(spec, path),
  ];
}

function validateLifetime(spec: PodSpec, path: string): FieldError[] {
  const errors = oneOf(`${path}.restartPolicy`, spec.restartPolicy, ['Always', 'OnFailure', 'Never']);
  const grace = spec.terminationGracePeriodSeconds;
  if (grace === undefined) errors.push(required(`${path}.terminationGracePeriodSeconds`));
  else if (grace < 0)
    errors.push(invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than or equal to 0'));
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > 2147483647))
    errors.push(invalid(`${path}.activeDeadlineSeconds`, deadline, 'must be between 1 and 2147483647, inclusive'));
  return errors;
}

/** Fields that name something, each with its format. */
function validateNames(spec: PodSpec, path: string): FieldError[] {
  const check = (field: keyof PodSpec, reasons: (value: string) => string[]): FieldError[] => {
    const value = spec[field];
    return typeof value === 'string' && value !== '' ? invalidFor(`${path}.${field}`, value, reasons(value)) : [];
  };
  const errors = [
    ...check('hostname', dns1123Label),
    ...check('subdomain', dns1123Label),
    ...check('hostnameOverride', dns1123Subdomain),
    ...check('nodeName', dns1123Subdomain),
    ...check('serviceAccountName', dns1123Subdomain),
    ...check('priorityClassName', dns1123Subdomain),
    ...check('runtimeClassName', dns1123Subdomain),
    ...check('schedulerName', qualifiedName),
    ...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
  ];
  if (spec.os !== undefined) errors.push(...oneOf(`${path}.os.name`, spec.os.name, ['linux', 'windows']));
  if (spec.preemptionPolicy !== undefined)
    errors.push(...oneOf(`${path}.preemptionPolicy`, spec.preemptionPolicy, ['PreemptLowerPriority', 'Never']));
  for (const [index, gate] of (spec.readinessGates ?? []).entries())
    errors.push(
      ...invalidFor(
        `${path}.readinessGates[${index}].conditionType`,
        gate.conditionType,
        qualifiedName(gate.conditionType),
      ),
    );
  return errors;
}

function validateDns(spec: PodSpec, path: string): FieldError[] {
  const at = `${path}.dnsConfig`;
  const errors = oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, [
    'ClusterFirstWithHostNet',
    'ClusterFirst',
    'Default',
    'None',
  ]);
  const { nameservers = [], searches = [], options = [] } = spec.dnsConfig ?? {};
  if (spec.dnsPolicy === 'None' && spec.dnsConfig === undefined)
    errors.push(required(at, 'must provide `dnsConfig` when `dnsPolicy` is None'));
  else if (spec.dnsPolicy === 'None' && nameservers.length === 0)
    errors.push(required(`${at}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'));
  if (nameservers.length > 3)
    errors.push(invalid(`${at}.nameservers`, nameservers, 'must not have more than 3 nameservers'));
  for (const [index, server] of nameservers.entries())
    errors.push(...invalidFor(`${at}.nameservers[${index}]`, server, ipAddress(server)));
  if (searches.length > 32) errors.push(invalid(`${at}.searches`, searches, 'must not have more than 32 search paths'));
  if (searches.join(' ').length > 2048)
    errors.push(
      invalid(
        `${at}.searches`,
        searches,
        'must not have more than 2048 characters (including spaces) in the search list',
      ),
    );
  for (const [index, search] of searches.entries()) {
    // Underscores are allowed here since 1.34, and a single dot stands for the root.
    const name = search.replace(/\.$/, '').replaceAll('_', 'a');
    if (search !== '.') errors.push(...invalidFor(`${at}.searches[${index}]`, search, dns1123Subdomain(name)));
  }
  for (const [index, option] of options.entries())
    if ((option.name ?? '') === '') errors.push(required(`${at}.options[${index}]`, 'must not be empty'));
  for (const [index, alias] of (spec.hostAliases ?? []).entries()) {
    errors.push(...invalidFor(`${path}.hostAliases[${index}].ip`, alias.ip, ipAddress(alias.ip)));
    for (const [nameIndex, name] of (alias.hostnames ?? []).entries())
      errors.push(...invalidFor(`${path}.hostAliases[${index}].hostnames[${nameIndex}]`, name, dns1123Subdomain(name)));
  }
  return errors;
}

function validateHostNetwork(spec: PodSpec, path: string): FieldError[] {
  if (spec.hostNetwork !== true) return [];
  const errors = spec.containers.flatMap((container, index) =>
    (container.ports ?? []).flatMap((port, portIndex) =>
      (port.hostPort ?? 0) === port.containerPort
        ? []
        : [
            invalid(
              `${path}.containers[${index}].ports[${portIndex}].hostPort`,
              port.hostPort ?? 0,
              'must match `containerPort` when `hostNetwork` is true',
            ),
          ],
    ),
  );
  if ((spec.hostnameOverride ?? '') !== '')
    errors.push(forbidden(`${path}.hostnameOverride`, 'may not be specified when `hostNetwork` is true'));
  return errors;
}

function validatePlacement(spec: PodSpec, path: string): FieldError[] {
  const errors = (spec.tolerations ?? []).flatMap((t, index) => validateToleration(t, `${path}.tolerations[${index}]`));
  const pairs = new Set<string>();
  for (const [index, constraint] of (spec.topologySpreadConstraints ?? []).entries()) {
    const at = `${path}.topologySpreadConstraints[${index}]`;
    const pair = `{${constraint.topologyKey}, ${constraint.whenUnsatisfiable}}`;
    errors.push(...validateSpread(constraint, at));
    if (pairs.has(pair)) errors.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, pair));
    pairs.add(pair);
  }
  const gates = new Set<string>();
  for (const [index, gate] of (spec.schedulingGates ?? []).entries()) {
    const at = `${path}.schedulingGates[${index}]`;
    errors.push(...invalidFor(at, gate.name, qualifiedName(gate.name)));
    if (gates.has(gate.name)) errors.push(duplicate(at, gate.name));
    gates.add(gate.name);
  }
  return errors;
}

function validateToleration(toleration: Toleration, path: string): FieldError[] {
  const { key = '', operator = '', value = '', effect = '' } = toleration;
  const errors = key === '' ? [] : invalidFor(`${path}.key`, key, qualifiedName(key));
  if (key === '' && operator !== 'Exists')
    errors.push(
      invalid(
        `${path}.operator`,
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  if (toleration.tolerationSeconds !== undefined && effect !== 'NoExecute')
    errors.push(invalid(`${path}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
  if (operator === '' || operator === 'Equal') errors.push(...invalidFor(`${path}.operator`, value, labelValue(value)));
  else if (operator === 'Exists') {
    if (value !== '')
      errors.push(invalid(`${path}.operator`, value, "value must be empty when `operator` is 'Exists'"));
  } else errors.push(...oneOf(`${path}.operator`, operator, ['Equal', 'Exists']));
  if (effect !== '') errors.push(...oneOf(`${path}.effect`, effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute']));
  return errors;
}

function validateSpread(constraint: TopologySpreadConstraint, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (constraint.maxSkew <= 0) errors.push(invalid(`${path}.maxSkew`, constraint.maxSkew, 'must be greater than zero'));
  if (constraint.topologyKey === '') errors.push(required(`${path}.topologyKey`, 'can not be empty'));
  errors.push(...oneOf(`${path}.whenUnsatisfiable`, constraint.whenUnsatisfiable, ['DoNotSchedule', 'ScheduleAnyway']));
  if (constraint.minDomains !== undefined && constraint.minDomains <= 0)
    errors.push(invalid(`${path}.minDomains`, constraint.minDomains, 'must be greater than zero'));
  return errors;
}

function validateResourceClaims(spec: PodSpec, path: string): FieldError[] {
  const names = new Set<string>();
  return (spec.resourceClaims ?? []).flatMap((claim, index) => {
    const at = `${path}.resourceClaims[${index}]`;
    const errors: FieldError[] = [];
    if (claim.name === '') errors.push(required(`${at}.name`));
    else if (names.has(claim.name)) errors.push(duplicate(`${at}.name`, claim.name));
    else errors.push(...invalidFor(`${at}.name`, claim.name, dns1123Label(claim.name)));
    names.add(claim.name);
    const given = [claim.resourceClaimName, claim.resourceClaimTemplateName].filter(v => v !== undefined).length;
    if (given === 0)
      errors.push(invalid(at, claim, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'));
    if (given > 1)
      errors.push(
        invalid(at, claim, 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified'),
      );
    return errors;
  });
}

import type { Service, ServicePort } from '../../../../api/types/gen/core-v1.ts';
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  oneOf,
  required,
} from '../../../../api/validation/field-error.ts';
import { validateEndpointIp } from '../../../../api/validation/ip.ts';
import {
  dns1123Label,
  dns1123Subdomain,
  ipAddress,
  portName,
  portNumber,
  qualifiedName,
} from '../../../../api/validation/names.ts';
import { validateLabels } from '../../../../api/validation/object-meta.ts';
import { ipFamily, parseCidr } from '../../../../base/cidr.ts';
import { PROTOCOLS } from '../endpoints.ts';
import { isHeadless, isReachedFromOutside, needsHealthCheckPort } from './needs.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const CIDR_TEXT = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

/** The rules of a service after addresses and ports are allocated, or before: both forms are valid. */
export function validateService(service: Service): FieldError[] {
  return [
    ...typeErrors(service),
    ...portErrors(service),
    ...validateLabels(service.spec.selector, 'spec.selector'),
    ...affinityErrors(service),
    ...clusterIpErrors(service),
    ...(service.spec.externalIPs ?? []).flatMap((ip, i) => validateEndpointIp(ip, `spec.externalIPs[${i}]`)),
    ...oneOf('spec.type', service.spec.type, TYPES),
    ...nodePortErrors(service),
    ...balancerErrors(service),
    ...trafficErrors(service),
  ];
}

function typeErrors(service: Service): FieldError[] {
  const { type, ports = [], clusterIPs = [], ipFamilies = [], ipFamilyPolicy, externalName = '' } = service.spec;
  const errors: FieldError[] = [];
  if (ports.length === 0 && !isHeadless(service) && type !== 'ExternalName') errors.push(required('spec.ports'));
  if ((type === 'LoadBalancer' || type === 'NodePort') && isHeadless(service))
    errors.push(invalid('spec.clusterIPs[0]', clusterIPs[0], `may not be set to 'None' for ${type} services`));
  if (type !== 'ExternalName') return errors;
  const unused = 'may not be set for ExternalName services';
  if (clusterIPs.length > 0) errors.push(forbidden('spec.clusterIPs', unused));
  if (ipFamilies.length > 0) errors.push(forbidden('spec.ipFamilies', unused));
  if (ipFamilyPolicy !== undefined) errors.push(forbidden('spec.ipFamilyPolicy', unused));
  const name = externalName.replace(/\.$/, '');
  if (name === '') errors.push(required('spec.externalName'));
  else errors.push(...invalidFor('spec.externalName', name, dns1123Subdomain(name)));
  return errors;
}

function portErrors(service: Service): FieldError[] {
  const ports = service.spec.ports ?? [];
  const names = new Set<string>();
  const pairs = new Set<string>();
  const errors: FieldError[] = [];
  for (const [index, port] of ports.entries()) {
    const at = `spec.ports[${index}]`;
    errors.push(...onePort(port, ports.length > 1, names, at));
    const pair = `${port.protocol ?? ''}/${port.port}`;
    if (pairs.has(pair)) errors.push(duplicate(at, { protocol: port.protocol, port: port.port }));
    pairs.add(pair);
  }
  return errors;
}

function onePort(port: ServicePort, requireName: boolean, names: Set<string>, path: string): FieldError[] {
  const { name = '', targetPort, appProtocol } = port;
  const errors: FieldError[] = [];
  if (name !== '') {
    errors.push(...invalidFor(`${path}.name`, name, dns1123Label(name)));
    if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
    names.add(name);
  } else if (requireName) errors.push(required(`${path}.name`));
  errors.push(...invalidFor(`${path}.port`, port.port, portNumber(port.port)));
  errors.push(...oneOf(`${path}.protocol`, port.protocol, PROTOCOLS));
  const target = typeof targetPort === 'number' ? portNumber(targetPort) : portName(targetPort);
  errors.push(...invalidFor(`${path}.targetPort`, targetPort, target));
  if (appProtocol !== undefined)
    errors.push(...invalidFor(`${path}.appProtocol`, appProtocol, qualifiedName(appProtocol)));
  return errors;
}

function affinityErrors({ spec }: Service): FieldError[] {
  const at = 'spec.sessionAffinityConfig';
  const errors = oneOf('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']);
  const config = spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'None' && config !== undefined)
    errors.push(forbidden(at, 'must not be set when session affinity is None'));
  if (spec.sessionAffinity !== 'ClientIP') return errors;
  if (config === undefined) return [...errors, required(at, 'when session affinity type is ClientIP')];
  if (config.clientIP === undefined)
    return [...errors, required(`${at}.clientIP`, 'when session affinity type is ClientIP')];
  const seconds = config.clientIP.timeoutSeconds;
  if (seconds === undefined)
    return [...errors, required(`${at}.clientIP.timeoutSeconds`, 'when session affinity type is ClientIP')];
  return seconds > 0 && seconds <= 86400
    ? errors
    : [...errors, invalid(`${at}.clientIP.timeoutSeconds`, seconds, 'must be greater than 0 and less than 86400')];
}

function clusterIpErrors(service: Service): FieldError[] {
  const { type, clusterIP = '', clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = service.spec;
  if (type === 'ExternalName') return [];
  const at = 'spec.clusterIPs';
  const errors: FieldError[] = [];
  if (clusterIP === '') {
    if (clusterIPs.length > 0) errors.push(invalid(at, clusterIPs, 'must be empty when `clusterIP` is not specified'));
  } else if (clusterIPs.length === 0) errors.push(required(at));
  else if (clusterIPs[0] !== clusterIP) errors.push(invalid(at, clusterIPs, 'first value must match `clusterIP`'));
  for (const [index, family] of ipFamilies.entries()) {
    if (family !== 'IPv4' && family !== 'IPv6')
      errors.push(notSupported(`spec.ipFamilies[${index}]`, family, ['IPv4', 'IPv6']));
    if (ipFamilies.indexOf(family) < index) errors.push(duplicate(`spec.ipFamilies[${index}]`, family));
  }
  const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
  if (ipFamilyPolicy !== undefined && !policies.includes(ipFamilyPolicy))
    errors.push(notSupported('spec.ipFamilyPolicy', ipFamilyPolicy, policies));
  let malformed = false;
  for (const [index, ip] of clusterIPs.entries()) {
    if (index === 0 && ip === 'None') {
      if (clusterIPs.length === 1) continue;
      malformed = true;
      errors.push(invalid(at, clusterIPs, "'None' must be the first and only value"));
      continue;
    }
    const wrong = invalidFor(`${at}[${index}]`, ip, ipAddress(ip));
    malformed ||= wrong.length > 0;
    errors.push(...wrong);
  }
  if (clusterIPs.length > 2) errors.push(invalid(at, clusterIPs, 'may only hold up to 2 values'));
  return malformed ? errors : [...errors, ...familyErrors(service)];
}

function familyErrors(service: Service): FieldError[] {
  const { clusterIPs = [], ipFamilies = [] } = service.spec;
  if (isHeadless(service)) return [];
  const errors: FieldError[] = [];
  const families = clusterIPs.map(ip => (ipFamily(ip) === 4 ? 'IPv4' : 'IPv6'));
  if (families.length > 1 && (families.length > 2 || families[0] === families[1]))
    errors.push(invalid('spec.clusterIPs', clusterIPs, 'may specify no more than one IP for each IP family'));
  for (const [index, family] of ipFamilies.entries()) {
    const found = families[index];
    if (found !== undefined && found !== family)
      errors.push(
        invalid(
          `spec.clusterIPs[${index}]`,
          clusterIPs[index],
          `expected an ${family} value as indicated by \`ipFamilies[${index}]\``,
        ),
      );
  }
  return errors;
}

function nodePortErrors({ spec }: Service): FieldError[] {
  const seen = new Set<string>();
  return (spec.ports ?? []).flatMap(({ nodePort = 0, protocol }, index) => {
    if (nodePort === 0) return [];
    const at = `spec.ports[${index}].nodePort`;
    const errors: FieldError[] = [];
    if (spec.type === 'ClusterIP') errors.push(forbidden(at, "may not be used when `type` is 'ClusterIP'"));
    const key = `${protocol}/${nodePort}`;
    if (seen.has(key)) errors.push(duplicate(at, nodePort));
    seen.add(key);
    return errors;
  });
}

function balancerErrors({ spec }: Service): FieldError[] {
  const balanced = spec.type === 'LoadBalancer';
  const only = "may only be used when `type` is 'LoadBalancer'";
  const ranges = spec.loadBalancerSourceRanges ?? [];
  const errors: FieldError[] = [];
  // Upstream's path has the name of the Go field.
  if (ranges.length > 0 && !balanced) errors.push(forbidden('spec.LoadBalancerSourceRanges', only));
  for (const [index, range] of ranges.entries())
    if (!isCidr(range.trim())) errors.push(invalid(`spec.LoadBalancerSourceRanges[${index}]`, range.trim(), CIDR_TEXT));
  if (!balanced && spec.allocateLoadBalancerNodePorts !== undefined)
    errors.push(forbidden('spec.allocateLoadBalancerNodePorts', only));
  if (balanced && spec.allocateLoadBalancerNodePorts === undefined)
    errors.push(required('allocateLoadBalancerNodePorts'));
  const { loadBalancerClass } = spec;
  if (loadBalancerClass === undefined) return errors;
  return balanced
    ? [...errors, ...invalidFor('spec.loadBalancerClass', loadBalancerClass, qualifiedName(loadBalancerClass))]
    : [...errors, forbidden('spec.loadBalancerClass', only)];
}

function isCidr(text: string): boolean {
  try {
    parseCidr(text);
    return true;
  } catch {
    return false;
  }
}

function trafficErrors(service: Service): FieldError[] {
  const {
    type,
    externalTrafficPolicy = '',
    healthCheckNodePort = 0,
    internalTrafficPolicy,
    trafficDistribution,
  } = service.spec;
  const at = 'spec.externalTrafficPolicy';
  const errors: FieldError[] = [];
  if (isReachedFromOutside(service)) errors.push(...oneOf(at, externalTrafficPolicy, ['Cluster', 'Local']));
  else if (externalTrafficPolicy !== '')
    errors.push(invalid(at, externalTrafficPolicy, 'may only be set for externally-accessible services'));
  if (healthCheckNodePort !== 0) {
    if (needsHealthCheckPort(service))
      errors.push(...invalidFor('spec.healthCheckNodePort', healthCheckNodePort, portNumber(healthCheckNodePort)));
    else
      errors.push(
        invalid(
          'spec.healthCheckNodePort',
          healthCheckNodePort,
          "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
        ),
      );
  }
  if (internalTrafficPolicy === undefined) {
    if (type !== 'ExternalName') errors.push(required('spec.internalTrafficPolicy'));
  } else if (!['Cluster', 'Local'].includes(internalTrafficPolicy))
    errors.push(notSupported('spec.internalTrafficPolicy', internalTrafficPolicy, ['Cluster', 'Local']));
  const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
  if (trafficDistribution !== undefined && !distributions.includes(trafficDistribution))
    errors.push(notSupported('spec.trafficDistribution', trafficDistribution, distributions));
  return errors;
}

/** Addresses and families are given up or added at the end, never exchanged. */
export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const errors: FieldError[] = [];
  const external = service.spec.type === 'ExternalName' || old.spec.type === 'ExternalName';
  if (!external) {
    const ips = service.spec.clusterIPs ?? [];
    const oldIps = old.spec.clusterIPs ?? [];
    const [first] = ips;
    if (oldIps.length > 0) {
      if (first === undefined && oldIps.length > 1)
        errors.push(invalid('spec.clusterIPs[0]', ips, 'primary clusterIP can not be unset'));
      else if (first !== undefined && first !== oldIps[0])
        errors.push(invalid('spec.clusterIPs[0]', ips, 'may not change once set'));
      if (ips.length === oldIps.length && ips.length > 1 && ips[1] !== oldIps[1])
        errors.push(invalid('spec.clusterIPs[1]', ips, 'may not change once set'));
      if (ips.length === 1 && oldIps.length > 1 && service.spec.ipFamilyPolicy !== 'SingleStack')
        errors.push(
          invalid(
            'spec.ipFamilyPolicy',
            service.spec.ipFamilyPolicy ?? null,
            "must be set to 'SingleStack' when releasing the secondary clusterIP",
          ),
        );
    }
    errors.push(...familyChanges(service, old));
  }
  const balanced = service.spec.type === 'LoadBalancer' && old.spec.type === 'LoadBalancer';
  if (balanced && service.spec.loadBalancerClass !== old.spec.loadBalancerClass)
    errors.push(invalid('spec.loadBalancerClass', service.spec.loadBalancerClass ?? null, 'may not change once set'));
  if (
    needsHealthCheckPort(old) &&
    needsHealthCheckPort(service) &&
    (service.spec.healthCheckNodePort ?? 0) !== (old.spec.healthCheckNodePort ?? 0)
  )
    errors.push(forbidden('spec.healthCheckNodePort', 'field is immutable'));
  return [...errors, ...validateService(service)];
}

function familyChanges(service: Service, old: Service): FieldError[] {
  const families = service.spec.ipFamilies ?? [];
  const before = old.spec.ipFamilies ?? [];
  const headlessWithoutSelector = isHeadless(old) && Object.keys(old.spec.selector ?? {}).length === 0;
  if (before.length === 0 || headlessWithoutSelector) return [];
  if (families.length > 0 && families[0] !== before[0])
    return [invalid('spec.ipFamilies[0]', families, 'may not change once set')];
  if (families.length === 2 && before.length === 2 && families[1] !== before[1])
    return [invalid('spec.ipFamilies[0]', families, 'may not change once set')];
  if (families.length === 1 && before.length === 2 && service.spec.ipFamilyPolicy !== 'SingleStack')
    return [
      invalid(
        'spec.ipFamilyPolicy',
        service.spec.ipFamilyPolicy ?? null,
        "must be set to 'SingleStack' when releasing the secondary ipFamily",
      ),
    ];
  return [];
}

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
import { validateEndpointIp, validateLegacyCidr, validateLegacyIp } from '../../../../api/validation/ip.ts';
import {
  dns1123Label,
  dns1123Subdomain,
  portName,
  portNumber,
  qualifiedName,
} from '../../../../api/validation/names.ts';
import { validateLabels } from '../../../../api/validation/object-meta.ts';
import { PROTOCOLS } from '../endpoints.ts';
import { clusterIpErrors } from './cluster-ip-rules.ts';
import { isHeadless, isReachedFromOutside, needsHealthCheckPort } from './needs.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const MAX_AFFINITY_SECONDS = 86_400;
export const TOPOLOGY_HINTS = 'service.kubernetes.io/topology-aware-hints';
export const TOPOLOGY_MODE = 'service.kubernetes.io/topology-mode';
const SOURCE_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';
const BALANCER_ONLY = "may only be used when `type` is 'LoadBalancer'";

/**
 * The rules of a service after addresses and ports are allocated, or before: both forms are valid. Addresses that `old` has
 * may stay as they are spelled.
 */
export function validateService(service: Service, old?: Service): FieldError[] {
  const keptIps = new Set(old?.spec.externalIPs);
  return [
    ...topologyErrors(service),
    ...typeErrors(service),
    ...portErrors(service),
    ...validateLabels(service.spec.selector, 'spec.selector'),
    ...affinityErrors(service),
    ...clusterIpErrors(service, old),
    ...(service.spec.externalIPs ?? []).flatMap((ip, i) => externalIpErrors(ip, keptIps, `spec.externalIPs[${i}]`)),
    ...oneOf('spec.type', service.spec.type, TYPES),
    ...nodePortErrors(service),
    ...duplicatePortErrors(service),
    ...sourceRangeErrors(service, old),
    ...balancerErrors(service),
    ...balancerClassErrors(service),
    ...trafficErrors(service),
  ];
}

/** The old annotation and the new one say the same. */
function topologyErrors({ metadata: { annotations = {} } }: Service): FieldError[] {
  const old = annotations[TOPOLOGY_HINTS];
  const mode = annotations[TOPOLOGY_MODE];
  if (old === undefined || mode === undefined || old === mode) return [];
  const detail = `must match annotations[${TOPOLOGY_HINTS}] when both are specified`;
  return [invalid(`metadata.annotations[${TOPOLOGY_MODE}]`, mode, detail)];
}

function externalIpErrors(ip: string, kept: ReadonlySet<string>, path: string): FieldError[] {
  const errors = validateLegacyIp(path, ip, kept);
  return errors.length > 0 ? errors : validateEndpointIp(ip, path);
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

function portErrors({ spec: { ports = [] } }: Service): FieldError[] {
  const names = new Set<string>();
  return ports.flatMap((port, index) => onePort(port, ports.length > 1, names, `spec.ports[${index}]`));
}

/** One protocol and port twice. The key that upstream shows is a port with nothing else in it. */
function duplicatePortErrors({ spec: { ports = [] } }: Service): FieldError[] {
  const pairs = new Set<string>();
  return ports.flatMap(({ protocol = '', port }, index) => {
    const pair = `${protocol}/${port}`;
    const twice = pairs.has(pair);
    pairs.add(pair);
    const shown = { Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 };
    return twice ? [duplicate(`spec.ports[${index}]`, shown)] : [];
  });
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
  const why = 'when session affinity type is ClientIP';
  if (config === undefined) return [...errors, required(at, why)];
  if (config.clientIP === undefined) return [...errors, required(`${at}.clientIP`, why)];
  const seconds = config.clientIP.timeoutSeconds;
  if (seconds === undefined) return [...errors, required(`${at}.clientIP.timeoutSeconds`, why)];
  return seconds > 0 && seconds <= MAX_AFFINITY_SECONDS
    ? errors
    : [
        ...errors,
        invalid(
          `${at}.clientIP.timeoutSeconds`,
          seconds,
          `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`,
        ),
      ];
}

function nodePortErrors({ spec: { type, ports = [] } }: Service): FieldError[] {
  const at = (index: number): string => `spec.ports[${index}].nodePort`;
  const seen = new Set<string>();
  return [
    ...ports.flatMap(({ nodePort = 0 }, index) =>
      type === 'ClusterIP' && nodePort !== 0
        ? [forbidden(at(index), "may not be used when `type` is 'ClusterIP'")]
        : [],
    ),
    ...ports.flatMap(({ nodePort = 0, protocol }, index) => {
      if (nodePort === 0) return [];
      const key = `${protocol}/${nodePort}`;
      const twice = seen.has(key);
      seen.add(key);
      return twice ? [duplicate(at(index), nodePort)] : [];
    }),
  ];
}

/** Who may reach a load balancer, in the field or, where that is empty, in the annotation from before it. */
function sourceRangeErrors({ metadata, spec }: Service, old: Service | undefined): FieldError[] {
  const balanced = spec.type === 'LoadBalancer';
  const ranges = spec.loadBalancerSourceRanges ?? [];
  // Upstream's path has the name of the Go field.
  const at = 'spec.LoadBalancerSourceRanges';
  if (ranges.length > 0) {
    const kept = new Set((old?.spec.loadBalancerSourceRanges ?? []).map(range => range.trim()));
    return [
      ...(balanced ? [] : [forbidden(at, BALANCER_ONLY)]),
      ...ranges.flatMap((range, index) => validateLegacyCidr(`${at}[${index}]`, range.trim(), kept)),
    ];
  }
  const text = metadata.annotations?.[SOURCE_RANGES];
  if (text === undefined) return [];
  const path = `metadata.annotations[${SOURCE_RANGES}]`;
  const unchanged = old !== undefined && (old.metadata.annotations?.[SOURCE_RANGES] ?? '') === text;
  const listed = unchanged || text.trim() === '' ? [] : text.trim().split(',');
  return [
    ...(balanced ? [] : [forbidden(path, BALANCER_ONLY)]),
    ...listed.flatMap(range => validateLegacyCidr(path, range.trim())),
  ];
}

function balancerErrors({ spec }: Service): FieldError[] {
  const balanced = spec.type === 'LoadBalancer';
  const given = spec.allocateLoadBalancerNodePorts !== undefined;
  if (!balanced && given) return [forbidden('spec.allocateLoadBalancerNodePorts', BALANCER_ONLY)];
  return balanced && !given ? [required('allocateLoadBalancerNodePorts')] : [];
}

/** The rules of the class of a load balancer. */
export function balancerClassErrors({ spec: { type, loadBalancerClass } }: Service): FieldError[] {
  if (loadBalancerClass === undefined) return [];
  return type === 'LoadBalancer'
    ? invalidFor('spec.loadBalancerClass', loadBalancerClass, qualifiedName(loadBalancerClass))
    : [forbidden('spec.loadBalancerClass', BALANCER_ONLY)];
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
    if (['ClusterIP', 'LoadBalancer', 'NodePort'].includes(type ?? ''))
      errors.push(required('spec.internalTrafficPolicy'));
  } else if (!['Cluster', 'Local'].includes(internalTrafficPolicy))
    errors.push(notSupported('spec.internalTrafficPolicy', internalTrafficPolicy, ['Cluster', 'Local']));
  const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
  if (trafficDistribution !== undefined && !distributions.includes(trafficDistribution))
    errors.push(notSupported('spec.trafficDistribution', trafficDistribution, distributions));
  return errors;
}

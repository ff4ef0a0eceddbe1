import { equalValues } from '../../../../api/semantic-equal.ts';
import type { Service, ServiceSpec } from '../../../../api/types/gen/core-v1.ts';
import { isReachedFromOutside, mayHaveNodePorts, needsClusterIp, needsHealthCheckPort } from './needs.ts';

/** A new service: `clusterIP` alone means a list of one. */
export function prepareNewService(service: Service): Service {
  const { clusterIP = '', clusterIPs = [] } = service.spec;
  return clusterIP !== '' && clusterIPs.length === 0 ? withSpec(service, { clusterIPs: [clusterIP] }) : service;
}

/** A changed service: what was allocated stays unless it is given up, and what the new type has no use for goes. */
export function prepareChangedService(service: Service, old: Service): Service {
  return dropForType(normalizeClusterIps(keepAllocated(service, old), old), old);
}

function withSpec(service: Service, spec: Partial<ServiceSpec>): Service {
  return { ...service, spec: { ...service.spec, ...spec } };
}

/** Clients that know `clusterIP` alone and clients that know both write the same object. */
function normalizeClusterIps(service: Service, old: Service): Service {
  const before = old.spec.clusterIP ?? '';
  const after = service.spec.clusterIP ?? '';
  const had = old.spec.clusterIPs ?? [];
  let clusterIPs = service.spec.clusterIPs ?? [];
  if (had.length > 0 && clusterIPs.length === 0 && before === after) clusterIPs = had;
  if (before !== after && equalValues(clusterIPs, had)) clusterIPs = before !== '' && after === '' ? [] : [after];
  return withSpec(service, { clusterIPs: clusterIPs.length === 0 ? undefined : clusterIPs });
}

function keepAllocated(service: Service, old: Service): Service {
  let spec = service.spec;
  if (needsClusterIp(old) && needsClusterIp(service)) {
    const missing = (spec.clusterIPs ?? []).length === 0;
    spec = {
      ...spec,
      clusterIP: (spec.clusterIP ?? '') === '' ? old.spec.clusterIP : spec.clusterIP,
      clusterIPs: missing ? old.spec.clusterIPs : spec.clusterIPs,
    };
  }
  if (mayHaveNodePorts(old) && mayHaveNodePorts(service)) {
    const had = new Set(portsOf(old));
    const inUse = new Set(portsOf(service).filter(port => had.has(port)));
    const byName = new Map((old.spec.ports ?? []).map(port => [port.name ?? '', port.nodePort ?? 0]));
    spec = {
      ...spec,
      ports: spec.ports?.map(port => {
        const kept = byName.get(port.name ?? '') ?? 0;
        return (port.nodePort ?? 0) === 0 && kept !== 0 && !inUse.has(kept) ? { ...port, nodePort: kept } : port;
      }),
    };
  }
  if (needsHealthCheckPort(old) && needsHealthCheckPort(service) && (spec.healthCheckNodePort ?? 0) === 0)
    spec = { ...spec, healthCheckNodePort: old.spec.healthCheckNodePort };
  return { ...service, spec };
}

function portsOf(service: Service): number[] {
  return (service.spec.ports ?? []).flatMap(port => ((port.nodePort ?? 0) === 0 ? [] : [port.nodePort ?? 0]));
}

function dropForType(service: Service, old: Service): Service {
  const same = (field: keyof ServiceSpec): boolean => equalValues(service.spec[field], old.spec[field]);
  const drop: Partial<Record<keyof ServiceSpec, undefined>> = {};
  if (old.spec.type !== 'ExternalName' && service.spec.type === 'ExternalName') {
    if (same('clusterIPs') && same('clusterIP')) {
      drop.clusterIP = undefined;
      drop.clusterIPs = undefined;
    }
    if (same('ipFamilies')) drop.ipFamilies = undefined;
    if (same('ipFamilyPolicy')) drop.ipFamilyPolicy = undefined;
  }
  if (needsHealthCheckPort(old) && !needsHealthCheckPort(service) && same('healthCheckNodePort'))
    drop.healthCheckNodePort = undefined;
  const wasBalanced = old.spec.type === 'LoadBalancer' && service.spec.type !== 'LoadBalancer';
  if (wasBalanced && same('allocateLoadBalancerNodePorts')) drop.allocateLoadBalancerNodePorts = undefined;
  if (wasBalanced && same('loadBalancerClass')) drop.loadBalancerClass = undefined;
  if (isReachedFromOutside(old) && !isReachedFromOutside(service) && same('externalTrafficPolicy'))
    drop.externalTrafficPolicy = undefined;
  // Ports may go and come, as long as no node port is new.
  const had = new Set(portsOf(old));
  const samePorts = portsOf(service).every(port => had.has(port));
  const ports =
    mayHaveNodePorts(old) && !mayHaveNodePorts(service) && samePorts
      ? service.spec.ports?.map(port => ({ ...port, nodePort: undefined }))
      : service.spec.ports;
  const status = service.spec.type === 'LoadBalancer' ? service.status : { ...service.status, loadBalancer: {} };
  return { ...service, spec: { ...service.spec, ...drop, ports }, status };
}

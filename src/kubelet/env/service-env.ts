import type { Service, ServicePort } from '../../api/types/gen/core-v1.ts';

/** The services that every pod sees, whatever it says: those of the control plane in the default namespace. */
const MASTER_SERVICES = new Set(['kubernetes']);

/**
 * The variables that tell a container of `namespace` where services are: those of its own namespace where `links` says so, and that of the API server
 * always. Services without a cluster address have none. In the order of the services' names. Pure.
 */
export function serviceEnv(
  services: readonly Service[],
  namespace: string,
  links: boolean,
): ReadonlyMap<string, string> {
  const chosen = new Map<string, Service>();
  for (const service of services) {
    if (!hasClusterIp(service)) continue;
    const { name = '', namespace: own } = service.metadata;
    const isMaster = own === 'default' && MASTER_SERVICES.has(name);
    // the one of the control plane never hides one of the pod's own namespace
    if (isMaster ? !chosen.has(name) : own === namespace && links) chosen.set(name, service);
  }
  const env = new Map<string, string>();
  for (const [name, { spec }] of [...chosen].sort(([a], [b]) => (a < b ? -1 : 1)))
    for (const [key, value] of variablesOf(variableName(name), spec.clusterIP ?? '', spec.ports ?? []))
      env.set(key, value);
  return env;
}

function hasClusterIp({ spec }: Service): boolean {
  const { clusterIP = '' } = spec;
  return clusterIP !== '' && clusterIP !== 'None';
}

function variableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}

function* variablesOf(prefix: string, ip: string, ports: readonly ServicePort[]): Generator<readonly [string, string]> {
  const [first] = ports;
  yield [`${prefix}_SERVICE_HOST`, ip];
  if (first === undefined) return;
  yield [`${prefix}_SERVICE_PORT`, String(first.port)];
  for (const { name = '', port } of ports)
    if (name !== '') yield [`${prefix}_SERVICE_PORT_${variableName(name)}`, String(port)];
  for (const port of ports) {
    const protocol = port.protocol ?? 'TCP';
    const url = `${protocol.toLowerCase()}://${ip.includes(':') ? `[${ip}]` : ip}:${port.port}`;
    if (port === first) yield [`${prefix}_PORT`, url];
    const own = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`;
    yield [own, url];
    yield [`${own}_PROTO`, protocol.toLowerCase()];
    yield [`${own}_PORT`, String(port.port)];
    yield [`${own}_ADDR`, ip];
  }
}

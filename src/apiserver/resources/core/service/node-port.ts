import type { Service, ServicePort } from '../../../../api/types/gen/core-v1.ts';
import { invalid } from '../../../../api/validation/field-error.ts';
import type { Given, Refused } from './given.ts';
import { mayHaveNodePorts, needsHealthCheckPort, needsNodePorts } from './needs.ts';

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Which node ports there are, and which of them are taken. */
export interface NodePortPool {
  readonly range: PortRange;
  readonly taken: ReadonlySet<number>;
}

/** Node ports for a service that needs them; what `old` has stays its own. */
export function takeNodePorts(
  service: Service,
  old: Service | undefined,
  pool: NodePortPool,
  random: (below: number) => number,
): Given<number> | Refused {
  const taking = new Taking(pool, random);
  let { spec } = service;
  if (mayHaveNodePorts(service)) {
    const ports = old === undefined ? newPorts(service, taking) : changedPorts(service, old, taking);
    if (ports.kind !== 'ports') return ports;
    spec = { ...spec, ports: ports.ports };
  }
  if (needsHealthCheckPort(service) && (old === undefined || !needsHealthCheckPort(old))) {
    const asked = spec.healthCheckNodePort ?? 0;
    const problem = asked === 0 ? undefined : taking.take(asked);
    if (problem !== undefined)
      return { kind: 'full', message: `failed to allocate requested HealthCheck NodePort ${asked}: ${problem}` };
    const port = asked === 0 ? taking.takeAny() : asked;
    if (port === undefined)
      return { kind: 'full', message: 'failed to allocate a HealthCheck NodePort 0: range is full' };
    spec = { ...spec, healthCheckNodePort: port };
  }
  return { kind: 'given', service: { ...service, spec }, taken: [...taking.taken] };
}

type Ports = { readonly kind: 'ports'; readonly ports: readonly ServicePort[] | undefined } | Refused;

const FULL: Refused = { kind: 'full', message: 'failed to allocate a nodePort: range is full' };

function refusal(index: number, port: number, problem: string): Refused {
  return { kind: 'invalid', errors: [invalid(`spec.ports[${index}].nodePort`, port, problem)] };
}

/** Entries with the same port number, of TCP and UDP, share a node port: the first that one of them asks for, or a free one. */
function newPorts(service: Service, taking: Taking): Ports {
  const shared = new Map<number, number>();
  const wanted = new Map<number, number>();
  for (const { port, nodePort = 0 } of service.spec.ports ?? [])
    if (nodePort !== 0 && !wanted.has(port)) wanted.set(port, nodePort);
  const ports: ServicePort[] = [];
  for (const [index, port] of (service.spec.ports ?? []).entries()) {
    const asked = port.nodePort ?? 0;
    if (asked === 0 && !needsNodePorts(service)) {
      ports.push(port);
      continue;
    }
    const known = shared.get(port.port);
    if (known === undefined) {
      const requested = wanted.get(port.port) ?? 0;
      const problem = requested === 0 ? undefined : taking.take(requested);
      if (problem !== undefined) return refusal(index, requested, problem);
      const nodePort = requested === 0 ? taking.takeAny() : requested;
      if (nodePort === undefined) return FULL;
      shared.set(port.port, nodePort);
      ports.push({ ...port, nodePort });
    } else if (asked === 0 || asked === known) ports.push({ ...port, nodePort: known });
    else {
      const problem = taking.take(asked);
      if (problem !== undefined) return refusal(index, asked, problem);
      ports.push(port);
    }
  }
  return { kind: 'ports', ports: service.spec.ports === undefined ? undefined : ports };
}

function changedPorts(service: Service, old: Service, taking: Taking): Ports {
  const own = new Set((old.spec.ports ?? []).map(port => port.nodePort ?? 0));
  const ports: ServicePort[] = [];
  for (const [index, port] of (service.spec.ports ?? []).entries()) {
    const asked = port.nodePort ?? 0;
    if (asked !== 0) {
      const problem = own.has(asked) || taking.taken.has(asked) ? undefined : taking.take(asked);
      if (problem !== undefined) return refusal(index, asked, problem);
      ports.push(port);
    } else if (needsNodePorts(service)) {
      const nodePort = taking.takeAny();
      if (nodePort === undefined) return FULL;
      ports.push({ ...port, nodePort });
    } else ports.push(port);
  }
  return { kind: 'ports', ports: service.spec.ports === undefined ? undefined : ports };
}

/** What one write takes, one port after another. */
class Taking {
  readonly taken = new Set<number>();
  readonly #pool: NodePortPool;
  readonly #random: (below: number) => number;

  constructor(pool: NodePortPool, random: (below: number) => number) {
    this.#pool = pool;
    this.#random = random;
  }

  /** Why the port is not to be had; undefined: it is taken. */
  take(port: number): string | undefined {
    const { first, last } = this.#pool.range;
    if (port < first || port > last)
      return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    if (!this.#isFree(port)) return 'provided port is already allocated';
    this.taken.add(port);
    return undefined;
  }

  /** The lower part of the range is given out last, for it is where people choose ports: min(max(16, size/32), 128), none of 16 or fewer. */
  takeAny(): number | undefined {
    const { first, last } = this.#pool.range;
    const size = last - first + 1;
    const reserved = size <= 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 32)), 128);
    const port = this.#search(first + reserved, size - reserved) ?? this.#search(first, reserved);
    if (port !== undefined) this.taken.add(port);
    return port;
  }

  #search(from: number, count: number): number | undefined {
    if (count <= 0) return undefined;
    const start = this.#random(count);
    for (let i = 0; i < count; i++) {
      const port = from + ((start + i) % count);
      if (this.#isFree(port)) return port;
    }
    return undefined;
  }

  #isFree(port: number): boolean {
    return !this.#pool.taken.has(port) && !this.taken.has(port);
  }
}

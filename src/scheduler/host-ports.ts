import { isSidecar } from '../api/pod-resources.ts';
import type { PodSpec } from '../api/types/gen/core-v1.ts';

/** A port of the node that a pod takes for itself. */
export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** An address that stands for all of them. */
const ANY_IP = '0.0.0.0';

/** The host ports of containers and sidecars; init containers that end give theirs back. */
export function hostPortsOf(spec: PodSpec): readonly HostPort[] {
  const lasting = [...spec.containers, ...(spec.initContainers ?? []).filter(isSidecar)];
  return lasting.flatMap(container =>
    (container.ports ?? []).flatMap(({ hostPort = 0, hostIP = '', protocol = 'TCP' }) =>
      hostPort > 0 ? [{ ip: hostIP === '' ? ANY_IP : hostIP, protocol, port: hostPort }] : [],
    ),
  );
}

/** The host ports that are taken on a node. */
export class PortsInUse {
  /** Protocol and port, then how many pods hold it by address. */
  readonly #taken = new Map<string, Map<string, number>>();

  add(ports: readonly HostPort[], sign: 1 | -1): void {
    for (const { ip, protocol, port } of ports) {
      const key = `${protocol}/${port}`;
      const byIp = this.#taken.get(key) ?? new Map<string, number>();
      const count = (byIp.get(ip) ?? 0) + sign;
      if (count > 0) byIp.set(ip, count);
      else byIp.delete(ip);
      if (byIp.size > 0) this.#taken.set(key, byIp);
      else this.#taken.delete(key);
    }
  }

  /** True if one of them is taken already. An address conflicts with itself and with all of them. */
  conflictsWith(ports: readonly HostPort[]): boolean {
    return ports.some(({ ip, protocol, port }) => {
      const byIp = this.#taken.get(`${protocol}/${port}`);
      return byIp !== undefined && (ip === ANY_IP || byIp.has(ip) || byIp.has(ANY_IP));
    });
  }

  copy(): PortsInUse {
    const copy = new PortsInUse();
    for (const [key, byIp] of this.#taken) copy.#taken.set(key, new Map(byIp));
    return copy;
  }
}

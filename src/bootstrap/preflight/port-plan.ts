import { error, type Finding, warning } from './finding.ts';
import type { SocketNeed } from './sockets.ts';

/** A process of this machine. */
export interface ProcessFact {
  readonly pid: number;
  /** How it calls itself. */
  readonly name: string;
  /** The systemd unit it belongs to, where it does. */
  readonly unit: string | undefined;
}

/** A needed port on which somebody serves. */
export type UsedSocket = SocketNeed & { readonly holder: ProcessFact | undefined };

/** Who has ports that are needed. Pure. */
export function portFindings({ usedSockets }: { readonly usedSockets: readonly UsedSocket[] }): readonly Finding[] {
  // one program that has a port by two protocols or on two addresses is told of once
  const seen = new Set<string>();
  return usedSockets.flatMap(({ holder, ...need }) => {
    const key = `${need.port} ${holder?.pid}`;
    if (seen.has(key)) return [];
    seen.add(key);
    return [portFinding(need, holder)];
  });
}

function portFinding({ protocol, address, port, of }: SocketNeed, holder: ProcessFact | undefined): Finding {
  const check = `Port-${port}`;
  const taken = `Port ${port} is in use${holder === undefined ? '' : `, by ${processText(holder)}`}`;
  const end =
    holder === undefined
      ? `ss -${protocol === 'tcp' ? 'ltnp' : 'lunp'} 'sport = :${port}' shows by whom`
      : stopCommand(holder);
  switch (of) {
    case 'dns':
      return error(
        check,
        `${taken}: the DNS server of this node answers at ${address}`,
        `let it serve on other addresses alone (dnsmasq: bind-interfaces and listen-address; named: listen-on), or, where this machine does not ask it for names: ${end}`,
      );
    case 'proxy':
      return warning(check, `${taken}: the service proxy goes without it`, end);
    case 'runtime':
      return error(
        check,
        `${taken}: the container runtime serves there`,
        `${end}; or set another in /etc/gantry/cri.yaml (metricsAddress, streaming.address)`,
      );
    default:
      return error(check, taken, end);
  }
}

/** `systemd unit k3s.service (k3s-server, process 123)`. */
export function processText({ pid, name, unit }: ProcessFact): string {
  return unit === undefined ? `process ${pid} (${name})` : `${unit} (process ${pid}, ${name})`;
}

/** What ends it. */
export function stopCommand({ pid, unit }: ProcessFact): string {
  return unit === undefined ? `kill ${pid}` : `systemctl disable --now ${unit}`;
}

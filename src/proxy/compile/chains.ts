import type { IpFamily } from '../../base/cidr.ts';
import { SCOPES, type Scope } from './element.ts';

/**
 * A chain that chooses one of `count` endpoints. All services of the same count share it, so that a service needs no rule of its own: what differs stands in
 * maps, by the address and port that the packet was sent to.
 */
export interface Choice {
  readonly scope: Scope;
  readonly count: number;
  /** How long a client stays with its endpoint; undefined: each connection is chosen anew. */
  readonly stickySeconds: number | undefined;
  /** The packet gets this node's address, so that the answer comes back here. */
  readonly masquerade: boolean;
}

const NAME = /^(masquerade-)?(service|service-local|node-port|node-port-local)-(\d+)(?:-(\d+)s)?$/;

/** `service-3`, `masquerade-node-port-2-10800s`. */
export function choiceName({ scope, count, stickySeconds, masquerade }: Choice): string {
  return `${masquerade ? 'masquerade-' : ''}${scope}-${count}${stickySeconds === undefined ? '' : `-${stickySeconds}s`}`;
}

/** The choice that a chain's name stands for; undefined for other chains. */
export function choiceOf(name: string): Choice | undefined {
  const parts = NAME.exec(name);
  const scope = SCOPES.find(each => each === parts?.[2]);
  if (parts === null || scope === undefined) return undefined;
  return {
    scope,
    count: Number(parts[3]),
    stickySeconds: parts[4] === undefined ? undefined : Number(parts[4]),
    masquerade: parts[1] !== undefined,
  };
}

/**
 * The rules of a choice. nft 1.0.6 finds the type of a key in a map only where it has a name of its own, so the number of the endpoint goes through
 * the packet's priority: it is of one kind with `classid`, forwarding sets it anew, and only the first packet of a connection comes here.
 */
export function choiceRules(choice: Choice, family: IpFamily, masqueradeMark: string): string[] {
  const { scope, count, stickySeconds, masquerade } = choice;
  if (masquerade)
    return [`meta mark set mark or ${masqueradeMark}`, `goto ${choiceName({ ...choice, masquerade: false })}`];
  const ip = family === 4 ? 'ip' : 'ip6';
  const to = keyOfScope(scope, ip);
  const number = `meta priority set numgen random mod ${count}`;
  if (stickySeconds === undefined) return [`${number} dnat ${ip} to ${to} . meta priority map @${scope}-endpoints`];
  const affinity = affinityMapOf(scope);
  const client = clientKey(scope, family);
  const known =
    family === 4
      ? `meta priority set ${client} map @${affinity}`
      : `meta priority set ${client} meta priority set meta priority map @${affinity}`;
  const remember = `update @${affinity} { ${client} timeout ${stickySeconds}s : meta priority }`;
  const send = `dnat ${ip} to ${to} . meta priority map @${scope}-sticky-endpoints`;
  return [
    `${known} ${remember} ${send}`,
    // it was never here, or its endpoint is gone: an update would keep what is remembered, hence the delete
    `delete @${affinity} { ${client} : meta priority }`,
    `${number} meta priority set ${to} . meta priority map @${scope}-sticky-slots`,
    remember,
    send,
  ];
}

/**
 * What a client is remembered by: its address and what it asked for. nft 1.0.6 ends the program, or lays the value over the key, where the key of such a
 * map is longer than 16 bytes, so IPv6 clients are known by a hash of it. Two of the same hash share an endpoint, or take it from each other.
 */
function clientKey(scope: Scope, family: IpFamily): string {
  if (family === 4) return `ip saddr . ${keyOfScope(scope, 'ip')}`;
  return `jhash ip6 saddr . ${keyOfScope(scope, 'ip6')} mod 4294967295 seed ${HASH_SEED}`;
}

/** The kernel makes one up for each place where none is told, and they would not agree. */
const HASH_SEED = '0x67616e74';

/** The chains that have to be there for these to go to, themselves first. */
export function chainsBehind(name: string): string[] {
  const choice = choiceOf(name);
  if (choice === undefined) return [];
  return choice.masquerade ? [name, choiceName({ ...choice, masquerade: false })] : [name];
}

export function affinityMapOf(scope: Scope): string {
  return scope.startsWith('node-port') ? 'node-port-affinity' : 'service-affinity';
}

/** What a packet is looked up by: the address and port it was sent to, or the port alone. */
export function keyOfScope(scope: Scope, ip: 'ip' | 'ip6'): string {
  return scope.startsWith('node-port') ? NODE_PORT_KEY : serviceKey(ip);
}

export const NODE_PORT_KEY = 'meta l4proto . th dport';

export function serviceKey(ip: 'ip' | 'ip6'): string {
  return `${ip} daddr . ${NODE_PORT_KEY}`;
}

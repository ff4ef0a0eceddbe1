import type { IpFamily } from '../../base/cidr.ts';
import { fnv128aHex } from '../../base/hash.ts';
import type { LocalPods } from '../desired/node-settings.ts';
import { NODE_PORT_KEY, serviceKey } from './chains.ts';
import { SCOPES } from './element.ts';
import { EXTERNAL_NODE_PORT_CHAIN, EXTERNAL_SERVICE_CHAIN, REJECT_CHAIN } from './port-elements.ts';

/** What the fixed rules of a table depend on. */
export interface LayoutSettings {
  readonly family: IpFamily;
  /** The bit of the packet mark that means masquerade, 0 to 31. */
  readonly masqueradeBit: number;
  readonly masqueradeAll: boolean;
  /** Matches what comes from pods of this node, in nft's words; undefined where nobody knows. */
  readonly fromLocalPod: string | undefined;
  /** Matches what does not. */
  readonly notFromLocalPod: string | undefined;
  /** Node ports are answered on every address of the machine; otherwise on those of the set `node-port-ips`. */
  readonly nodePortsEverywhere: boolean;
}

/** nft's words for "comes from a pod of this node" and for the contrary; undefined where that cannot be told. */
export function localMatch(
  pods: LocalPods | undefined,
  family: IpFamily,
): { readonly is: string; readonly isNot: string } | undefined {
  if (pods === undefined) return undefined;
  if (pods.kind === 'link') return { is: `iifname "${pods.name}"`, isNot: `iifname != "${pods.name}"` };
  const { cidrs } = pods;
  const saddr = family === 4 ? 'ip saddr' : 'ip6 saddr';
  const list = cidrs.length === 1 ? cidrs[0] : `{ ${cidrs.join(', ')} }`;
  return { is: `${saddr} ${list}`, isNot: `${saddr} != ${list}` };
}

export const TABLE = 'gantry_proxy';

/** The table of a family as commands name it. */
export function tableOf(family: IpFamily): string {
  return `${family === 4 ? 'ip' : 'ip6'} ${TABLE}`;
}

export function markOf(bit: number): string {
  return `0x${(2 ** bit).toString(16)}`;
}

/** Clients that are remembered at a time, in each of the two maps of a table. One more is served, and not remembered. */
const MAX_CLIENTS = 262144;

interface Container {
  readonly kind: 'set' | 'map';
  readonly name: string;
  readonly spec: string;
}

/** The sets and maps. Those of clients fill themselves. */
function containers(family: IpFamily): Container[] {
  const address = family === 4 ? 'ipv4_addr' : 'ipv6_addr';
  const service = `${address} . inet_proto . inet_service`;
  const nodePort = 'inet_proto . inet_service';
  const endpoint = `${address} . inet_service`;
  const keys = { service, 'service-local': service, 'node-port': nodePort, 'node-port-local': nodePort };
  const set = (name: string, spec: string): Container => ({ kind: 'set', name, spec });
  const map = (name: string, spec: string): Container => ({ kind: 'map', name, spec });
  return [
    set('cluster-ips', `type ${address};`),
    set('service-cidrs', `type ${address}; flags interval;`),
    set('node-port-ips', `type ${address};`),
    set('hairpin-connections', `type ${address} . ${address} . inet_proto . inet_service;`),
    set('firewalled', `type ${service};`),
    set('allowed-sources', `type ${service} . ${address}; flags interval;`),
    ...['services', 'services-cluster', 'services-local', 'no-endpoints'].map(name =>
      map(name, `type ${service} : verdict;`),
    ),
    ...['node-ports', 'node-ports-cluster', 'node-ports-local', 'no-endpoint-node-ports'].map(name =>
      map(name, `type ${nodePort} : verdict;`),
    ),
    ...SCOPES.flatMap(scope => [
      map(`${scope}-endpoints`, `type ${keys[scope]} . classid : ${endpoint};`),
      map(`${scope}-sticky-slots`, `type ${keys[scope]} . classid : classid;`),
      map(`${scope}-sticky-endpoints`, `type ${keys[scope]} . classid : ${endpoint};`),
    ]),
  ];
}

/** Whom clients stay with: the keys are those of `clientKey`. */
function clientMaps(family: IpFamily): Container[] {
  const spec = (key: string): string =>
    `type ${family === 4 ? key : 'classid'} : classid; size ${MAX_CLIENTS}; flags dynamic,timeout;`;
  return [
    { kind: 'map', name: 'service-affinity', spec: spec('ipv4_addr . ipv4_addr . inet_proto . inet_service') },
    { kind: 'map', name: 'node-port-affinity', spec: spec('ipv4_addr . inet_proto . inet_service') },
  ];
}

/** The chains that hang on hooks. The priorities are upstream's. */
const BASE_CHAINS: readonly (readonly [name: string, type: string, hook: string, priority: string])[] = [
  ['filter-prerouting-pre-dnat', 'filter', 'prerouting', 'dstnat - 10'],
  ['filter-output-pre-dnat', 'filter', 'output', '-110'],
  ['filter-input', 'filter', 'input', 'filter'],
  ['filter-forward', 'filter', 'forward', 'filter'],
  ['filter-output', 'filter', 'output', 'filter'],
  ['nat-prerouting', 'nat', 'prerouting', 'dstnat'],
  ['nat-output', 'nat', 'output', '-100'],
  ['nat-postrouting', 'nat', 'postrouting', 'srcnat'],
];

/**
 * An empty chain whose name tells the form of the sets, maps and hooks. A table of another form (of another version, or one that somebody tampered with)
 * cannot be changed into this one and is replaced.
 */
export function layoutChain(family: IpFamily): string {
  const form = JSON.stringify([containers(family), clientMaps(family), BASE_CHAINS]);
  return `layout-${fnv128aHex(form).slice(-12)}`;
}

/** The fixed chains with their rules. */
function chains(settings: LayoutSettings): Map<string, string[]> {
  const { family, fromLocalPod, notFromLocalPod } = settings;
  const ip = family === 4 ? 'ip' : 'ip6';
  const mark = markOf(settings.masqueradeBit);
  const setMark = `meta mark set mark or ${mark}`;
  const service = serviceKey(ip);
  const notLoopback = family === 4 ? 'ip daddr != 127.0.0.0/8' : 'ip6 daddr != ::1';
  const toNode = `${ip} daddr @node-port-ips`;
  const here = settings.nodePortsEverywhere ? `fib daddr type local ${notLoopback}` : toNode;
  const outside = settings.masqueradeAll
    ? [`${ip} daddr @cluster-ips ${setMark}`]
    : notFromLocalPod === undefined
      ? []
      : [`${ip} daddr @cluster-ips ${notFromLocalPod} ${setMark}`];
  const inside = (key: string, map: string): string[] => [
    ...(fromLocalPod === undefined ? [] : [`${fromLocalPod} ${key} vmap @${map}-cluster`]),
    `fib saddr type local ${setMark}`,
    `fib saddr type local ${key} vmap @${map}-cluster`,
    `${key} vmap @${map}-local`,
  ];
  return new Map([
    // resets are sent as they come, other refusals so many a second
    [REJECT_CHAIN, ['meta l4proto tcp reject with tcp reset', 'reject']],
    ['firewall-check', [`${service} @firewalled ${service} . ${ip} saddr != @allowed-sources drop`]],
    ['endpoints-check', [`${service} vmap @no-endpoints`]],
    [
      'node-port-endpoints-check',
      [`${settings.nodePortsEverywhere ? notLoopback : toNode} ${NODE_PORT_KEY} vmap @no-endpoint-node-ports`],
    ],
    ['cluster-ips-check', [`${ip} daddr @cluster-ips goto ${REJECT_CHAIN}`, `${ip} daddr @service-cidrs drop`]],
    ['services-dispatch', [...outside, `${service} vmap @services`, `${here} ${NODE_PORT_KEY} vmap @node-ports`]],
    [EXTERNAL_SERVICE_CHAIN, inside(service, 'services')],
    [EXTERNAL_NODE_PORT_CHAIN, inside(NODE_PORT_KEY, 'node-ports')],
    ['filter-prerouting-pre-dnat', ['ct state new jump firewall-check']],
    ['filter-output-pre-dnat', ['ct state new jump firewall-check']],
    ['filter-input', ['ct state new jump node-port-endpoints-check', 'ct state new jump endpoints-check']],
    ['filter-forward', ['ct state new jump endpoints-check', 'ct state new jump cluster-ips-check']],
    ['filter-output', ['ct state new jump endpoints-check', 'ct state new jump cluster-ips-check']],
    ['nat-prerouting', ['jump services-dispatch']],
    ['nat-output', ['jump services-dispatch']],
    [
      'nat-postrouting',
      [
        `meta mark and ${mark} != 0 meta mark set meta mark xor ${mark} masquerade fully-random`,
        `ct status dnat ${ip} saddr . ${ip} daddr . ${NODE_PORT_KEY} @hairpin-connections masquerade fully-random`,
      ],
    ],
  ]);
}

/** The name of every chain of the layout, so that others can be told from it. */
export function fixedChains(settings: LayoutSettings): Set<string> {
  return new Set([layoutChain(settings.family), ...chains(settings).keys()]);
}

/**
 * The commands that make the table, or bring whatever stands in it to its fixed rules with nothing in its sets and maps. Whom clients stay with is kept.
 * `replace`: what stands there is of another form, and goes.
 */
export function layoutCommands(settings: LayoutSettings, replace: boolean): string[] {
  const { family } = settings;
  const table = tableOf(family);
  const commands = [`add table ${table}`];
  if (replace) commands.push(`delete table ${table}`, `add table ${table}`);
  const cleared = containers(family);
  for (const { kind, name, spec } of [...cleared, ...clientMaps(family)])
    commands.push(`add ${kind} ${table} ${name} { ${spec} }`);
  for (const { kind, name } of cleared) commands.push(`flush ${kind} ${table} ${name}`);
  for (const [name, type, hook, priority] of BASE_CHAINS)
    commands.push(`add chain ${table} ${name} { type ${type} hook ${hook} priority ${priority}; }`);
  const fixed = chains(settings);
  for (const name of [layoutChain(family), ...fixed.keys()])
    commands.push(`add chain ${table} ${name}`, `flush chain ${table} ${name}`);
  for (const [name, rules] of fixed) for (const rule of rules) commands.push(`add rule ${table} ${name} ${rule}`);
  return commands;
}

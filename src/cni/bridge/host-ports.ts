import { canonicalIp, formatCidr, type IpFamily, ipFamily } from '../../base/cidr.ts';
import { fnv128aHex } from '../../base/hash.ts';
import { CNI_ERROR, CniError } from '../protocol/error.ts';
import { Fields, isObject } from '../protocol/json.ts';
import type { BridgeConfig } from './config.ts';

/** A port of the machine that leads to one of a pod (the capability portMappings). */
export interface HostPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** The address of the machine on which it is open; empty for all of both families, `0.0.0.0` or `::` for all of one. */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
}

/** The ports of one attachment, and the addresses that they lead to. */
export interface PublishedPorts {
  readonly containerId: string;
  readonly ips: readonly string[];
  readonly hostPorts?: readonly HostPort[];
}

/** The bit of a packet's mark that asks for the machine's address: the reference plugin's. */
const MASQUERADE_MARK = '0x2000';
const TABLE = 'inet gantry_cni';
const PROTOCOLS: readonly string[] = ['tcp', 'udp', 'sctp'];
const MAX_PORT = 65_535;

/** Reads `runtimeConfig.portMappings`; those without a host port are mere declarations and left out. Throws CniError 7 naming the field. */
export function parseHostPorts(mappings: readonly unknown[]): readonly HostPort[] {
  return mappings.map(parseHostPort).filter(({ hostPort }) => hostPort > 0);
}

function parseHostPort(value: unknown, index: number): HostPort {
  const field = `runtimeConfig.portMappings[${index}]`;
  if (!isObject(value)) throw new CniError(CNI_ERROR.invalidConfig, `field ${field} must be an object`);
  const fields = new Fields(value, `${field}.`);
  const protocol = (fields.string('protocol') ?? 'tcp').toLowerCase();
  if (!PROTOCOLS.includes(protocol))
    throw new CniError(
      CNI_ERROR.invalidConfig,
      `field ${field}.protocol: ${JSON.stringify(protocol)} is none of tcp, udp, sctp`,
    );
  return {
    protocol: protocol as HostPort['protocol'],
    hostIp: parseHostIp(fields.string('hostIP') ?? '', `${field}.hostIP`),
    hostPort: fields.integer('hostPort', 0, MAX_PORT) ?? 0,
    containerPort: fields.integer('containerPort', 1, MAX_PORT) ?? 0,
  };
}

function parseHostIp(text: string, field: string): string {
  if (text === '') return '';
  try {
    return canonicalIp(text);
  } catch {
    throw new CniError(CNI_ERROR.invalidConfig, `field ${field}: ${JSON.stringify(text)} is not an IP address`);
  }
}

/** A key of the maps: one address of the machine, or all of a family, with protocol and port; and where it leads. */
interface Forward {
  readonly family: IpFamily;
  /** Undefined for every address. */
  readonly at: string | undefined;
  readonly key: string;
  readonly to: string;
}

function forwardsOf({ ips, hostPorts = [] }: PublishedPorts): Forward[] {
  return hostPorts.flatMap(({ protocol, hostIp, hostPort, containerPort }) =>
    ips
      .filter(ip => hostIp === '' || ipFamily(hostIp) === ipFamily(ip))
      .map(ip => ({
        family: ipFamily(ip),
        at: ['', '0.0.0.0', '::'].includes(hostIp) ? undefined : hostIp,
        key: `${protocol} . ${hostPort}`,
        to: `${ip} . ${containerPort}`,
      })),
  );
}

/** What is in the way of an attachment's ports: a sentence that names port and owner, undefined when nothing is. Pure. */
export function hostPortConflict(wanted: PublishedPorts, others: readonly PublishedPorts[]): string | undefined {
  const mine = forwardsOf(wanted);
  for (const other of others)
    for (const theirs of forwardsOf(other))
      for (const own of mine)
        if (own.family === theirs.family && own.key === theirs.key && own.at === theirs.at)
          return `host port ${own.key.replace(' . ', '/')} is taken by container ${other.containerId}`;
  return undefined;
}

/**
 * The maps of a network and all that is in them, made anew in one nft transaction that can be run any number of times. It needs the network's name alone, so that
 * a DEL needs no more of the configuration.
 */
export function hostPortElements(network: string, published: readonly PublishedPorts[]): string {
  const names = namesOf(network);
  const forwards = published.flatMap(forwardsOf);
  const elements = (
    map: string,
    which: (forward: Forward) => boolean,
    text: (forward: Forward) => string,
  ): string[] => {
    const found = [...new Set(forwards.filter(which).map(text))];
    return found.length === 0 ? [] : [`add element ${TABLE} ${map} { ${found.join(', ')} }`];
  };
  return [
    `add table ${TABLE}`,
    `add set ${TABLE} ${names.ports} { type inet_proto . inet_service; }`,
    `flush set ${TABLE} ${names.ports}`,
    ...elements(
      names.ports,
      () => true,
      ({ key }) => key,
    ),
    ...([4, 6] as const).flatMap(family => [
      `add map ${TABLE} ${names.all[family]} { type inet_proto . inet_service : ${TYPES[family]} . inet_service; }`,
      `add map ${TABLE} ${names.at[family]} { type ${TYPES[family]} . inet_proto . inet_service : ${TYPES[family]} . inet_service; }`,
      `flush map ${TABLE} ${names.all[family]}`,
      `flush map ${TABLE} ${names.at[family]}`,
      ...elements(
        names.all[family],
        forward => forward.family === family && forward.at === undefined,
        ({ key, to }) => `${key} : ${to}`,
      ),
      ...elements(
        names.at[family],
        forward => forward.family === family && forward.at !== undefined,
        ({ at, key, to }) => `${at} . ${key} : ${to}`,
      ),
    ]),
    '',
  ].join('\n');
}

/** Which element of which map leads a port to the attachment, as nft prints them. */
export function portElements(network: string, ports: PublishedPorts): { map: string; element: string }[] {
  const names = namesOf(network);
  return forwardsOf(ports).map(({ family, at, key, to }) =>
    at === undefined
      ? { map: `${TABLE} ${names.all[family]}`, element: `${key} : ${to}` }
      : { map: `${TABLE} ${names.at[family]}`, element: `${at} . ${key} : ${to}` },
  );
}

/**
 * The chains that use the maps. Whoever asks from beyond the machine keeps its address. The pods of this network and the machine's loopback get the bridge's: a pod
 * would answer another one past the machine, and loopback addresses lead nowhere on a link. The bridge routes loopback addresses for that, hence the guard: from
 * a pod nothing may reach what listens on the machine's loopback.
 */
export function hostPortChains(config: BridgeConfig): string {
  const names = namesOf(config.network);
  const pods = (family: IpFamily): string[] =>
    config.rangeSets.flatMap(set =>
      set.ranges.filter(({ subnet }) => subnet.family === family).map(({ subnet }) => formatCidr(subnet)),
    );
  const mark = `meta mark set meta mark | ${MASQUERADE_MARK}`;
  const chains: readonly (readonly [name: string, hook: string, rules: readonly string[]])[] = [
    [
      names.chain,
      '',
      [
        `ip saddr { ${[...new Set([...pods(4), '127.0.0.0/8'])].join(', ')} } ${mark}`,
        ...(pods(6).length === 0 ? [] : [`ip6 saddr { ${[...new Set(pods(6))].join(', ')} } ${mark}`]),
        ...([4, 6] as const).flatMap(family => {
          const ip = family === 4 ? 'ip' : 'ip6';
          return [
            `dnat ${ip} to ${ip} daddr . meta l4proto . th dport map @${names.at[family]}`,
            `dnat ${ip} to meta l4proto . th dport map @${names.all[family]}`,
          ];
        }),
      ],
    ],
    ...['prerouting', 'output'].map(
      hook =>
        [
          `${names.chain}_${hook}`,
          ` { type nat hook ${hook} priority -100; policy accept; }`,
          [`fib daddr type local meta l4proto . th dport @${names.ports} jump ${names.chain}`],
        ] as const,
    ),
    [
      `${names.chain}_postrouting`,
      ' { type nat hook postrouting priority srcnat; policy accept; }',
      [`oifname "${config.bridge}" meta mark & ${MASQUERADE_MARK} == ${MASQUERADE_MARK} masquerade`],
    ],
    [
      `${names.chain}_guard`,
      ' { type filter hook prerouting priority mangle; policy accept; }',
      [`iifname "${config.bridge}" ip daddr 127.0.0.0/8 drop`],
    ],
  ];
  return chains
    .flatMap(([name, hook, rules]) => [
      `add chain ${TABLE} ${name}${hook}`,
      `flush chain ${TABLE} ${name}`,
      ...rules.map(rule => `add rule ${TABLE} ${name} ${rule} comment "host ports of ${config.network}"`),
    ])
    .concat('')
    .join('\n');
}

const TYPES: Readonly<Record<IpFamily, string>> = { 4: 'ipv4_addr', 6: 'ipv6_addr' };

/** nft takes names of letters, digits, `_`, `/`, `\` and `.`; a network's may hold `-` too, hence the hash. */
function namesOf(network: string): {
  readonly chain: string;
  readonly ports: string;
  readonly all: Readonly<Record<IpFamily, string>>;
  readonly at: Readonly<Record<IpFamily, string>>;
} {
  const suffix = fnv128aHex(network).slice(-8);
  return {
    chain: `hostports_${suffix}`,
    ports: `hostports_open_${suffix}`,
    all: { 4: `hostports4_${suffix}`, 6: `hostports6_${suffix}` },
    at: { 4: `hostports4_at_${suffix}`, 6: `hostports6_at_${suffix}` },
  };
}

import { canonicalIp, ipFamily, isIp } from '../../base/cidr.ts';
import { type DnsAnswer, emptyAnswer } from '../wire/response.ts';
import { type DnsRecord, type Name, nameOf, RCODE, TYPE } from '../wire/types.ts';
import { addressOfReverse } from './reverse-name.ts';
import type { EndpointRecord, ServiceRecords } from './service-records.ts';
import type { ClusterZone } from './zone.ts';

/** What is asked of the zone. */
export interface Question {
  /** As written by the client: answers repeat it. */
  readonly name: Name;
  /** In lower case. */
  readonly labels: Name;
  readonly type: number;
}

export interface ZoneSettings {
  /** `cluster.local` as labels in lower case. */
  readonly domain: Name;
  /** The addresses of the cluster's DNS service. */
  readonly dnsAddresses: readonly string[];
}

/** An alias leads to another name, which may be of the zone again or of the world outside. */
export interface AliasAnswer extends DnsAnswer {
  readonly aliasOf: Name;
}

/** CoreDNS' own: the state is known at once, so a longer life would only delay changes. */
const TTL = 5;
/** The version of the specification hardly changes: CoreDNS lets it live for 8 hours. */
const VERSION_TTL = 28_800;
const SCHEMA_VERSION = '1.1.0';
const SOA_TIMES = { refresh: 7200, retry: 1800, expire: 86_400, minimum: TTL } as const;

/**
 * The answer of the cluster's zone by the specification of DNS for Kubernetes services 1.1.0 and, where that is silent, as CoreDNS gives it. Undefined:
 * the name is not of the zone, nor the reverse of an address that the cluster knows; others have to be asked.
 */
export function answerZone(
  question: Question,
  zone: ClusterZone,
  settings: ZoneSettings,
): DnsAnswer | AliasAnswer | undefined {
  const address = addressOfReverse(question.labels);
  if (address !== undefined) return answerReverse(question, address, zone, settings);
  const below = belowDomain(question.labels, settings.domain);
  if (below === undefined) return undefined;
  return answerBelow(question, below, zone, settings);
}

/** Whether the name is the domain or below it. */
export function isOfDomain(labels: Name, domain: Name): boolean {
  return belowDomain(labels, domain) !== undefined;
}

function belowDomain(labels: Name, domain: Name): Name | undefined {
  const depth = labels.length - domain.length;
  if (depth < 0 || domain.some((label, i) => labels[depth + i] !== label)) return undefined;
  return labels.slice(0, depth);
}

function answerReverse(
  question: Question,
  address: string,
  zone: ClusterZone,
  settings: ZoneSettings,
): DnsAnswer | undefined {
  const names = zone.names(address);
  if (names.length === 0) return undefined;
  const answers = names.map(
    ({ namespace, service, host }): DnsRecord => ({
      type: 'PTR',
      name: question.name,
      ttl: TTL,
      target: [...(host === undefined ? [] : [host]), service, namespace, 'svc', ...settings.domain],
    }),
  );
  if (question.type !== TYPE.PTR && question.type !== TYPE.ANY) return noData(zone, settings);
  return found(answers);
}

/** `below`: the labels before the domain. */
function answerBelow(
  question: Question,
  below: Name,
  zone: ClusterZone,
  settings: ZoneSettings,
): DnsAnswer | AliasAnswer {
  if (below.length === 0) return answerApex(question, zone, settings);
  const [first = ''] = below;
  const branch = below.at(-1);
  if (branch === 'svc' || branch === 'pod') {
    const namespace = below.at(-2);
    if (namespace === undefined) return noData(zone, settings);
    if (!zone.hasNamespace(namespace)) return noName(zone, settings);
    const rest = below.slice(0, -2);
    if (rest.length === 0) return noData(zone, settings);
    return branch === 'svc'
      ? answerService(question, rest, namespace, zone, settings)
      : answerPod(question, rest, zone, settings);
  }
  if (below.length === 1 && first === 'dns-version') {
    if (question.type !== TYPE.TXT && question.type !== TYPE.ANY) return noData(zone, settings);
    return found([{ type: 'TXT', name: question.name, ttl: VERSION_TTL, text: SCHEMA_VERSION }]);
  }
  if (below.length === 2 && first === 'ns' && branch === 'dns')
    return foundOr(addresses(question, settings.dnsAddresses), zone, settings);
  if (below.length === 1 && first === 'dns') return noData(zone, settings);
  return noName(zone, settings);
}

function answerApex(question: Question, zone: ClusterZone, settings: ZoneSettings): DnsAnswer {
  const wanted = (type: number): boolean => question.type === type || question.type === TYPE.ANY;
  const primary = ['ns', 'dns', ...settings.domain];
  const answers: DnsRecord[] = [];
  if (wanted(TYPE.SOA)) answers.push(startOfAuthority(zone, settings));
  if (wanted(TYPE.NS)) answers.push({ type: 'NS', name: question.name, ttl: TTL, target: primary });
  if (answers.length === 0) return noData(zone, settings);
  const isNamed = wanted(TYPE.NS);
  return { ...found(answers), additional: isNamed ? addressRecords(primary, settings.dnsAddresses) : [] };
}

/** `rest`: what stands before the namespace: a service, an endpoint of one, or a port of one. */
function answerService(
  question: Question,
  rest: Name,
  namespace: string,
  zone: ClusterZone,
  settings: ZoneSettings,
): DnsAnswer | AliasAnswer {
  const service = zone.service(namespace, rest.at(-1) ?? '');
  if (service === undefined || rest.length > 3) return noName(zone, settings);
  const name = [service.name, namespace, 'svc', ...settings.domain];
  if (service.externalName !== undefined)
    return rest.length === 1 ? answerAlias(question, service.externalName, zone, settings) : noName(zone, settings);
  if (rest.length === 2) {
    const endpoints = service.endpoints.filter(({ host }) => host === rest[0]);
    if (endpoints.length === 0) return noName(zone, settings);
    return foundOr(endpointAnswer(question, name, endpoints, isAnyPort), zone, settings);
  }
  const port = rest.length === 3 ? portOf(rest) : isAnyPort;
  if (port === undefined) return noName(zone, settings);
  if (service.headless) {
    const endpoints = service.endpoints.filter(each => port === isAnyPort || each.ports.some(port));
    if (endpoints.length === 0) return noName(zone, settings);
    return foundOr(endpointAnswer(question, name, endpoints, port), zone, settings);
  }
  return clusterAnswer(question, name, service, port, zone, settings);
}

type PortTest = (port: { readonly name: string; readonly protocol: string }) => boolean;
const isAnyPort: PortTest = () => true;

/** `_http._tcp`. */
function portOf([port = '', protocol = '']: Name): PortTest | undefined {
  if (!port.startsWith('_') || !protocol.startsWith('_')) return undefined;
  const [name, wire] = [port.slice(1), protocol.slice(1)];
  // a port without a name has no record of its own
  return name === '' ? undefined : each => each.name === name && each.protocol === wire;
}

function clusterAnswer(
  question: Question,
  name: Name,
  service: ServiceRecords,
  port: PortTest,
  zone: ClusterZone,
  settings: ZoneSettings,
): DnsAnswer {
  const ports = service.ports.filter(port);
  if (ports.length === 0) return noName(zone, settings);
  const { clusterIPs } = service;
  if (question.type !== TYPE.SRV) return foundOr(addresses(question, clusterIPs), zone, settings);
  const weight = weightOf(ports.length * clusterIPs.length);
  const answers = ports.map(
    (each): DnsRecord => ({
      type: 'SRV',
      name: question.name,
      ttl: TTL,
      priority: 0,
      weight,
      port: each.port,
      target: name,
    }),
  );
  return { ...found(answers), additional: addressRecords(name, clusterIPs) };
}

function endpointAnswer(
  question: Question,
  name: Name,
  endpoints: readonly EndpointRecord[],
  port: PortTest,
): DnsAnswer {
  if (question.type !== TYPE.SRV) return addresses(question, unique(endpoints.map(each => each.address)));
  const targets = endpoints.flatMap(({ host, address, ports }) =>
    ports.filter(port).map(each => ({ host, address, port: each.port })),
  );
  const weight = weightOf(targets.length);
  const answers = new Map<string, DnsRecord>();
  const additional = new Map<string, DnsRecord>();
  for (const { host, address, port: number } of targets) {
    const target = [host, ...name];
    answers.set(`${host} ${number}`, {
      type: 'SRV',
      name: question.name,
      ttl: TTL,
      priority: 0,
      weight,
      port: number,
      target,
    });
    for (const record of addressRecords(target, [address])) additional.set(`${host} ${address}`, record);
  }
  return { ...found([...answers.values()]), additional: [...additional.values()] };
}

function answerAlias(
  question: Question,
  externalName: string,
  zone: ClusterZone,
  settings: ZoneSettings,
): DnsAnswer | AliasAnswer {
  // an address is no name that an alias could lead to
  if (isIp(externalName)) return noName(zone, settings);
  const target = nameOf(externalName);
  const answer = found([{ type: 'CNAME', name: question.name, ttl: TTL, target }]);
  return question.type === TYPE.CNAME || question.type === TYPE.ANY ? answer : { ...answer, aliasOf: target };
}

/** `10-244-1-7.default.pod`: says no more than it was asked, for any address, as kubeadm configures CoreDNS. */
function answerPod(question: Question, rest: Name, zone: ClusterZone, settings: ZoneSettings): DnsAnswer {
  const [dashes = ''] = rest;
  const isV4 = dashes.split('-').length === 4 && !dashes.includes('--');
  const address = dashes.replaceAll('-', isV4 ? '.' : ':');
  const isAddress =
    rest.length === 1 && (isV4 ? /^\d+(\.\d+){3}$/.test(address) : address.includes(':')) && isIp(address);
  if (!isAddress) return noName(zone, settings);
  return foundOr(addresses(question, [canonicalIp(address)]), zone, settings);
}

function addresses(question: Question, all: readonly string[]): DnsAnswer {
  const wanted = (type: string): boolean =>
    question.type === TYPE.ANY ||
    (type === 'A' && question.type === TYPE.A) ||
    (type === 'AAAA' && question.type === TYPE.AAAA);
  return found(addressRecords(question.name, all).filter(({ type }) => wanted(type)));
}

function addressRecords(name: Name, all: readonly string[]): DnsRecord[] {
  return all.map(address => ({ type: ipFamily(address) === 4 ? 'A' : 'AAAA', name, ttl: TTL, address }));
}

/** A hundred shared among so many. */
function weightOf(count: number): number {
  return Math.max(1, Math.floor(100 / Math.max(1, count)));
}

function found(answers: readonly DnsRecord[]): DnsAnswer {
  return { ...emptyAnswer(RCODE.NOERROR, true), answers };
}

/** Where there is nothing of the type that was asked for, the name is there all the same. */
function foundOr(answer: DnsAnswer, zone: ClusterZone, settings: ZoneSettings): DnsAnswer {
  return answer.answers.length > 0 ? answer : noData(zone, settings);
}

function noData(zone: ClusterZone, settings: ZoneSettings): DnsAnswer {
  return { ...emptyAnswer(RCODE.NOERROR, true), authority: [startOfAuthority(zone, settings)] };
}

function noName(zone: ClusterZone, settings: ZoneSettings): DnsAnswer {
  return { ...emptyAnswer(RCODE.NXDOMAIN, true), authority: [startOfAuthority(zone, settings)] };
}

function startOfAuthority(zone: ClusterZone, { domain }: ZoneSettings): DnsRecord {
  return {
    type: 'SOA',
    name: domain,
    ttl: TTL,
    primary: ['ns', 'dns', ...domain],
    mailbox: ['hostmaster', ...domain],
    serial: zone.serial,
    ...SOA_TIMES,
  };
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}

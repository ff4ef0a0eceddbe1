import type { IpFamily } from '../../../base/cidr.ts';
import type { LocalPods, NodeSettings } from '../../desired/node-settings.ts';
import { MARK_MASQ_CHAIN, MARK_OUTSIDE_CHAIN } from './chains.ts';

/** A network of one address. */
export function single(ip: string): string {
  return `${ip}/${ip.includes(':') ? 128 : 32}`;
}

/** Words on a rule. iptables takes 255 of them at most: names of services and ports are shorter. */
export function comment(text: string): string {
  return `-m comment --comment "${text}"`;
}

/** A port of a protocol, with other matches where iptables-save puts them. */
export function portMatch(protocol: string, port: number, between = ''): string {
  return `-p ${protocol} ${between === '' ? '' : `${between} `}-m ${protocol} --dport ${port}`;
}

/** Each matches a part of what comes from pods of this node. */
export function fromPods(pods: LocalPods): string[] {
  return pods.kind === 'link' ? [`-i ${linkName(pods.name)}`] : pods.cidrs.map(cidr => `-s ${cidr}`);
}

export function linkName(name: string): string {
  return name.endsWith('*') ? `${name.slice(0, -1)}+` : name;
}

export interface Destination {
  /** `-d 10.96.0.1/32`, or nothing. */
  readonly destination: string;
  readonly match: string;
}

/** The rules that mark for masquerade what goes to a cluster IP from elsewhere than a pod of this node: all of it where that is asked for, nothing where nobody knows. */
export function marksOutside(
  { masqueradeAll, localPods }: NodeSettings,
  { destination, match }: Destination,
): string[] {
  const rule = (source: string, link: string, target: string): string =>
    [source, destination, link, match, `-j ${target}`].filter(part => part !== '').join(' ');
  if (masqueradeAll) return [rule('', '', MARK_MASQ_CHAIN)];
  if (localPods === undefined) return [];
  if (localPods.kind === 'link') return [rule('', `! -i ${linkName(localPods.name)}`, MARK_MASQ_CHAIN)];
  const [cidr = '', ...more] = localPods.cidrs;
  return more.length === 0 ? [rule(`! -s ${cidr}`, '', MARK_MASQ_CHAIN)] : [rule('', '', MARK_OUTSIDE_CHAIN)];
}

/** What marks what comes from none of the networks of pods; undefined where one rule says it. */
export function markOutsideChain({ masqueradeAll, localPods }: NodeSettings): string[] | undefined {
  if (masqueradeAll || localPods?.kind !== 'cidrs' || localPods.cidrs.length < 2) return undefined;
  return [...localPods.cidrs.map(cidr => `-s ${cidr} -j RETURN`), `-j ${MARK_MASQ_CHAIN}`];
}

export function loopbackOf(family: IpFamily): string {
  return family === 4 ? '127.0.0.0/8' : '::1/128';
}

export function markOf(bit: number): string {
  return `0x${(2 ** bit).toString(16)}`;
}

import { formatCidr, parseCidr } from '../../base/cidr.ts';
import type { Link } from '../../linux/netlink/links.ts';
import { netnsExists } from '../../linux/netns.ts';
import type { JournalEntry } from '../journal/state.ts';
import { CNI_ERROR, CniError } from '../protocol/error.ts';
import { isObject } from '../protocol/json.ts';
import type { PluginRequest } from '../protocol/plugin.ts';
import { type CniResult, parseResult, sandboxIps } from '../protocol/result.ts';
import type { BridgeApplier, SeenBucket, SeenInside } from './apply.ts';
import { type Bandwidth, bucketOf, type RateLimit } from './bandwidth.ts';
import type { BridgeConfig } from './config.ts';
import { portElements } from './host-ports.ts';
import { isAlive } from './liveness.ts';
import { egressLinkName, hostLinkName, masqueradeRules, planBridge } from './plan.ts';

/** What the machine shows of an attachment. */
export interface SeenAttachment {
  readonly entry: JournalEntry | undefined;
  readonly bridge: Link | undefined;
  readonly bridgeIps: readonly string[];
  readonly near: Link | undefined;
  readonly inside: SeenInside | undefined;
  readonly limits: { readonly ingress: SeenBucket | undefined; readonly egress: SeenBucket | undefined };
  /** The lists of rules and maps that were asked for, by their names, with single blanks. */
  readonly rules: ReadonlyMap<string, string>;
}

/** Throws CniError 100 that names all that is not as ADD left it; 7 without a result to compare with, 8 without the namespace. Changes nothing. */
export function checkAttachment(
  apply: BridgeApplier,
  config: BridgeConfig,
  request: PluginRequest,
  entry: JournalEntry | undefined,
): void {
  const { containerId, ifname, netns } = request;
  const previous = request.config['prevResult'];
  if (!isObject(previous)) throw new CniError(CNI_ERROR.invalidConfig, 'field prevResult is missing');
  const result = parseResult(previous);
  if (!netnsExists(netns)) throw new CniError(CNI_ERROR.invalidNetns, `${netns} is not a network namespace`);
  const near = apply.findLink(hostLinkName(containerId, ifname));
  const bridge = apply.findLink(config.bridge);
  const rules = new Map<string, string>();
  for (const { list } of rulesOf(config, request, result))
    if (!rules.has(list)) rules.set(list, apply.listRules(`list ${list}`).replaceAll(/\s+/g, ' '));
  const seen: SeenAttachment = {
    entry: entry !== undefined && entry.state === 'ready' && isAlive(entry) ? entry : undefined,
    bridge,
    bridgeIps: apply
      .allAddresses()
      .filter(({ linkIndex }) => linkIndex === bridge?.index)
      .map(({ ip }) => ip),
    near,
    inside: apply.lookInside(netns, ifname),
    limits:
      near === undefined
        ? { ingress: undefined, egress: undefined }
        : apply.limitsOf(near, egressLinkName(containerId, ifname)),
    rules,
  };
  const wrong = differences(config, request, result, seen);
  if (wrong.length > 0) throw new CniError(CNI_ERROR.changed, wrong.join('; '));
}

/** What is not as the result and the configuration say, a clause each. What others have added is no matter. Pure. */
export function differences(
  config: BridgeConfig,
  request: Pick<PluginRequest, 'containerId' | 'ifname' | 'netns'>,
  result: CniResult,
  seen: SeenAttachment,
): string[] {
  const { containerId, ifname, netns } = request;
  const { entry, bridge, near, inside } = seen;
  const ips = sandboxIps(result, ifname);
  const nearName = hostLinkName(containerId, ifname);
  const macOf = (name: string): string | undefined => result.interfaces.find(link => link.name === name)?.mac;
  const wrong: string[] = [];
  const expect = (holds: boolean, clause: string): void => {
    if (!holds) wrong.push(clause);
  };
  expect(entry !== undefined, `the address journal has no live attachment of ${containerId} ${ifname}`);
  for (const ip of entry === undefined ? [] : ips)
    expect(entry?.ips.includes(ip) === true, `the address journal does not give ${ip} to ${containerId} ${ifname}`);

  expect(bridge !== undefined, `the bridge ${config.bridge} is gone`);
  if (bridge !== undefined) {
    expect(bridge.kind === 'bridge', `the link ${config.bridge} is not a bridge`);
    expect(bridge.up, `the bridge ${config.bridge} is down`);
    expect(sameMac(macOf(config.bridge), bridge.mac), `the bridge ${config.bridge} has the MAC ${bridge.mac}`);
    for (const { ip } of planBridge(config).bridge.addresses)
      expect(seen.bridgeIps.includes(ip), `the bridge ${config.bridge} has not the address ${ip}`);
  }
  expect(near !== undefined, `the link ${nearName} is gone`);
  if (near !== undefined) {
    expect(near.up, `the link ${nearName} is down`);
    expect(near.master === bridge?.index, `the link ${nearName} is no port of ${config.bridge}`);
    expect(sameMac(macOf(nearName), near.mac), `the link ${nearName} has the MAC ${near.mac}`);
    wrong.push(...limitDifferences(config.bandwidth, near.mtu, seen.limits));
  }
  const link = inside?.link;
  expect(link !== undefined, `the link ${ifname} is gone from ${netns}`);
  if (inside !== undefined && link !== undefined) {
    expect(link.up, `the link ${ifname} in ${netns} is down`);
    const mac = result.interfaces.find(({ name, sandbox = '' }) => name === ifname && sandbox !== '')?.mac;
    expect(sameMac(mac, link.mac), `the link ${ifname} in ${netns} has the MAC ${link.mac}`);
    const present = inside.addresses.filter(({ linkIndex }) => linkIndex === link.index).map(({ ip }) => ip);
    for (const ip of ips) expect(present.includes(ip), `the address ${ip} is gone from ${ifname} in ${netns}`);
    for (const { dst, gw } of result.routes)
      expect(
        inside.routes.some(route => sameNetwork(route.destination, dst) && (gw === undefined || route.gateway === gw)),
        `the route to ${dst}${gw === undefined ? '' : ` by ${gw}`} is gone from ${netns}`,
      );
  }
  for (const { list, text, clause } of rulesOf(config, request, result))
    expect(seen.rules.get(list)?.includes(text) === true, clause);
  return wrong;
}

function limitDifferences(wanted: Bandwidth, mtu: number, seen: SeenAttachment['limits']): string[] {
  const compare = (what: string, limit: RateLimit | undefined, bucket: SeenBucket | undefined): string[] => {
    if (limit === undefined) return [];
    if (bucket === undefined) return [`the limit of ${what} is gone`];
    const { rate, limit: waiting } = bucketOf(limit, mtu);
    return bucket.rate === rate && bucket.limit === waiting
      ? []
      : [`the limit of ${what} is ${bucket.rate * 8} bits per second`];
  };
  return [
    ...compare('what the pod receives', wanted.ingress, seen.ingress),
    ...compare('what the pod sends', wanted.egress, seen.egress),
  ];
}

/** Which lists of nftables have to hold which text. */
function rulesOf(
  config: BridgeConfig,
  { containerId, ifname }: Pick<PluginRequest, 'containerId' | 'ifname'>,
  result: CniResult,
): { list: string; text: string; clause: string }[] {
  const { chain, subnets } = masqueradeRules(config);
  const ports = portElements(config.network, {
    containerId,
    ips: sandboxIps(result, ifname),
    hostPorts: config.hostPorts,
  });
  return [
    ...subnets.map(subnet => ({
      list: `chain ${chain}`,
      text: `saddr ${subnet} `,
      clause: `the rule that masquerades ${subnet} is gone`,
    })),
    ...ports.map(({ map, element }) => ({
      list: `map ${map}`,
      text: element,
      clause: `the host port rule "${element}" is gone`,
    })),
  ];
}

/** An older version's result has no MAC to compare with. */
function sameMac(wanted: string | undefined, seen: string): boolean {
  return wanted === undefined || wanted === '' || wanted.toLowerCase() === seen;
}

function sameNetwork(one: string, other: string): boolean {
  return formatCidr(parseCidr(one)) === formatCidr(parseCidr(other));
}

import type { Link } from '../../linux/netlink/links.ts';
import { entryKey, type JournalEntry } from '../journal/state.ts';
import { CNI_ERROR, CniError } from '../protocol/error.ts';
import { Fields, isObject, type JsonObject } from '../protocol/json.ts';

/** As `hostLinkName` and `egressLinkName` make them. */
const HOST_LINK = /^veth([0-9a-f]{11})$/;
const EGRESS_LINK = /^ifb([0-9a-f]{11})$/;

/** By these names links of pods are known on the machine. */
export const POD_LINKS: readonly RegExp[] = [HOST_LINK, EGRESS_LINK];

/** The links of an attachment that are on the machine. */
export function linksOf({ hostLink, egressLink }: Pick<JournalEntry, 'hostLink' | 'egressLink'>): string[] {
  return egressLink === undefined ? [hostLink] : [hostLink, egressLink];
}

/**
 * The keys of the attachments that GC leaves. libcni writes them under a second name as well, from before the specification had chosen. Throws CniError 7
 * without any: a list that was lost would take the network away from every pod.
 */
export function validAttachments(config: JsonObject): ReadonlySet<string> {
  const fields = new Fields(config);
  const list = fields.list('cni.dev/valid-attachments') ?? fields.list('cni.dev/attachments');
  if (list === undefined) throw new CniError(CNI_ERROR.invalidConfig, 'field cni.dev/valid-attachments is missing');
  const keys = list.map((value, index) => {
    const field = `cni.dev/valid-attachments[${index}]`;
    if (!isObject(value)) throw new CniError(CNI_ERROR.invalidConfig, `field ${field} must be an object`);
    const of = new Fields(value, `${field}.`);
    return entryKey(of.string('containerID') ?? '', of.string('ifname') ?? '');
  });
  return new Set(keys);
}

/**
 * Links that have a name of ours and that no journal names, for one was removed by hand: near ends under the bridge, and the links for what pods send whose near end is not
 * there. The pods of another bridge are not this network's to judge. Pure.
 */
export function orphans(links: readonly Link[], bridge: number | undefined, named: ReadonlySet<string>): string[] {
  const near = links.filter(
    ({ name, master }) => HOST_LINK.test(name) && bridge !== undefined && master === bridge && !named.has(name),
  );
  const gone = new Set(near.map(({ name }) => name));
  const present = new Set(links.map(({ name }) => name).filter(name => !gone.has(name)));
  const egress = links.filter(({ name }) => {
    const [, suffix] = EGRESS_LINK.exec(name) ?? [];
    return suffix !== undefined && !named.has(name) && !present.has(`veth${suffix}`);
  });
  return [...near, ...egress].map(({ name }) => name);
}

import { readFileSync } from 'node:fs';
import { runCommand } from '../../linux/command.ts';
import { NftContext } from '../../linux/nft.ts';

/** A chain that drops whatever is forwarded and that none of its rules accepts. */
export interface DroppingChain {
  /** `ip filter`. */
  readonly table: string;
  readonly chain: string;
  /** The rules, as text. */
  readonly text: string;
}

/** Set where br_netfilter is loaded (Docker does): what goes from port to port of a bridge is filtered too, as if it were routed. */
const BRIDGE_FILTERED = '/proc/sys/net/bridge/bridge-nf-call-iptables';
/** Tables of iptables' older kind, which nft does not show. */
const LEGACY_TABLES = '/proc/net/ip_tables_names';

/** The chains of a rule set, as nft prints it, that drop what is forwarded over IPv4 by their policy. Pure. */
export function droppingChains(ruleset: string): readonly DroppingChain[] {
  return [...ruleset.matchAll(/^table ((?:ip|inet) \S+) \{\n([\s\S]*?)^\}/gm)].flatMap(([, table = '', body = '']) =>
    [...body.matchAll(/^\tchain (\S+) \{\n([\s\S]*?)^\t\}/gm)].flatMap(([, chain = '', text = '']) =>
      /type filter hook forward [^\n]*policy drop;/.test(text) ? [{ table, chain, text }] : [],
    ),
  );
}

/**
 * What a firewall of the machine does to the hosts of a bridge, with what to do, as a line; undefined where it lets them through, as far as can be seen: a rule
 * that names the bridge is taken for one that accepts. Other tables' rules are the user's: none is changed. Pure.
 */
export function firewallProblem(
  bridge: string,
  chains: readonly DroppingChain[],
): { readonly line: string; readonly remedy: string } | undefined {
  const found = chains.find(({ text }) => !text.includes(`"${bridge}"`) && !text.includes('"gantry-*"'));
  if (found === undefined) return undefined;
  const { table, chain } = found;
  const remedy =
    table === 'ip filter' && chain === 'FORWARD'
      ? `iptables -I FORWARD -i ${bridge} -j ACCEPT; iptables -I FORWARD -o ${bridge} -j ACCEPT`
      : `nft insert rule ${table} ${chain} iifname ${bridge} accept; nft insert rule ${table} ${chain} oifname ${bridge} accept`;
  return {
    line: `a firewall of this machine drops what is forwarded (the policy of the chain ${chain} of the table ${table})`,
    remedy,
  };
}

/** Whether what goes between ports of a bridge is filtered as if it were routed. */
export function isBridgeFiltered(): boolean {
  return textOf(BRIDGE_FILTERED).trim() === '1';
}

/** The chains of this network namespace that drop what is forwarded. */
export async function readDroppingChains(): Promise<readonly DroppingChain[]> {
  const nft = NftContext.open();
  let ruleset: string;
  try {
    ruleset = nft.run('list ruleset');
  } finally {
    nft.close();
  }
  const known = droppingChains(ruleset);
  if (!textOf(LEGACY_TABLES).split('\n').includes('filter')) return known;
  // whoever has such a table has the program that made it, under one of two names
  for (const program of ['iptables-legacy', 'iptables']) {
    const answer = await runCommand(program, ['-S', 'FORWARD']).catch(() => undefined);
    const rules = answer?.code === 0 ? answer.stdout.toString('utf8') : '';
    if (/^-P FORWARD DROP$/m.test(rules))
      return [...known, { table: 'ip filter', chain: 'FORWARD', text: quoteInterfaces(rules) }];
    if (rules !== '') return known;
  }
  return known;
}

/** `-i br0` as nft writes names. */
function quoteInterfaces(rules: string): string {
  return rules.replace(
    / -([io]) (\S+)/g,
    (_, direction: string, name: string) => ` -${direction} "${name.replace(/\+$/, '*')}"`,
  );
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

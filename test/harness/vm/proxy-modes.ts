import { waitFor } from '../wait-for.ts';
import type { Machine } from './certificates.ts';
import { LONG } from './installed-node.ts';

export type ProxyMode = 'nftables' | 'iptables' | 'ipvs';

/** A line for each thing of a proxy that is in the kernel, whatever its mode; the first word says what it is. */
const TRACES = `
  set +e +o pipefail
  nft list tables | sed -nE 's/^table (ip6? gantry_proxy)$/table \\1/p'
  for tool in iptables ip6tables iptables-legacy ip6tables-legacy; do
    $tool-save 2>/dev/null | sed -nE "s/^:(KUBE-S(VC|EP)-[^ ]*).*/service-chain $tool \\1/p; s/^:(KUBE-[^ ]*).*/chain $tool \\1/p"
  done
  ipvsadm --save --numeric 2>/dev/null | sed -n 's/^-A/server/p'
  ipset list -name | sed -n 's/^KUBE-/set KUBE-/p'
  ip -o link show type dummy | awk '{ print "link", $2 }'`;

/** What a mode has, and what it must not have of another. */
const OF_MODE: Readonly<Record<ProxyMode, { readonly has: readonly RegExp[]; readonly lacks: RegExp }>> = {
  nftables: { has: [/^table ip gantry_proxy$/], lacks: /^(service-chain|chain|server|set|link) / },
  iptables: { has: [/^service-chain iptables KUBE-SVC-/], lacks: /^(table|server|set|link) / },
  ipvs: {
    has: [/^server -t 10\.96\.0\.1:443 /, /^set KUBE-CLUSTER-IP$/, /^link kube-ipvs0:/],
    lacks: /^(table|service-chain) /,
  },
};

/** Resolves when all of a mode is there on a machine, and nothing that only other modes have. */
export async function onlyMode(vm: Machine, mode: ProxyMode): Promise<void> {
  const { has, lacks } = OF_MODE[mode];
  await waitFor(
    `the rules of ${mode}, and of no other mode, on ${vm.name}`,
    async saw => {
      const lines = (await vm.sh(TRACES)).split('\n');
      const foreign = lines.filter(line => lacks.test(line));
      const missing = has.filter(pattern => !lines.some(line => pattern.test(line)));
      saw({ foreign, missing });
      return foreign.length === 0 && missing.length === 0;
    },
    LONG,
  );
}

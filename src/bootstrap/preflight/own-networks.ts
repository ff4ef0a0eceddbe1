import { type Cidr, cidrContains, formatCidr, parseCidr } from '../../base/cidr.ts';
import { listAddresses } from '../../linux/netlink/addresses.ts';
import { listLinks } from '../../linux/netlink/links.ts';
import { listRoutes } from '../../linux/netlink/routes.ts';
import { NetlinkSocket } from '../../linux/netlink/socket.ts';
import { error, type Finding, warning } from './finding.ts';

/** Where this machine is in the networks that were there before any cluster. */
export interface OwnNetworks {
  readonly addresses: readonly { readonly ip: string; readonly link: string }[];
  /** Of default routes. */
  readonly gateways: readonly string[];
}

/** Those of a cluster, each one or more CIDRs with commas between; empty where it is not known. */
export interface ClusterNetworks {
  readonly serviceSubnet: string;
  readonly podSubnet: string;
}

/** The machine's alone, and links that a node of an earlier cluster may have left: the bridge of its pods, and what holds addresses of Services. */
export const OWN_LINKS: readonly string[] = ['lo', 'gantry0', 'kube-ipvs0'];
/** What networks of other clusters call theirs, which stay where such a cluster was taken away. */
const LEFT_LINKS =
  /^(cni\d|cbr0|kube-bridge|flannel[.\d]|cilium_|vxlan\.calico|vxlan-v6\.calico|tunl0|weave|antrea-|ovn-|nodelocaldns)/;
const DEFAULT_ROUTES = ['0.0.0.0/0', '::/0'];

/** Asks the kernel for the addresses of all links but ours, and for default routes, in this network namespace. Changes nothing. */
export function readOwnNetworks(): OwnNetworks {
  return NetlinkSocket.use(socket => {
    const names = new Map(listLinks(socket).map(({ index, name }) => [index, name]));
    return {
      addresses: listAddresses(socket)
        .map(({ ip, linkIndex }) => ({ ip, link: names.get(linkIndex) ?? '' }))
        .filter(({ link }) => !OWN_LINKS.includes(link)),
      gateways: listRoutes(socket).flatMap(({ destination, gateway }) =>
        DEFAULT_ROUTES.includes(destination) ? (gateway ?? []) : [],
      ),
    };
  });
}

/**
 * What of this machine lies within a network of the cluster, whose nodes take all of that for Services or pods: another machine may be hidden by that, or this one. kubeadm has no such check. `role` is that of
 * who can still choose the networks, or not. Pure.
 */
export function networkClashes(
  own: OwnNetworks,
  { serviceSubnet, podSubnet }: ClusterNetworks,
  role: 'control-plane' | 'node',
): readonly Finding[] {
  return [
    ...clashes(own, serviceSubnet, {
      check: 'ServiceCIDR',
      what: 'network of Services',
      flag: '--service-cidr (networking.serviceSubnet)',
      role,
      tell: error,
    }),
    ...clashes(own, podSubnet, {
      check: 'PodCIDR',
      what: 'network of pods',
      flag: '--pod-network-cidr (networking.podSubnet)',
      role,
      // a cluster that stands may give its pods a part of it that no machine has, and who joins cannot choose
      tell: role === 'node' ? warning : error,
    }),
  ];
}

function clashes(
  { addresses, gateways }: OwnNetworks,
  subnets: string,
  {
    check,
    what,
    flag,
    role,
    tell,
  }: {
    readonly check: string;
    readonly what: string;
    readonly flag: string;
    readonly role: 'control-plane' | 'node';
    readonly tell: typeof error;
  },
): readonly Finding[] {
  return networksIn(subnets).flatMap(network => {
    const addressed = addresses.filter(({ ip }) => cidrContains(network, ip));
    const left = [...new Set(addressed.map(({ link }) => link))].filter(link => LEFT_LINKS.test(link));
    const within = [
      ...addressed.map(({ ip, link }) => `the address ${ip} (${link})`),
      ...[...new Set(gateways)].filter(ip => cidrContains(network, ip)).map(ip => `the default gateway ${ip}`),
    ];
    if (within.length === 0) return [];
    return [
      tell(
        check,
        `${within.join(' and ')} of this machine ${within.length === 1 ? 'is' : 'are'} in the ${what} of the cluster, ${formatCidr(network)}: who is asked there is not who is meant`,
        [
          ...left.map(link => `where ${link} is left of an earlier cluster: ip link delete ${link}`),
          role === 'control-plane'
            ? `choose another that nothing else here has, by ${flag}`
            : `a cluster keeps its networks: give this machine other addresses, or make the cluster anew with ${flag}`,
        ].join('; or '),
      ),
    ];
  });
}

/** A cluster that somebody else made may say anything. */
function networksIn(subnets: string): readonly Cidr[] {
  return subnets.split(',').flatMap(text => {
    try {
      return [parseCidr(text.trim())];
    } catch {
      return [];
    }
  });
}

import { type Finding, warning } from './finding.ts';
import type { PreflightFacts, PreflightWish } from './plan.ts';

/** What speaks against the machine's names, routes and proxies. Pure. */
export function networkFindings(facts: PreflightFacts, { nodeName, insideHost }: PreflightWish): readonly Finding[] {
  return [
    ...(facts.hostnameProblem === undefined
      ? []
      : [
          warning(
            'Hostname',
            `hostname "${nodeName}" could not be reached: ${facts.hostnameProblem}`,
            `echo "127.0.1.1 ${nodeName}" >>/etc/hosts`,
          ),
        ]),
    ...(facts.hasDefaultRoute || insideHost
      ? []
      : [
          warning(
            'DefaultRoute',
            'there is no default route: pods reach nothing outside',
            'ip route add default via …',
          ),
        ]),
    ...loopbackFindings(facts),
    ...facts.proxied.map(({ target, isNetwork, proxy }) =>
      isNetwork
        ? warning(
            'HTTPProxyCIDR',
            `connection to "${target}" uses proxy "${proxy}". This may lead to malfunctional cluster setup`,
            `export NO_PROXY="$NO_PROXY,${target}"`,
          )
        : warning(
            'HTTPProxy',
            `Connection to "${target}" uses proxy "${proxy}". If that is not intended, adjust your proxy settings`,
            `export NO_PROXY="$NO_PROXY,${target}"`,
          ),
    ),
  ];
}

/** The DNS server of the node can ask a name server on loopback, and so do pods by it; not those that are to ask the machine's own servers. */
function loopbackFindings({ resolver }: PreflightFacts): readonly Finding[] {
  if (resolver === undefined || resolver.loopbackServers.length === 0) return [];
  const { file, loopbackServers } = resolver;
  return [
    warning(
      'Resolver',
      `all name servers in ${file} are on loopback (${loopbackServers.join(', ')}): the DNS server of this node asks them, so pods with dnsPolicy ClusterFirst find names; those with dnsPolicy Default look for them in themselves and find none`,
      `write the servers that stand behind it to a file, and name that as resolvConf in a KubeletConfiguration of --config`,
    ),
  ];
}

/** A firewall that is on lets neither the ports of the cluster through nor, mostly, what the machine forwards to and from pods: rules of ours that accept do not undo one of its that drops. Pure. */
export function firewallFinding(
  name: string,
  { podSubnet, ports }: { readonly podSubnet: string | undefined; readonly ports: PreflightWish['reachedPorts'] },
): Finding {
  const pods = podSubnet?.split(',') ?? ['POD_CIDR'];
  const where = podSubnet === undefined ? ' (POD_CIDR: podSubnet of the ConfigMap kubeadm-config)' : '';
  const open = ports.length === 0 ? '' : `ports ${ports.join(' and ')} are open, and `;
  const message = `${name} is active, please ensure ${open}traffic from and to pods (${podSubnet ?? 'POD_CIDR'}) is let in and forwarded, or your cluster may not function correctly`;
  if (name === 'firewalld') {
    // braces around a single word are no list to a shell
    const list = ports.length > 1 ? `{${ports.join(',')}}` : ports.join('');
    const opening = ports.length === 0 ? '' : `firewall-cmd --permanent --add-port=${list}/tcp && `;
    const trusted = pods.map(cidr => `--add-source=${cidr}`).join(' ');
    return warning(
      'Firewalld',
      message,
      `${opening}firewall-cmd --permanent --zone=trusted ${trusted} && firewall-cmd --reload${where}`,
    );
  }
  const opened = ports.map(port => `${name} allow ${port}/tcp`);
  const forwarded = pods.flatMap(cidr => [
    `${name} allow from ${cidr}`,
    `${name} route allow from ${cidr}`,
    `${name} route allow to ${cidr}`,
  ]);
  return warning('Firewall', message, `${[...opened, ...forwarded].join(' && ')}${where}`);
}

import { describe, expect, it } from 'vitest';
import { findingLines, preflightMessage, sortFindings } from '../../../src/bootstrap/preflight/findings.ts';
import {
  type PreflightFacts,
  type PreflightWish,
  preflightFindings,
  proxyFindings,
} from '../../../src/bootstrap/preflight/plan.ts';
import { swapFindings } from '../../../src/bootstrap/preflight/swap-plan.ts';

const WELL: PreflightFacts = {
  uid: 0,
  cpus: 2,
  memoryBytes: 4e9,
  kernelRelease: '6.1.0-13-amd64',
  missingPrograms: [],
  missingUsefulPrograms: [],
  hasOciRuntime: true,
  missingModules: [],
  usedSockets: [],
  addresses: { absent: [], present: ['10.0.0.5'] },
  ipForward: '1',
  nonEmptyDirectories: [],
  existingFiles: [],
  unanswered: [],
  sharedLinks: [],
  certificateProblems: [],
  swap: undefined,
  cgroupVersion: 2,
  missingControllers: [],
  freeBytes: 10e9,
  otherKubelets: [],
  firewalls: [],
  hasDefaultRoute: true,
  hostnameProblem: undefined,
  endpoint: undefined,
  ownNetworks: undefined,
  resolver: undefined,
  proxied: [],
  externalEtcd: undefined,
  hasSupervisor: true,
};
const WISH: PreflightWish = {
  role: 'control-plane',
  nodeName: 'n1',
  insideHost: false,
  failSwapOn: true,
  networks: { serviceSubnet: '10.96.0.0/12', podSubnet: '10.244.0.0/16' },
  reachedPorts: [6443, 10_250],
};
const TCP = { protocol: 'tcp', address: '0.0.0.0' } as const;
const DNSMASQ = { pid: 12, name: 'dnsmasq', unit: 'dnsmasq.service' };
const DNS = { address: '10.0.0.5', port: 53, of: 'dns' } as const;
const K3S = { pid: 71, name: 'k3s-server', unit: 'k3s.service' };

type Row = [string, Partial<PreflightFacts>, 'error' | 'warning', string, string, string | undefined];
const ROWS: readonly Row[] = [
  ['another user than root', { uid: 1000 }, 'error', 'IsPrivilegedUser', 'user is not running as root', 'sudo'],
  ['one CPU', { cpus: 1 }, 'error', 'NumCPU', 'the number of available CPUs 1 is less than the required 2', undefined],
  [
    'little memory',
    { memoryBytes: 1000 * 2 ** 20 },
    'error',
    'Mem',
    'the system RAM (1000 MB) is less than the minimum 1700 MB',
    undefined,
  ],
  [
    'a full disk',
    { freeBytes: 2 ** 20 },
    'error',
    'DiskSpace',
    'only 1 MB are free below /var/lib; 512 MB are needed',
    'df -h /var/lib',
  ],
  [
    'nobody who keeps daemons running',
    { hasSupervisor: false },
    'error',
    'Supervisor',
    'nothing here keeps daemons running: systemd does not run (/run/systemd/system is not there)',
    'boot this machine with systemd, or make a cluster inside it: gantry cluster create',
  ],
  [
    'a directory of ours that hangs',
    { unanswered: ['/var/lib/kubelet/pods'] },
    'error',
    'DirAvailable--var-lib-kubelet-pods',
    '/var/lib/kubelet/pods does not answer: its disk or server hangs',
    'take it off, if it is not needed: umount --lazy /var/lib/kubelet/pods',
  ],
  [
    'a link to the top of a disk in the place of a directory of ours',
    { sharedLinks: [{ path: '/var/lib/kubelet', to: '/mnt' }] },
    'error',
    'DirAvailable--var-lib-kubelet',
    '/var/lib/kubelet is a link to /mnt, where others have their things, too: it has to lead to a directory of its own',
    'mkdir /mnt/kubelet && ln -sfn /mnt/kubelet /var/lib/kubelet',
  ],
  [
    'an address of the API server that the machine has not got',
    { addresses: { absent: [{ address: '10.0.0.9', of: 'control-plane' }], present: ['10.0.0.5', 'fd00::5'] } },
    'error',
    'AdvertiseAddress',
    'this machine has no address 10.0.0.9, on which etcd and the API server are to serve: it has 10.0.0.5, fd00::5',
    'give one that it has by --apiserver-advertise-address (localAPIEndpoint.advertiseAddress); where others reach it at 10.0.0.9 by a translation, name that as --control-plane-endpoint',
  ],
  [
    'an address of the node that the machine has not got',
    { addresses: { absent: [{ address: '10.0.0.9', of: 'node' }], present: [] } },
    'error',
    'NodeIP',
    'this machine has no address 10.0.0.9, at which its node is to be reached: no link that is up has any',
    'give one that it has by --node-ip (node-ip of kubeletExtraArgs), or put that address on one of its links first',
  ],
  [
    'an endpoint that nothing here can reach',
    {
      endpoint: {
        endpoint: '192.0.2.1:6443',
        host: '192.0.2.1',
        because: undefined,
        addresses: ['192.0.2.1'],
        advertiseAddress: '10.0.0.5',
        stands: false,
      },
    },
    'error',
    'ControlPlaneEndpoint',
    'there is no route to the control-plane endpoint 192.0.2.1:6443, by which nodes, this one too, ask the API server',
    '"ip route get 192.0.2.1" shows what the kernel knows: add a route, or set up the link that leads there',
  ],
  [
    'a port in use',
    { usedSockets: [{ ...TCP, port: 6443, holder: undefined }] },
    'error',
    'Port-6443',
    'Port 6443 is in use',
    "ss -ltnp 'sport = :6443' shows by whom",
  ],
  [
    'a port of a service',
    { usedSockets: [{ ...TCP, port: 2379, holder: { pid: 9, name: 'etcd', unit: 'etcd.service' } }] },
    'error',
    'Port-2379',
    'Port 2379 is in use, by etcd.service (process 9, etcd)',
    'systemctl disable --now etcd.service',
  ],
  [
    'a port of a process',
    { usedSockets: [{ ...TCP, port: 10_250, holder: { pid: 9, name: 'nc', unit: undefined } }] },
    'error',
    'Port-10250',
    'Port 10250 is in use, by process 9 (nc)',
    'kill 9',
  ],
  [
    'another DNS server on all addresses',
    {
      usedSockets: [
        { ...DNS, protocol: 'udp', holder: DNSMASQ },
        { ...DNS, protocol: 'tcp', holder: DNSMASQ },
      ],
    },
    'error',
    'Port-53',
    'Port 53 is in use, by dnsmasq.service (process 12, dnsmasq): the DNS server of this node answers at 10.0.0.5',
    'let it serve on other addresses alone (dnsmasq: bind-interfaces and listen-address; named: listen-on), or, where this machine does not ask it for names: systemctl disable --now dnsmasq.service',
  ],
  [
    'a port of the service proxy',
    { usedSockets: [{ ...TCP, port: 10_249, of: 'proxy', holder: undefined }] },
    'warning',
    'Port-10249',
    'Port 10249 is in use: the service proxy goes without it',
    "ss -ltnp 'sport = :10249' shows by whom",
  ],
  [
    'a port of the runtime',
    { usedSockets: [{ ...TCP, port: 10_260, of: 'runtime', holder: { pid: 9, name: 'nc', unit: undefined } }] },
    'error',
    'Port-10260',
    'Port 10260 is in use, by process 9 (nc): the container runtime serves there',
    'kill 9; or set another in /etc/gantry/cri.yaml (metricsAddress, streaming.address)',
  ],
  [
    'a file of an earlier cluster',
    { existingFiles: ['/etc/kubernetes/kubelet.conf'] },
    'error',
    'FileAvailable--etc-kubernetes-kubelet.conf',
    '/etc/kubernetes/kubelet.conf already exists',
    'gantry reset, if this node was of another cluster',
  ],
  [
    'data of an earlier etcd',
    { nonEmptyDirectories: [{ path: '/var/lib/etcd', isEtcd: true }] },
    'error',
    'DirAvailable--var-lib-etcd',
    '/var/lib/etcd is not empty: it holds the data of an etcd, so of an older cluster',
    'gantry reset, if this node was of another cluster; or move it away: mv /var/lib/etcd /var/lib/etcd.old',
  ],
  [
    'something in the place of etcd',
    { nonEmptyDirectories: [{ path: '/var/lib/etcd', isEtcd: false }] },
    'error',
    'DirAvailable--var-lib-etcd',
    '/var/lib/etcd is not empty',
    'mv /var/lib/etcd /var/lib/etcd.old',
  ],
  [
    'a foreign certificate',
    { certificateProblems: [{ path: '/etc/kubernetes/pki/ca.crt', message: 'it is not' }] },
    'error',
    'FileContent--etc-kubernetes-pki-ca.crt',
    'it is not',
    undefined,
  ],
  [
    'no forwarding',
    { ipForward: '0' },
    'error',
    'FileContent--proc-sys-net-ipv4-ip_forward',
    '/proc/sys/net/ipv4/ip_forward contents are not set to 1',
    'sysctl -w net.ipv4.ip_forward=1 && echo net.ipv4.ip_forward=1 >/etc/sysctl.d/90-gantry.conf',
  ],
  [
    'an old kernel',
    { kernelRelease: '4.18.0-553.el8' },
    'error',
    'SystemVerification',
    'unsupported kernel release: 4.18.0-553.el8; it has to be 4.19 at least',
    undefined,
  ],
  [
    'no cgroups',
    { cgroupVersion: undefined },
    'error',
    'SystemVerification',
    'no cgroup file system is mounted',
    'mount -t cgroup2 none /sys/fs/cgroup',
  ],
  [
    'missing cgroups',
    { missingControllers: ['memory'] },
    'error',
    'SystemVerification',
    'missing cgroups: memory',
    'add "cgroup_enable=memory" to the command line of the kernel, and boot it',
  ],
  [
    'old cgroups',
    { cgroupVersion: 1 },
    'warning',
    'SystemVerification',
    'cgroups v1 support is deprecated and will be removed in a future release. Please migrate to cgroups v2',
    'add "systemd.unified_cgroup_hierarchy=1" to the command line of the kernel, and boot it',
  ],
  [
    'a module that is not loaded',
    { missingModules: [{ name: 'overlay', loadable: true }] },
    'error',
    'KernelModule-overlay',
    'the kernel module overlay is not loaded',
    'modprobe overlay && echo overlay >>/etc/modules-load.d/gantry.conf',
  ],
  [
    'a module that the kernel lacks',
    { missingModules: [{ name: 'ip_vs', loadable: false }] },
    'error',
    'KernelModule-ip_vs',
    'the kernel 6.1.0-13-amd64 has no module ip_vs',
    'apt-get install linux-image-amd64, and boot it',
  ],
  [
    'a missing program',
    { missingPrograms: ['nft'] },
    'error',
    'FileExisting-nft',
    'nft not found in system path',
    'apt-get install nftables',
  ],
  [
    'no OCI runtime',
    { hasOciRuntime: false },
    'error',
    'FileExisting-crun',
    'neither crun nor runc found in system path',
    'apt-get install crun',
  ],
  [
    'a program that is good to have',
    { missingUsefulPrograms: ['tc'] },
    'warning',
    'FileExisting-tc',
    'tc not found in system path',
    'apt-get install iproute2',
  ],
  [
    'swap',
    { swap: '/dev/vda2' },
    'error',
    'Swap',
    'swap is on (/dev/vda2), and the kubelet does not start with it',
    'swapoff -a, and take its line out of /etc/fstab; or set failSwapOn: false in a KubeletConfiguration of --config',
  ],
  [
    'another kubelet',
    { otherKubelets: [K3S] },
    'error',
    'Service-Kubelet',
    'another kubelet runs here: k3s.service (process 71, k3s-server)',
    'systemctl disable --now k3s.service',
  ],
  [
    'a firewall',
    { firewalls: ['ufw'] },
    'warning',
    'Firewall',
    'ufw is active, please ensure ports 6443 and 10250 are open, and traffic from and to pods (10.244.0.0/16) is let in and forwarded, or your cluster may not function correctly',
    'ufw allow 6443/tcp && ufw allow 10250/tcp && ufw allow from 10.244.0.0/16 && ufw route allow from 10.244.0.0/16 && ufw route allow to 10.244.0.0/16',
  ],
  [
    'a firewall with zones',
    { firewalls: ['firewalld'] },
    'warning',
    'Firewalld',
    'firewalld is active, please ensure ports 6443 and 10250 are open, and traffic from and to pods (10.244.0.0/16) is let in and forwarded, or your cluster may not function correctly',
    'firewall-cmd --permanent --add-port={6443,10250}/tcp && firewall-cmd --permanent --zone=trusted --add-source=10.244.0.0/16 && firewall-cmd --reload',
  ],
  [
    'name servers on loopback alone',
    { resolver: { file: '/etc/resolv.conf', loopbackServers: ['127.0.0.1'] } },
    'warning',
    'Resolver',
    'all name servers in /etc/resolv.conf are on loopback (127.0.0.1): the DNS server of this node asks them, so pods with dnsPolicy ClusterFirst find names; those with dnsPolicy Default look for them in themselves and find none',
    'write the servers that stand behind it to a file, and name that as resolvConf in a KubeletConfiguration of --config',
  ],
  [
    'a name that is not found',
    { hostnameProblem: 'ENOTFOUND' },
    'warning',
    'Hostname',
    'hostname "n1" could not be reached: ENOTFOUND',
    'echo "127.0.1.1 n1" >>/etc/hosts',
  ],
  [
    'a gateway in the network of Services',
    { ownNetworks: { addresses: [], gateways: ['10.96.0.1'] } },
    'error',
    'ServiceCIDR',
    'the default gateway 10.96.0.1 of this machine is in the network of Services of the cluster, 10.96.0.0/12: who is asked there is not who is meant',
    'choose another that nothing else here has, by --service-cidr (networking.serviceSubnet)',
  ],
  [
    'no default route',
    { hasDefaultRoute: false },
    'warning',
    'DefaultRoute',
    'there is no default route: pods reach nothing outside',
    'ip route add default via …',
  ],
  [
    'a proxy for the node',
    { proxied: [{ target: '10.0.0.5', isNetwork: false, proxy: 'http://p' }] },
    'warning',
    'HTTPProxy',
    'Connection to "10.0.0.5" uses proxy "http://p". If that is not intended, adjust your proxy settings',
    'export NO_PROXY="$NO_PROXY,10.0.0.5"',
  ],
  [
    'a proxy for services',
    { proxied: [{ target: '10.96.0.0/12', isNetwork: true, proxy: 'http://p' }] },
    'warning',
    'HTTPProxyCIDR',
    'connection to "10.96.0.0/12" uses proxy "http://p". This may lead to malfunctional cluster setup',
    'export NO_PROXY="$NO_PROXY,10.96.0.0/12"',
  ],
];

describe('preflight', () => {
  it('finds nothing against a machine that is well', () => {
    expect(preflightFindings(WELL, WISH)).toEqual([]);
  });

  it.each(ROWS)('tells of %s and of what mends it', (_, facts, severity, check, message, mend) => {
    const mended = mend === undefined ? {} : { mend };
    expect(preflightFindings({ ...WELL, ...facts }, WISH)).toEqual([{ check, message, ...mended, severity }]);
  });

  it.each([
    [
      'ufw',
      [443, 20_250],
      'ports 443 and 20250 are open, and traffic',
      'ufw allow 443/tcp && ufw allow 20250/tcp && ufw allow from',
    ],
    [
      'firewalld',
      [10_250],
      'ports 10250 are open, and traffic',
      'firewall-cmd --permanent --add-port=10250/tcp && firewall-cmd --permanent --zone',
    ],
    [
      'firewalld',
      [443, 10_250],
      'ports 443 and 10250 are',
      'firewall-cmd --permanent --add-port={443,10250}/tcp && firewall-cmd',
    ],
    ['ufw', [], 'please ensure traffic from', 'ufw allow from'],
    ['firewalld', [], 'please ensure traffic from', 'firewall-cmd --permanent --zone'],
  ])('names the ports that are served on to who has %s: %j', (name, reachedPorts, message, mend) => {
    const [finding] = preflightFindings({ ...WELL, firewalls: [name] }, { ...WISH, reachedPorts });
    expect(finding?.message).toContain(message);
    expect(finding?.mend?.startsWith(mend)).toBe(true);
  });

  it('asks less of a node without a control plane', () => {
    expect(preflightFindings({ ...WELL, cpus: 1, memoryBytes: 5e8 }, { ...WISH, role: 'node' })).toEqual([]);
  });

  it("does not tell a host what is its machine's", () => {
    const facts: PreflightFacts = { ...WELL, swap: '/dev/vda2', cgroupVersion: 1, hasDefaultRoute: false };
    expect(preflightFindings(facts, { ...WISH, insideHost: true, failSwapOn: false })).toEqual([]);
  });

  it('says nothing of swap where the cluster is to be asked first', () => {
    expect(preflightFindings({ ...WELL, swap: '/s' }, { ...WISH, failSwapOn: undefined })).toEqual([]);
  });

  it.each([
    ['node', 'for the nodes that join from then on: kubectl -n kube-system edit configmap kubelet-config'],
    ['standing-node', 'in /var/lib/kubelet/config.yaml'],
  ] as const)('says of the swap of a %s what can be done there', (role, where) => {
    const facts = { swap: '/s', cgroupVersion: 2 } as const;
    expect(swapFindings(facts, { role, failSwapOn: true }).map(({ mend }) => mend)).toEqual([
      `swapoff -a, and take its line out of /etc/fstab; or set failSwapOn: false ${where}`,
    ]);
    expect(swapFindings(facts, { role, failSwapOn: false })).toEqual([]);
  });

  it('warns of swap that the kubelet may start with where cgroups are old', () => {
    const checks = preflightFindings({ ...WELL, swap: '/s', cgroupVersion: 1 }, { ...WISH, failSwapOn: false });
    expect(checks).toContainEqual({
      check: 'Swap',
      message: 'swap is supported for cgroup v2 only',
      mend: 'swapoff -a',
      severity: 'warning',
    });
  });

  it('lets a named check, or all of them, be no error, whatever the case of the name', () => {
    const findings = preflightFindings({ ...WELL, cpus: 1, ipForward: '0' }, WISH);
    expect(sortFindings(findings, ['numcpu']).errors.map(({ check }) => check)).toEqual([
      'FileContent--proc-sys-net-ipv4-ip_forward',
    ]);
    expect(sortFindings(findings, ['all'])).toEqual({ errors: [], warnings: findings });
    expect(() => sortFindings(findings, ['all', 'NumCPU'])).toThrow("don't specify individual checks if 'all' is used");
  });

  it("says all that is wrong, in kubeadm's form", () => {
    const findings = preflightFindings({ ...WELL, cpus: 1, ipForward: '0' }, WISH);
    expect(preflightMessage(findings)).toBe(
      [
        '[preflight] Some fatal errors occurred:',
        '\t[ERROR NumCPU]: the number of available CPUs 1 is less than the required 2',
        '\t[ERROR FileContent--proc-sys-net-ipv4-ip_forward]: /proc/sys/net/ipv4/ip_forward contents are not set to 1',
        '\t\tto mend it: sysctl -w net.ipv4.ip_forward=1 && echo net.ipv4.ip_forward=1 >/etc/sysctl.d/90-gantry.conf',
        '[preflight] If you know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`',
      ].join('\n'),
    );
    expect(findingLines({ check: 'A', message: 'b', severity: 'warning' })).toEqual(['\t[WARNING A]: b']);
  });
});

describe('a service proxy of the mode that the cluster has', () => {
  const FACTS = { usedSockets: [], missingPrograms: [], missingModules: [], kernelRelease: '6.1.0' };

  it('is told of what it lacks on a machine that is to join', () => {
    expect(proxyFindings(FACTS)).toEqual([]);
    const lacking = { ...FACTS, missingPrograms: ['ipset'], missingModules: [{ name: 'ip_vs', loadable: true }] };
    expect(proxyFindings(lacking).map(({ check, severity, mend }) => [check, severity, mend])).toEqual([
      ['KernelModule-ip_vs', 'error', 'modprobe ip_vs && echo ip_vs >>/etc/modules-load.d/gantry.conf'],
      ['FileExisting-ipset', 'error', 'apt-get install ipset'],
    ]);
  });
});

import { packageOf } from './programs.ts';

/** A process of this machine. */
export interface ProcessFact {
  readonly pid: number;
  /** How it calls itself. */
  readonly name: string;
  /** The systemd unit it belongs to, where it does. */
  readonly unit: string | undefined;
}

/** What was found on the machine; read by `facts.ts`. */
export interface PreflightFacts {
  readonly uid: number;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** `6.1.0-13-amd64`. */
  readonly kernelRelease: string;
  /** Programs that are needed, or useful, and not on PATH. */
  readonly missingPrograms: readonly string[];
  readonly missingUsefulPrograms: readonly string[];
  /** False where neither crun nor runc is on PATH. */
  readonly hasOciRuntime: boolean;
  /** Kernel modules that are neither loaded nor built in, and whether the kernel has them to be loaded. */
  readonly missingModules: readonly { readonly name: string; readonly loadable: boolean }[];
  /** Needed ports on which somebody listens. */
  readonly usedPorts: readonly { readonly port: number; readonly holder: ProcessFact | undefined }[];
  readonly ipForward: string;
  /** Needed directories that are not empty, and whether what is in them is an etcd's. */
  readonly nonEmptyDirectories: readonly { readonly path: string; readonly isEtcd: boolean }[];
  /** Files that must not be there yet. */
  readonly existingFiles: readonly string[];
  /** Files that must be there. */
  readonly missingFiles: readonly string[];
  /** Certificates that stand and cannot be used, each with its sentence. */
  readonly certificateProblems: readonly { readonly path: string; readonly message: string }[];
  /** The first swap device, where there is one. */
  readonly swap: string | undefined;
  readonly cgroupVersion: 1 | 2 | undefined;
  /** cgroup controllers that the kernel lacks. */
  readonly missingControllers: readonly string[];
  /** Bytes that are free where the node keeps its data. */
  readonly freeBytes: number;
  /** Kubelets, or daemons that hold one, of somebody else. */
  readonly otherKubelets: readonly ProcessFact[];
  /** Firewalls that are on: firewalld, ufw. */
  readonly firewalls: readonly string[];
  readonly hasDefaultRoute: boolean;
  /** What looking up the node's name gave: undefined where it was found, or not looked for. */
  readonly hostnameProblem: string | undefined;
  /** Where connections would be made by way of a proxy: what for, and which. */
  readonly proxied: readonly { readonly target: string; readonly isNetwork: boolean; readonly proxy: string }[];
  /** What endpoints of an external etcd said of themselves. */
  readonly externalEtcd: readonly { readonly endpoint: string; readonly version?: string; readonly error?: string }[];
  /** Whether something here keeps daemons running. */
  readonly hasSupervisor: boolean;
}

/** What is to be made here. */
export interface PreflightWish {
  readonly role: 'control-plane' | 'node';
  readonly nodeName: string;
  /** Inside a host of a local cluster the machine is somebody else's: what concerns it whole is not told. */
  readonly insideHost: boolean;
  /** The kubelet's failSwapOn. */
  readonly failSwapOn: boolean;
}

export interface Finding {
  /** kubeadm's name of the check: what --ignore-preflight-errors takes. */
  readonly check: string;
  readonly message: string;
  /** The command or change that mends it, where there is one. */
  readonly mend?: string;
  readonly severity: 'error' | 'warning';
}

/** kubeadm's minimum for a control plane; its MB are 2^20 bytes. */
const CONTROL_PLANE_CPUS = 2;
const CONTROL_PLANE_MB = 1700;
/** Below this etcd and the image store soon fail at writing. */
const LEAST_FREE_MB = 512;
/** The first kernel that kubeadm takes. */
const LEAST_KERNEL = [4, 19] as const;
/** upstream's MinExternalEtcdVersion is 3.5.24; here what Debian 12 has will do. */
const LEAST_ETCD = [3, 4] as const;

/** Everything that speaks against making a node here, in kubeadm's words where it has the check, with what mends it. */
export function preflightFindings(facts: PreflightFacts, wish: PreflightWish): readonly Finding[] {
  return [
    ...machineFindings(facts, wish),
    ...portFindings(facts),
    ...fileFindings(facts),
    ...kernelFindings(facts, wish),
    ...programFindings(facts),
    ...neighbourFindings(facts),
    ...networkFindings(facts, wish),
    ...etcdFindings(facts),
  ];
}

const error = (check: string, message: string, mend?: string): Finding => ({
  check,
  message,
  ...(mend === undefined ? {} : { mend }),
  severity: 'error',
});
const warning = (check: string, message: string, mend?: string): Finding => ({
  ...error(check, message, mend),
  severity: 'warning',
});

function machineFindings(facts: PreflightFacts, { role, failSwapOn, insideHost }: PreflightWish): readonly Finding[] {
  const control = role === 'control-plane';
  const megabytes = (bytes: number): number => Math.floor(bytes / 2 ** 20);
  const memory = megabytes(facts.memoryBytes);
  const findings: Finding[] = [];
  if (facts.uid !== 0) findings.push(error('IsPrivilegedUser', 'user is not running as root', 'sudo'));
  if (!facts.hasSupervisor)
    findings.push(
      error(
        'Supervisor',
        'nothing here keeps daemons running: systemd does not run (/run/systemd/system is not there)',
        'boot this machine with systemd, or make a cluster inside it: gantry cluster create',
      ),
    );
  if (control && facts.cpus < CONTROL_PLANE_CPUS)
    findings.push(
      error('NumCPU', `the number of available CPUs ${facts.cpus} is less than the required ${CONTROL_PLANE_CPUS}`),
    );
  if (control && memory < CONTROL_PLANE_MB)
    findings.push(error('Mem', `the system RAM (${memory} MB) is less than the minimum ${CONTROL_PLANE_MB} MB`));
  if (megabytes(facts.freeBytes) < LEAST_FREE_MB)
    findings.push(
      error(
        'DiskSpace',
        `only ${megabytes(facts.freeBytes)} MB are free below /var/lib; ${LEAST_FREE_MB} MB are needed`,
        'df -h /var/lib',
      ),
    );
  if (facts.swap !== undefined && failSwapOn)
    findings.push(
      error(
        'Swap',
        `swap is on (${facts.swap}), and the kubelet does not start with it`,
        'swapoff -a, and take its line out of /etc/fstab; or set failSwapOn: false in a KubeletConfiguration of --config',
      ),
    );
  if (facts.swap !== undefined && !failSwapOn && !insideHost && facts.cgroupVersion !== 2)
    findings.push(warning('Swap', 'swap is supported for cgroup v2 only', 'swapoff -a'));
  return findings;
}

function portFindings({ usedPorts }: PreflightFacts): readonly Finding[] {
  return usedPorts.map(({ port, holder }) =>
    holder === undefined
      ? error(`Port-${port}`, `Port ${port} is in use`, `ss -ltnp 'sport = :${port}' shows by whom`)
      : error(`Port-${port}`, `Port ${port} is in use, by ${processText(holder)}`, stopCommand(holder)),
  );
}

function fileFindings(facts: PreflightFacts): readonly Finding[] {
  const reset = 'gantry reset, if this node was of another cluster';
  return [
    ...facts.existingFiles.map(path => error(`FileAvailable-${dashed(path)}`, `${path} already exists`, reset)),
    ...facts.nonEmptyDirectories.map(({ path, isEtcd }) =>
      error(
        `DirAvailable-${dashed(path)}`,
        `${path} is not empty${isEtcd ? ': it holds the data of an etcd, so of an older cluster' : ''}`,
        isEtcd ? `${reset}; or move it away: mv ${path} ${path}.old` : `mv ${path} ${path}.old`,
      ),
    ),
    ...facts.certificateProblems.map(({ path, message }) => error(`FileContent-${dashed(path)}`, message)),
  ];
}

function kernelFindings(facts: PreflightFacts, { insideHost }: PreflightWish): readonly Finding[] {
  const findings: Finding[] = [];
  if (facts.ipForward !== '1')
    findings.push(
      error(
        'FileContent--proc-sys-net-ipv4-ip_forward',
        '/proc/sys/net/ipv4/ip_forward contents are not set to 1',
        'sysctl -w net.ipv4.ip_forward=1 && echo net.ipv4.ip_forward=1 >/etc/sysctl.d/90-gantry.conf',
      ),
    );
  const [major = 0, minor = 0] = facts.kernelRelease.split('.').map(Number);
  if (major < LEAST_KERNEL[0] || (major === LEAST_KERNEL[0] && minor < LEAST_KERNEL[1]))
    findings.push(
      error(
        'SystemVerification',
        `unsupported kernel release: ${facts.kernelRelease}; it has to be ${LEAST_KERNEL.join('.')} at least`,
      ),
    );
  if (facts.cgroupVersion === undefined)
    findings.push(
      error('SystemVerification', 'no cgroup file system is mounted', 'mount -t cgroup2 none /sys/fs/cgroup'),
    );
  if (facts.missingControllers.length > 0)
    findings.push(
      error(
        'SystemVerification',
        `missing cgroups: ${facts.missingControllers.join(', ')}`,
        facts.missingControllers.includes('memory')
          ? 'add "cgroup_enable=memory" to the command line of the kernel, and boot it'
          : 'a kernel with these cgroup controllers',
      ),
    );
  if (facts.cgroupVersion === 1 && !insideHost)
    findings.push(
      warning(
        'SystemVerification',
        'cgroups v1 support is deprecated and will be removed in a future release. Please migrate to cgroups v2',
        'add "systemd.unified_cgroup_hierarchy=1" to the command line of the kernel, and boot it',
      ),
    );
  for (const { name, loadable } of facts.missingModules)
    findings.push(
      loadable
        ? error(
            `KernelModule-${name}`,
            `the kernel module ${name} is not loaded`,
            `modprobe ${name} && echo ${name} >>/etc/modules-load.d/gantry.conf`,
          )
        : error(
            `KernelModule-${name}`,
            `the kernel ${facts.kernelRelease} has no module ${name}`,
            `apt-get install linux-image-amd64, and boot it`,
          ),
    );
  return findings;
}

function programFindings(facts: PreflightFacts): readonly Finding[] {
  const install = (name: string): string => `apt-get install ${packageOf(name)}`;
  return [
    ...facts.missingPrograms.map(name =>
      error(`FileExisting-${name}`, `${name} not found in system path`, install(name)),
    ),
    ...(facts.hasOciRuntime
      ? []
      : [error('FileExisting-crun', 'neither crun nor runc found in system path', install('crun'))]),
    ...facts.missingUsefulPrograms.map(name =>
      warning(`FileExisting-${name}`, `${name} not found in system path`, install(name)),
    ),
  ];
}

function neighbourFindings({ otherKubelets, firewalls, usedPorts }: PreflightFacts): readonly Finding[] {
  const ports = usedPorts.length === 0 ? '6443 and 10250' : 'of the cluster';
  return [
    ...otherKubelets.map(process =>
      error('Service-Kubelet', `another kubelet runs here: ${processText(process)}`, stopCommand(process)),
    ),
    ...firewalls.map(name =>
      name === 'firewalld'
        ? warning(
            'Firewalld',
            `firewalld is active, please ensure ports ${ports} are open or your cluster may not function correctly`,
            'firewall-cmd --permanent --add-port={6443,2379-2380,10250}/tcp --add-port=8472/udp && firewall-cmd --reload',
          )
        : warning(
            'Firewall',
            `${name} is active, please ensure ports ${ports} are open or your cluster may not function correctly`,
            `${name} allow 6443/tcp && ${name} allow 10250/tcp && ${name} allow 8472/udp`,
          ),
    ),
  ];
}

function networkFindings(facts: PreflightFacts, { nodeName, insideHost }: PreflightWish): readonly Finding[] {
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

function etcdFindings({ missingFiles, externalEtcd }: PreflightFacts): readonly Finding[] {
  return [
    ...missingFiles.map(path => error('ExternalEtcdClientCertificates', `${path} doesn't exist`)),
    ...externalEtcd.flatMap(({ endpoint, version, error: why }) => {
      if (why !== undefined) return [error('ExternalEtcdVersion', `${endpoint}/version: ${why}`)];
      const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
      if (major > LEAST_ETCD[0] || (major === LEAST_ETCD[0] && minor >= LEAST_ETCD[1])) return [];
      return [
        error(
          'ExternalEtcdVersion',
          `only external etcd version >= ${LEAST_ETCD.join('.')} is supported. Current version of ${endpoint}: ${version}`,
        ),
      ];
    }),
  ];
}

/** `systemd unit k3s.service (k3s-server, process 123)`. */
function processText({ pid, name, unit }: ProcessFact): string {
  return unit === undefined ? `process ${pid} (${name})` : `${unit} (process ${pid}, ${name})`;
}

function stopCommand({ pid, unit }: ProcessFact): string {
  return unit === undefined ? `kill ${pid}` : `systemctl disable --now ${unit}`;
}

/** kubeadm's way of making a name of a path: `/etc/kubernetes/x.conf` is `-etc-kubernetes-x.conf`. */
function dashed(path: string): string {
  return path.replaceAll('/', '-');
}

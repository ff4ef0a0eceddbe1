import { type AddressFacts, addressFindings } from './addresses.ts';
import { type EndpointFacts, endpointFindings } from './endpoint.ts';
import { type ExternalEtcdFacts, externalEtcdFindings } from './external-etcd-plan.ts';
import { error, type Finding, warning } from './finding.ts';
import { firewallFinding, networkFindings } from './network-plan.ts';
import { type ClusterNetworks, networkClashes, type OwnNetworks } from './own-networks.ts';
import { type ProcessFact, portFindings, processText, stopCommand, type UsedSocket } from './port-plan.ts';
import { packageOf } from './programs.ts';
import { type SwapFacts, swapFindings } from './swap-plan.ts';

/** What was found on the machine; read by `facts.ts`. */
export interface PreflightFacts extends SwapFacts {
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
  /** Needed ports on which somebody serves. */
  readonly usedSockets: readonly UsedSocket[];
  readonly addresses: AddressFacts;
  readonly ipForward: string;
  /** Needed directories that are not empty, and whether what is in them is an etcd's. */
  readonly nonEmptyDirectories: readonly { readonly path: string; readonly isEtcd: boolean }[];
  /** Files that must not be there yet. */
  readonly existingFiles: readonly string[];
  /** Directories of the node's own whose disk or server does not answer. */
  readonly unanswered: readonly string[];
  /** Links in the place of directories of the node's own that lead to where others have their things, too. */
  readonly sharedLinks: readonly { readonly path: string; readonly to: string }[];
  /** Certificates that stand and cannot be used, each with its sentence. */
  readonly certificateProblems: readonly { readonly path: string; readonly message: string }[];
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
  /** Undefined where it could be reached, or was not looked for. */
  readonly endpoint: EndpointFacts | undefined;
  /** Undefined where nobody looked. */
  readonly ownNetworks: OwnNetworks | undefined;
  /** Where pods get the machine's name servers from, and those in it where all of them are on loopback; undefined where nobody looked. */
  readonly resolver: { readonly file: string; readonly loopbackServers: readonly string[] } | undefined;
  /** Where connections would be made by way of a proxy: what for, and which. */
  readonly proxied: readonly { readonly target: string; readonly isNetwork: boolean; readonly proxy: string }[];
  /** Undefined where the etcd is to be this machine's own. */
  readonly externalEtcd: ExternalEtcdFacts | undefined;
  /** Whether something here keeps daemons running. */
  readonly hasSupervisor: boolean;
}

/** What concerns the service proxy. */
export type ProxyFacts = Pick<PreflightFacts, 'usedSockets' | 'missingPrograms' | 'missingModules' | 'kernelRelease'>;

/** What is to be made here. */
export interface PreflightWish {
  readonly role: 'control-plane' | 'node';
  readonly nodeName: string;
  /** Inside a host of a local cluster the machine is somebody else's: what concerns it whole is not told. */
  readonly insideHost: boolean;
  /** The kubelet's failSwapOn; undefined where it is asked for later. */
  readonly failSwapOn: boolean | undefined;
  /** Undefined where the cluster is not known yet. */
  readonly networks?: ClusterNetworks;
  /** TCP ports that others of the cluster ask. */
  readonly reachedPorts: readonly number[];
}

/** kubeadm's minimum for a control plane; its MB are 2^20 bytes. */
const CONTROL_PLANE_CPUS = 2;
const CONTROL_PLANE_MB = 1700;
/** Below this etcd and the image store soon fail at writing. */
const LEAST_FREE_MB = 512;
/** The first kernel that kubeadm takes. */
const LEAST_KERNEL = [4, 19] as const;

/** Everything that speaks against making a node here, in kubeadm's words where it has the check, with what mends it. */
export function preflightFindings(facts: PreflightFacts, wish: PreflightWish): readonly Finding[] {
  return [
    ...machineFindings(facts, wish),
    ...(wish.insideHost || wish.failSwapOn === undefined
      ? []
      : swapFindings(facts, { role: wish.role, failSwapOn: wish.failSwapOn })),
    ...addressFindings(facts.addresses),
    ...(facts.endpoint === undefined ? [] : endpointFindings(facts.endpoint)),
    ...portFindings(facts),
    ...fileFindings(facts),
    ...kernelFindings(facts, wish),
    ...programFindings(facts),
    ...neighbourFindings(facts, wish),
    ...networkFindings(facts, wish),
    ...(facts.ownNetworks === undefined || wish.networks === undefined
      ? []
      : networkClashes(facts.ownNetworks, wish.networks, wish.role)),
    ...(facts.externalEtcd === undefined ? [] : externalEtcdFindings(facts.externalEtcd)),
  ];
}

/** What speaks against the cluster's service proxy on this machine: a node to be knows late how services are served. Pure. */
export function proxyFindings(facts: ProxyFacts): readonly Finding[] {
  return [...portFindings(facts), ...moduleFindings(facts), ...missingProgramFindings(facts)];
}

function machineFindings(facts: PreflightFacts, { role }: PreflightWish): readonly Finding[] {
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
  return findings;
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
    ...facts.unanswered.map(path =>
      error(
        `DirAvailable-${dashed(path)}`,
        `${path} does not answer: its disk or server hangs`,
        `take it off, if it is not needed: umount --lazy ${path}`,
      ),
    ),
    ...facts.sharedLinks.map(({ path, to }) => {
      const own = `${to === '/' ? '' : to}/${path.slice(path.lastIndexOf('/') + 1)}`;
      return error(
        `DirAvailable-${dashed(path)}`,
        `${path} is a link to ${to}, where others have their things, too: it has to lead to a directory of its own`,
        `mkdir ${own} && ln -sfn ${own} ${path}`,
      );
    }),
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
  return [...findings, ...moduleFindings(facts)];
}

function moduleFindings({
  missingModules,
  kernelRelease,
}: Pick<PreflightFacts, 'missingModules' | 'kernelRelease'>): readonly Finding[] {
  return missingModules.map(({ name, loadable }) =>
    loadable
      ? error(
          `KernelModule-${name}`,
          `the kernel module ${name} is not loaded`,
          `modprobe ${name} && echo ${name} >>/etc/modules-load.d/gantry.conf`,
        )
      : error(
          `KernelModule-${name}`,
          `the kernel ${kernelRelease} has no module ${name}`,
          `apt-get install linux-image-amd64, and boot it`,
        ),
  );
}

const install = (program: string): string => `apt-get install ${packageOf(program)}`;

function missingProgramFindings({ missingPrograms }: Pick<PreflightFacts, 'missingPrograms'>): readonly Finding[] {
  return missingPrograms.map(name => error(`FileExisting-${name}`, `${name} not found in system path`, install(name)));
}

function programFindings(facts: PreflightFacts): readonly Finding[] {
  return [
    ...missingProgramFindings(facts),
    ...(facts.hasOciRuntime
      ? []
      : [error('FileExisting-crun', 'neither crun nor runc found in system path', install('crun'))]),
    ...facts.missingUsefulPrograms.map(name =>
      warning(`FileExisting-${name}`, `${name} not found in system path`, install(name)),
    ),
  ];
}

function neighbourFindings(
  { otherKubelets, firewalls }: PreflightFacts,
  { networks, reachedPorts }: PreflightWish,
): readonly Finding[] {
  return [
    ...otherKubelets.map(process =>
      error('Service-Kubelet', `another kubelet runs here: ${processText(process)}`, stopCommand(process)),
    ),
    ...firewalls.map(name => firewallFinding(name, { podSubnet: networks?.podSubnet, ports: reachedPorts })),
  ];
}

/** kubeadm's way of making a name of a path: `/etc/kubernetes/x.conf` is `-etc-kubernetes-x.conf`. */
function dashed(path: string): string {
  return path.replaceAll('/', '-');
}

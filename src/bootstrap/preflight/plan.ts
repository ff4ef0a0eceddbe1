/** What was found on the machine; read by `facts.ts`. */
export interface PreflightFacts {
  readonly uid: number;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Programs that are needed and not on PATH. */
  readonly missingPrograms: readonly string[];
  /** Needed ports on which somebody listens. */
  readonly usedPorts: readonly number[];
  readonly ipForward: string;
  /** Needed directories that are not empty, and files that must not be there yet. */
  readonly nonEmptyDirectories: readonly string[];
  readonly existingFiles: readonly string[];
  /** The first swap device, where there is one and the kubelet refuses to start with it. */
  readonly swap: string | undefined;
  /** cgroup controllers that the kernel lacks. */
  readonly missingControllers: readonly string[];
  /** Bytes that are free where the node keeps its data. */
  readonly freeBytes: number;
  /** Whether something here keeps daemons running. */
  readonly hasSupervisor: boolean;
}

export interface Finding {
  /** kubeadm's name of the check: what --ignore-preflight-errors takes. */
  readonly check: string;
  readonly message: string;
  readonly severity: 'error' | 'warning';
}

/** kubeadm's minimum for a control plane. */
const CONTROL_PLANE_CPUS = 2;
const CONTROL_PLANE_BYTES = 1700 * 1000 * 1000;
/** Below this etcd and the image store soon fail at writing. */
const LEAST_FREE_BYTES = 512 << 20;

/** Everything that speaks against making a node here, in kubeadm's words where it has the check. */
export function preflightFindings(facts: PreflightFacts, role: 'control-plane' | 'node'): readonly Finding[] {
  const error = (check: string, message: string): Finding => ({ check, message, severity: 'error' });
  const control = role === 'control-plane';
  const megabytes = (bytes: number): number => Math.floor(bytes / 1e6);
  return [
    ...(facts.uid === 0 ? [] : [error('IsPrivilegedUser', 'user is not running as root')]),
    ...(control && facts.cpus < CONTROL_PLANE_CPUS
      ? [error('NumCPU', `the number of available CPUs ${facts.cpus} is less than the required ${CONTROL_PLANE_CPUS}`)]
      : []),
    ...(control && facts.memoryBytes < CONTROL_PLANE_BYTES
      ? [
          error(
            'Mem',
            `the system RAM (${megabytes(facts.memoryBytes)} MB) is less than the minimum ${megabytes(CONTROL_PLANE_BYTES)} MB`,
          ),
        ]
      : []),
    ...facts.usedPorts.map(port => error(`Port-${port}`, `Port ${port} is in use`)),
    ...facts.existingFiles.map(path => error(`FileAvailable-${dashed(path)}`, `${path} already exists`)),
    ...facts.nonEmptyDirectories.map(path => error(`DirAvailable-${dashed(path)}`, `${path} is not empty`)),
    ...(facts.ipForward === '1'
      ? []
      : [
          error('FileContent--proc-sys-net-ipv4-ip_forward', '/proc/sys/net/ipv4/ip_forward contents are not set to 1'),
        ]),
    ...facts.missingPrograms.map(name => error(`FileExisting-${name}`, `${name} not found in system path`)),
    ...(facts.missingControllers.length === 0
      ? []
      : [error('SystemVerification', `missing cgroups: ${facts.missingControllers.join(', ')}`)]),
    ...(facts.swap === undefined
      ? []
      : [
          {
            check: 'Swap',
            message: `swap is supported for cgroup v2 only; swap is on (${facts.swap})`,
            severity: 'warning' as const,
          },
        ]),
    ...(facts.freeBytes < LEAST_FREE_BYTES
      ? [
          error(
            'DiskSpace',
            `only ${megabytes(facts.freeBytes)} MB are free below /var/lib; ${megabytes(LEAST_FREE_BYTES)} MB are needed`,
          ),
        ]
      : []),
    ...(facts.hasSupervisor
      ? []
      : [
          error(
            'Supervisor',
            'nothing here keeps daemons running: systemd does not run (/run/systemd/system is not there), and this is no host of a local cluster (gantry cluster create makes one)',
          ),
        ]),
  ];
}

/** Those that end the command, and those that are only told; `ignored` names checks in any case, `all` is all of them. */
export function sortFindings(
  findings: readonly Finding[],
  ignored: readonly string[],
): { readonly errors: readonly Finding[]; readonly warnings: readonly Finding[] } {
  const names = ignored.map(name => name.toLowerCase());
  const isIgnored = ({ check }: Finding): boolean => names.includes('all') || names.includes(check.toLowerCase());
  const errors = findings.filter(finding => finding.severity === 'error' && !isIgnored(finding));
  return { errors, warnings: findings.filter(finding => !errors.includes(finding)) };
}

/** kubeadm's form of a failed preflight. */
export function preflightMessage(errors: readonly Finding[]): string {
  return [
    '[preflight] Some fatal errors occurred:',
    ...errors.map(({ check, message }) => `\t[ERROR ${check}]: ${message}`),
    '[preflight] If you know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`',
  ].join('\n');
}

/** kubeadm's way of making a name of a path: `/etc/kubernetes/x.conf` is `-etc-kubernetes-x.conf`. */
function dashed(path: string): string {
  return path.replaceAll('/', '-');
}

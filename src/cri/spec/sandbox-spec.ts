import { decideAnnotations } from './annotations.ts';
import { cgroupsPath, scopeAnnotations } from './cgroup-path.ts';
import { decideDevices } from './devices.ts';
import type { CriSandboxConfig, SandboxSpecInputs } from './inputs.ts';
import { NAMESPACE_MODE } from './inputs.ts';
import { kernelMounts } from './mounts.ts';
import { sandboxNamespaces } from './namespaces.ts';
import type { BuiltSpec } from './oci-spec.ts';
import { clampOomScoreAdj } from './oom-score.ts';
import { mountLabel, processLabel } from './selinux-labels.ts';
import { decideSysctls } from './sysctls.ts';
import { idMappings, type UserNamespaceIds } from './user-namespace.ts';

/** Upstream's value for pause processes: killed last of all that belongs to pods. */
const INFRA_OOM_SCORE_ADJ = -998;
/** Upstream's smallest share: the pause process sleeps. */
const INFRA_CPU_SHARES = 2;
/** All that a program needs that only sleeps; each mount less is time off every pod start. */
const INFRA_MOUNTS = ['/proc', '/dev'];

/**
 * What a pod with a network of its own may do in it without capabilities: serve ports below 1024, and ping by datagram sockets. containerd's defaults since
 * 2.0, on which images and instructions rely; only its own network is concerned. A pod's sysctls are stronger.
 */
function unprivilegedNetwork(userns: UserNamespaceIds | undefined): Readonly<Record<string, string>> {
  // The kernel takes no group that the pod's user namespace does not have.
  const lastGroup = (userns?.gids[0]?.size ?? 2 ** 31) - 1;
  return {
    'net.ipv4.ip_unprivileged_port_start': '0',
    'net.ipv4.ping_group_range': `0 ${Math.min(lastGroup, 2 ** 31 - 1)}`,
  };
}

/** Kernel parameters of the pod's own namespaces. Throws `invalid-argument` for one that would change the machine. Pure. */
export function sandboxSysctls(
  { linux }: Pick<CriSandboxConfig, 'linux'>,
  userns?: UserNamespaceIds,
): Readonly<Record<string, string>> {
  const options = linux?.securityContext?.namespaceOptions;
  const own = { network: options?.network !== NAMESPACE_MODE.NODE, ipc: options?.ipc !== NAMESPACE_MODE.NODE };
  return { ...(own.network ? unprivilegedNetwork(userns) : {}), ...decideSysctls(linux?.sysctls ?? {}, own) };
}

/**
 * The OCI specification of a pod's pause process, which holds the pod's ipc, uts and pid namespaces open: a read-only root, no capabilities, and the pod's
 * sysctls. Throws `invalid-argument` or `unimplemented` with a sentence that names the field.
 */
export function buildSandboxSpec(inputs: SandboxSpecInputs): BuiltSpec {
  const { config, host } = inputs;
  const context = config.linux?.securityContext;
  const options = context?.namespaceOptions;
  const ownNetwork = options?.network !== NAMESPACE_MODE.NODE;
  const oom = clampOomScoreAdj(INFRA_OOM_SCORE_ADJ, host.oomScoreAdj);
  const annotations = decideAnnotations(config.annotations, {
    ...inputs.annotations,
    ...scopeAnnotations(inputs.cgroupParent),
  });
  const sysctl = sandboxSysctls(config, inputs.userns);
  return {
    spec: {
      ociVersion: '1.0.2',
      process: {
        terminal: false,
        user: { uid: 0, gid: 0 },
        args: inputs.args,
        env: ['PATH=/'],
        cwd: '/',
        capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
        noNewPrivileges: true,
        oomScoreAdj: oom.value,
        ...processLabel(inputs.selinux),
      },
      root: { path: inputs.rootfs, readonly: true },
      ...(ownNetwork ? { hostname: inputs.hostname } : {}),
      mounts: kernelMounts(false).filter(m => INFRA_MOUNTS.includes(m.destination)),
      annotations: annotations.annotations,
      linux: {
        namespaces: sandboxNamespaces(options, inputs.netnsPath, inputs.userns?.path, host.cgroupVersion),
        ...idMappings(inputs.userns),
        ...mountLabel(inputs.selinux),
        cgroupsPath: cgroupsPath(inputs.cgroupParent, inputs.id),
        resources: { devices: decideDevices(false, [], []).rules, cpu: { shares: INFRA_CPU_SHARES } },
        ...(Object.keys(sysctl).length > 0 ? { sysctl } : {}),
      },
    },
    notes: [...(oom.reason === undefined ? [] : [oom.reason]), ...annotations.notes],
  };
}

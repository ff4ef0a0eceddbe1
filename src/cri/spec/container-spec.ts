import { decideAnnotations } from './annotations.ts';
import { decideCapabilities } from './capabilities.ts';
import { cgroupsPath, scopeAnnotations } from './cgroup-path.ts';
import { decideDevices } from './devices.ts';
import type { ContainerSpecInputs } from './inputs.ts';
import { decideMounts } from './mounts.ts';
import { containerNamespaces } from './namespaces.ts';
import type { BuiltSpec } from './oci-spec.ts';
import { clampOomScoreAdj } from './oom-score.ts';
import { processArgs, processCwd, processEnv } from './process-args.ts';
import { decideResources, withoutNoQuota } from './resources.ts';
import { clampRlimits } from './rlimits.ts';
import { decideAppArmor, decidePathProtection, decideSeccomp } from './security-profiles.ts';
import { mountLabel, processLabel } from './selinux-labels.ts';
import { processUser } from './user.ts';
import { idMappings, requireMappedUser, requireSameUserNamespace } from './user-namespace.ts';

/**
 * The OCI specification of a container. Same inputs, same text. Throws `invalid-argument`, `failed-precondition` or `unimplemented` with a sentence that
 * names the field.
 */
export function buildContainerSpec(inputs: ContainerSpecInputs): BuiltSpec {
  const { config, sandbox, image, host } = inputs;
  const context = config.linux?.securityContext;
  requireSameUserNamespace(sandbox.userns, context?.namespaceOptions);
  const privileged = context?.privileged ?? false;
  const readonlyRootfs = context?.readonlyRootfs ?? false;
  const resources = config.linux?.resources;

  const capabilities = decideCapabilities({
    privileged,
    capability: context?.capabilities,
    bounding: host.boundingCapabilities,
    known: host.knownCapabilities,
  });
  const oom = clampOomScoreAdj(Number(resources?.oomScoreAdj ?? 0n), host.oomScoreAdj);
  const rlimits = clampRlimits(inputs.rlimits, host.hardRlimits);
  const devices = decideDevices(privileged, inputs.devices, inputs.hostDevices);
  const mounts = decideMounts({
    mounts: config.mounts,
    sandbox,
    privileged,
    readonlyRootfs,
    recursiveReadOnly: host.recursiveReadOnly,
  });
  // a new group has no quota, and crun 1.8.1 cannot write that there is none
  const { limits } = withoutNoQuota(decideResources(resources, host, devices.rules));
  const annotations = decideAnnotations(config.annotations, {
    ...inputs.annotations,
    ...scopeAnnotations(sandbox.cgroupParent, limits),
  });
  const seccomp = decideSeccomp({
    profile: context?.seccomp,
    loaded: inputs.seccompProfile,
    privileged,
    architecture: host.architecture,
    capabilities: capabilities.capabilities.bounding,
  });
  const apparmorProfile = decideAppArmor({
    profile: context?.apparmor,
    deprecated: context?.apparmorProfile ?? '',
    usable: host.appArmor,
    privileged,
  });

  const user = processUser({
    securityContext: context,
    imageUser: image.user,
    passwd: inputs.passwd,
    group: inputs.group,
  });
  requireMappedUser(user, sandbox.userns);

  return {
    spec: {
      ociVersion: '1.0.2',
      process: {
        terminal: config.tty,
        user,
        args: processArgs(config, image),
        env: processEnv(config, image.env, sandbox.hostname),
        cwd: processCwd(config.workingDir, image.workingDir),
        capabilities: capabilities.capabilities,
        ...(rlimits.rlimits.length > 0 ? { rlimits: rlimits.rlimits } : {}),
        noNewPrivileges: context?.noNewPrivs ?? false,
        oomScoreAdj: oom.value,
        ...(apparmorProfile !== undefined ? { apparmorProfile } : {}),
        ...processLabel(inputs.selinux),
      },
      root: { path: inputs.rootfs, readonly: readonlyRootfs },
      mounts: mounts.mounts,
      annotations: annotations.annotations,
      linux: {
        namespaces: containerNamespaces({
          options: context?.namespaceOptions,
          netnsPath: sandbox.netnsPath,
          usernsPath: sandbox.userns?.path,
          infraPid: sandbox.infraPid,
          pinned: sandbox.pinned,
          targetPid: inputs.targetPid,
          cgroupVersion: host.cgroupVersion,
          privileged,
        }),
        ...idMappings(sandbox.userns),
        ...mountLabel(inputs.selinux),
        cgroupsPath: cgroupsPath(sandbox.cgroupParent, inputs.id),
        resources: limits,
        ...(devices.devices.length > 0 ? { devices: devices.devices } : {}),
        ...decidePathProtection(context),
        ...(mounts.rootfsPropagation !== undefined ? { rootfsPropagation: mounts.rootfsPropagation } : {}),
        ...(seccomp !== undefined ? { seccomp } : {}),
      },
    },
    notes: [
      ...capabilities.notes,
      ...(oom.reason === undefined ? [] : [oom.reason]),
      ...rlimits.notes,
      ...annotations.notes,
    ],
  };
}

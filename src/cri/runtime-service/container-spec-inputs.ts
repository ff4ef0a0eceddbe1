import { errnoName, errorMessage, invalidArgument } from '../../base/errors.ts';
import {
  type ContainerConfig,
  MountPropagation,
  NamespaceMode,
  SecurityProfile_ProfileType,
} from '../../rpc/cri-api.ts';
import type { ImageRecord } from '../images/ports.ts';
import type { ContainerSpecInputs, CriMount } from '../spec/inputs.ts';
import { containerState } from '../store/container-record.ts';
import { cgroupParentOf, type SandboxRecord } from '../store/sandbox-record.ts';
import type { RuntimeServiceContext } from './context.ts';
import { sandboxUserns, showWithPodIds } from './pod-ids.ts';
import { podAnnotations } from './run-pod-sandbox.ts';
import { handlerOf } from './runtime-of.ts';
import { labelsOfContainer } from './selinux-labels.ts';

/**
 * Everything the specification of a container is made from, looked up on the machine: mount sources, devices, the image's users, namespaces to
 * join. Throws `invalid-argument`, naming the path, for a device that does not exist or a mount source that cannot be made.
 */
export function gatherSpecInputs(
  ctx: RuntimeServiceContext,
  request: {
    readonly id: string;
    readonly config: ContainerConfig;
    readonly sandbox: SandboxRecord;
    readonly image: ImageRecord;
  },
): ContainerSpecInputs {
  const { id, config, sandbox, image } = request;
  const { node, paths } = ctx;
  const context = config.linux?.securityContext;
  const rootfs = paths.rootfs(id);
  const userns = sandboxUserns(sandbox);
  return {
    id,
    config: {
      ...config,
      mounts: config.mounts.map((m, index) =>
        showWithPodIds(ctx, id, userns, { ...m, ...resolvedMount(ctx, m) }, index),
      ),
    },
    sandbox: {
      hostname: sandbox.hostname,
      netnsPath: sandbox.netnsPath,
      userns,
      infraPid: sandbox.infra?.pid ?? 0,
      pinned: sandbox.pinned,
      shmPath: sandbox.ownShm ? paths.shm(sandbox.id) : '/dev/shm',
      resolvConfPath: paths.resolvConf(sandbox.id),
      hostnamePath: paths.hostname(sandbox.id),
      hostsPath: paths.hosts(sandbox.id),
      cgroupParent: cgroupParentOf(sandbox),
    },
    image: image.config,
    rootfs,
    passwd: node.readInRoot(rootfs, '/etc/passwd'),
    group: node.readInRoot(rootfs, '/etc/group'),
    host: { ...node.facts, recursiveReadOnly: handlerOf(ctx, sandbox).features.recursiveReadOnlyMounts },
    devices: config.devices.flatMap(d => node.lookUpDevices(d)),
    hostDevices: context?.privileged === true ? node.hostDevices() : [],
    targetPid:
      context?.namespaceOptions?.pid === NamespaceMode.TARGET
        ? targetPid(ctx, sandbox.id, context.namespaceOptions.targetId)
        : undefined,
    seccompProfile:
      context?.seccomp?.profileType === SecurityProfile_ProfileType.Localhost
        ? seccompProfile(ctx, context.seccomp.localhostRef)
        : undefined,
    annotations: {
      ...podAnnotations('container', sandbox.id, sandbox.config),
      'io.kubernetes.cri.container-name': config.metadata?.name ?? '',
      'io.kubernetes.cri.image-name': config.image?.image ?? '',
    },
    rlimits: [],
    selinux: labelsOfContainer(ctx, sandbox, config),
  };
}

/** Links in the source are resolved here: the runtime would refuse them, or follow one that was exchanged meanwhile. */
function resolvedMount(ctx: RuntimeServiceContext, mount: ContainerConfig['mounts'][number]): CriMount {
  if (mount.hostPath === '') return mount;
  try {
    const hostPath = ctx.node.realPath(mount.hostPath) ?? madeDirectory(ctx, mount.hostPath);
    const heldBy =
      mount.propagation === MountPropagation.PROPAGATION_PRIVATE ? undefined : ctx.node.mountHolding(hostPath);
    return { ...mount, hostPath, heldBy };
  } catch (error) {
    throw invalidArgument(
      `mount ${mount.containerPath}: host path ${mount.hostPath} is not there and cannot be made: ${errorMessage(error)}`,
      { cause: error },
    );
  }
}

/** Upstream runtimes make a source that is missing; a pod with such a hostPath shall run on all of them. */
function madeDirectory(ctx: RuntimeServiceContext, path: string): string {
  ctx.node.makeDirectory(path, 0o755);
  return path;
}

function targetPid(ctx: RuntimeServiceContext, sandboxId: string, targetId: string): number | undefined {
  const target = ctx.store.requireContainer(targetId);
  if (target.sandboxId !== sandboxId)
    throw invalidArgument(`container ${targetId}, whose pid namespace is to be joined, is in another sandbox`);
  return containerState(target) === 'running' ? target.init?.pid : undefined;
}

function seccompProfile(ctx: RuntimeServiceContext, reference: string): object {
  const path = reference.replace(/^localhost\//, '');
  if (!path.startsWith('/')) throw invalidArgument(`seccomp profile "${reference}": the path must be absolute`);
  let text: string;
  try {
    text = ctx.node.readFile(path);
  } catch (error) {
    // a loop of links, a file in place of a directory: whoever named the path is wrong, not the machine
    if (errnoName(error) === undefined) throw error;
    throw invalidArgument(`seccomp profile ${path} cannot be read: ${errorMessage(error)}`, { cause: error });
  }
  try {
    return JSON.parse(text) as object;
  } catch (error) {
    throw invalidArgument(`seccomp profile ${path} is not readable JSON`, { cause: error });
  }
}

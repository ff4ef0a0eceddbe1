import { errorMessage, failedPrecondition, notFound } from '../../base/errors.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import {
  ContainerEventType,
  type CreateContainerRequest,
  type CreateContainerResponse,
  NamespaceMode,
} from '../../rpc/cri-api.ts';
import { criSignalName } from '../cri-signal.ts';
import type { ImageRecord } from '../images/ports.ts';
import { cgroupsPath, groupOf } from '../spec/cgroup-path.ts';
import { buildContainerSpec } from '../spec/container-spec.ts';
import { requireStartableMemory } from '../spec/memory-minimum.ts';
import { type ContainerRecord, containerKey } from '../store/container-record.ts';
import { cgroupParentOf, type SandboxRecord, sandboxState } from '../store/sandbox-record.ts';
import { type CheckedContainerConfig, checkContainerConfig } from '../validation/container-config.ts';
import { requireAppArmorProfile } from './apparmor.ts';
import { withCdiDevices } from './cdi-devices.ts';
import { gatherSpecInputs } from './container-spec-inputs.ts';
import type { RuntimeServiceContext } from './context.ts';
import { lookUpImageVolumes, mountImageVolumes, volumeImageIds } from './image-volumes.ts';
import { layerIds } from './pod-ids.ts';
import { publishEvent } from './publish-event.ts';
import { runtimeOf } from './runtime-of.ts';
import { sayOnce } from './say-once.ts';
import { labelsOfContainer, relabelMounts } from './selinux-labels.ts';
import { destroyContainer } from './tear-down.ts';

/**
 * Makes a container in a READY sandbox: root file system and specification, nothing that runs; monitor and runtime come with StartContainer, as with upstream's
 * containerd. Idempotent per (sandbox, name, attempt): a repeated call joins the one at work, and gets the container of a finished one while that has not ended. On
 * failure nothing is left. The work goes on when the caller leaves.
 */
export async function createContainer(
  ctx: RuntimeServiceContext,
  request: CreateContainerRequest,
  signal?: AbortSignal,
): Promise<CreateContainerResponse> {
  const config = checkContainerConfig(request.config);
  const sandbox = ctx.store.requireSandbox(request.podSandboxId);
  const key = containerKey(config.metadata.name, config.metadata.attempt);
  const containerId = await ctx.joins.run(
    `create-container:${sandbox.id}/${key}`,
    async () => {
      const existing = ctx.store.liveContainerByKey(sandbox.id, key);
      return existing === undefined ? makeContainer(ctx, sandbox.id, key, config) : existing.id;
    },
    signal,
  );
  return { containerId };
}

async function makeContainer(
  ctx: RuntimeServiceContext,
  sandboxId: string,
  key: string,
  config: CheckedContainerConfig,
): Promise<string> {
  const sandbox = requireReady(ctx, sandboxId);
  requireStartableMemory(runtimeOf(ctx, sandboxId).name, config.linux?.resources?.memoryLimitInBytes ?? 0n);
  const reference = config.image?.image ?? '';
  const image = ctx.images.resolve(reference);
  if (image === undefined) throw notFound(`image "${reference}" is not here: pull it first`);
  const mounts = lookUpImageVolumes(ctx, config.mounts);
  const id = ctx.node.newId();
  const record = ctx.store.putContainer(newRecord(ctx, id, sandbox, key, { ...config, mounts }, image));
  try {
    for (const imageId of [image.id, ...volumeImageIds(mounts)]) ctx.images.hold(imageId, id);
    faultPoint('cri/create-container/recorded');
    mountRootfs(ctx, record, sandbox, image, labelsOfContainer(ctx, sandbox, config)?.mount);
    faultPoint('cri/create-container/rootfs-mounted');
    const mounted = { ...config, mounts: mountImageVolumes(ctx, id, mounts, sandbox.usernsPath) };
    faultPoint('cri/create-container/image-volumes-mounted');
    const built = buildContainerSpec(gatherSpecInputs(ctx, { id, config: mounted, sandbox, image }));
    const { notes } = built;
    const spec = withCdiDevices(ctx, built.spec, config, { container: id, usernsPath: sandbox.usernsPath });
    sayOnce(ctx, notes);
    await requireAppArmorProfile(ctx, spec);
    await relabelMounts(ctx, config.mounts, labelsOfContainer(ctx, sandbox, config));
    ctx.node.writeFile(`${ctx.paths.containerBundle(id)}/config.json`, JSON.stringify(spec), 0o600);
    faultPoint('cri/create-container/spec-written');
    makeLogDirectory(ctx, record);
    faultPoint('cri/create-container/log-directory-made');
    const { uid, gid, additionalGids = [] } = spec.process.user;
    ctx.store.updateContainer(id, {
      user: { uid, gid, additionalGids },
      ...(spec.hooks?.poststart === undefined ? {} : { poststartHooks: true }),
      createdAt: ctx.node.now(),
    });
    faultPoint('cri/create-container/ready');
  } catch (error) {
    try {
      await destroyContainer(ctx, id);
    } catch (undoError) {
      ctx.log.error(
        { container: id, err: undoError },
        'a failed container could not be undone; the next start tries again',
      );
    }
    throw error;
  }
  publishEvent(ctx, ContainerEventType.CONTAINER_CREATED_EVENT, sandboxId, id);
  return id;
}

function requireReady(ctx: RuntimeServiceContext, sandboxId: string): SandboxRecord {
  const sandbox = ctx.store.requireSandbox(sandboxId);
  if (sandboxState(sandbox) !== 'ready') throw failedPrecondition(`sandbox ${sandboxId} is not ready`);
  return sandbox;
}

function newRecord(
  ctx: RuntimeServiceContext,
  id: string,
  sandbox: SandboxRecord,
  key: string,
  config: CheckedContainerConfig,
  image: ImageRecord,
): ContainerRecord {
  const directory = sandbox.config.logDirectory;
  const hasLog = directory !== '' && config.logPath !== '';
  const pidMode = config.linux?.securityContext?.namespaceOptions?.pid;
  return {
    version: 1,
    id,
    sandboxId: sandbox.id,
    key,
    // The environment may hold secrets: it is written into the bundle (on a tmpfs, for root alone) and nowhere else.
    config: { ...config, envs: [] },
    imageId: image.id,
    volumeImageIds: volumeImageIds(config.mounts),
    imageRef: image.repoDigests[0] ?? image.id,
    logPath: hasLog ? `${directory}/${config.logPath}` : '',
    cgroupPath: groupOf(cgroupsPath(cgroupParentOf(sandbox), id)),
    ownPidNamespace: pidMode === undefined || pidMode === NamespaceMode.CONTAINER,
    stopSignal:
      criSignalName(config.stopSignal) ?? (image.config.stopSignal === '' ? 'SIGTERM' : image.config.stopSignal),
    user: undefined,
    bootId: ctx.node.bootId,
  };
}

function mountRootfs(
  ctx: RuntimeServiceContext,
  { id }: ContainerRecord,
  { usernsPath }: SandboxRecord,
  image: ImageRecord,
  mountLabel: string | undefined,
): void {
  // Whoever is root in a user namespace of its own has to pass through here as anybody may.
  ctx.node.makeDirectory(ctx.paths.containerBundle(id), usernsPath === undefined ? 0o700 : 0o711);
  faultPoint('cri/create-container/bundle-made');
  ctx.node.mountOverlay({
    lowerDirs: ctx.images.layerDirs(image.id),
    upperDir: ctx.paths.upperDir(id),
    workDir: ctx.paths.workDir(id),
    target: ctx.paths.rootfs(id),
    idmapped: layerIds(ctx, id, usernsPath),
    mountLabel,
  });
}

function makeLogDirectory(ctx: RuntimeServiceContext, { logPath }: ContainerRecord): void {
  if (logPath === '') return;
  const directory = logPath.slice(0, logPath.lastIndexOf('/'));
  try {
    ctx.node.makeDirectory(directory, 0o755);
  } catch (error) {
    throw failedPrecondition(`the directory ${directory} for the log cannot be made: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

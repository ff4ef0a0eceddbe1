import { errorCode, errorMessage, failedPrecondition, GantryError, invalidArgument } from '../../base/errors.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import {
  ContainerEventType,
  type LinuxContainerResources,
  NamespaceMode,
  type PodSandboxConfig,
  type RunPodSandboxRequest,
  type RunPodSandboxResponse,
} from '../../rpc/cri-api.ts';
import { checkBandwidth } from '../network/capabilities.ts';
import type { RuntimeHandler } from '../oci/runtimes.ts';
import { DEFAULT_SLICE, groupOfParent, isSlice } from '../spec/cgroup-path.ts';
import type { PodUserNamespace } from '../spec/inputs.ts';
import { buildSandboxSpec } from '../spec/sandbox-spec.ts';
import { podUserNamespace, type UserNamespaceIds } from '../spec/user-namespace.ts';
import { cgroupParentOf, type SandboxRecord, sandboxKey } from '../store/sandbox-record.ts';
import { type CheckedSandboxConfig, checkSandboxConfig } from '../validation/sandbox-config.ts';
import type { RuntimeServiceContext } from './context.ts';
import { networkAttachment, usesHostNetwork } from './network-attachment.ts';
import { pinSandbox, pinsFor } from './pin-sandbox.ts';
import { podRoot, sandboxUserns } from './pod-ids.ts';
import { publishEvent } from './publish-event.ts';
import { recordExit } from './record-exit.ts';
import { resolvConf } from './resolv-conf.ts';
import { runtimeOf } from './runtime-of.ts';
import { sayOnce } from './say-once.ts';
import { newSandboxLabels, relabelPodFiles } from './selinux-labels.ts';
import { undoSandbox } from './tear-down.ts';

/** Upstream's size of a pod's /dev/shm. */
const SHM_BYTES = 64 << 20;

/**
 * Makes a pod's sandbox: network namespace, network, the infra container that holds the other namespaces. Idempotent per (namespace, name, uid,
 * attempt): a repeated call joins the one at work, and gets the sandbox of a finished one while it is READY. On failure nothing is left, and
 * the error names the step. The work goes on when the caller leaves.
 */
export async function runPodSandbox(
  ctx: RuntimeServiceContext,
  request: RunPodSandboxRequest,
  signal?: AbortSignal,
): Promise<RunPodSandboxResponse> {
  const config = checkedRequest(ctx, request);
  const handler = ctx.runtimes.wanted(request.runtimeHandler);
  const key = sandboxKey(config.metadata);
  const podSandboxId = await ctx.joins.run(
    `run-pod-sandbox:${key}`,
    async () => {
      const existing = ctx.store.readySandboxByKey(key);
      return existing === undefined
        ? makeSandbox(ctx, key, config, { asked: request.runtimeHandler, handler })
        : existing.id;
    },
    signal,
  );
  return { podSandboxId };
}

function checkedRequest(
  { cgroupDriver }: RuntimeServiceContext,
  { config }: RunPodSandboxRequest,
): CheckedSandboxConfig {
  const checked = checkSandboxConfig(config);
  checkBandwidth(checked.annotations);
  const parent = checked.linux?.cgroupParent ?? '';
  const form = isSlice(parent) ? 'systemd' : 'cgroupfs';
  if (parent !== '' && form !== cgroupDriver)
    throw invalidArgument(
      `config.linux.cgroup_parent "${parent}" is the ${form} driver's form; this runtime uses ${cgroupDriver}, as its RuntimeConfig says`,
    );
  if (isSlice(parent)) groupOfParent(parent);
  return checked;
}

async function makeSandbox(
  ctx: RuntimeServiceContext,
  key: string,
  config: CheckedSandboxConfig,
  { asked, handler }: { readonly asked: string; readonly handler: RuntimeHandler },
): Promise<string> {
  const id = ctx.node.newId();
  const hostNetwork = usesHostNetwork(config);
  const userns = requestedUserns(ctx, config, handler);
  const selinux = newSandboxLabels(ctx, id, config);
  const pinned = pinsFor(ctx, id, config, handler.runtime.name);
  const record = ctx.store.putSandbox({
    version: 1,
    id,
    key,
    config,
    runtimeHandler: asked,
    runtime: handler.name,
    bootId: ctx.node.bootId,
    ...(hostNetwork ? {} : { netnsPath: ctx.paths.netns(id) }),
    ...(userns === undefined ? {} : { usernsPath: ctx.paths.userns(id) }),
    ...(pinned === undefined ? {} : { pinned }),
    ...(selinux === undefined ? {} : { selinux }),
    ...(ctx.cgroupDriver === 'systemd' && !config.linux?.cgroupParent ? { defaultSlice: DEFAULT_SLICE } : {}),
    hostname: config.hostname !== '' && !hostNetwork ? config.hostname : ctx.node.hostname,
    ownShm: config.linux?.securityContext?.namespaceOptions?.ipc !== NamespaceMode.NODE,
    ips: [],
    createdAt: ctx.node.now(),
  });
  try {
    faultPoint('cri/run-pod-sandbox/recorded');
    if (record.netnsPath !== undefined) {
      // A namespace joined by a refused container would be wasted work: say no before anything is made.
      requireNetwork(ctx);
      const { netnsPath, usernsPath } = record;
      if (userns === undefined || usernsPath === undefined) ctx.node.createNetns(netnsPath);
      else await ctx.node.createUserns({ ...userns, path: usernsPath, netnsPath });
      faultPoint('cri/run-pod-sandbox/netns-made');
    }
    // The monitor's work is in other processes, the network's in this one: begun in this order, they overlap.
    const [infra, ips] = await Promise.allSettled([startInfra(ctx, record), attachNetwork(ctx, record)]);
    if (infra.status === 'rejected')
      throw named(pinned === undefined ? 'starting the infra container' : 'making the namespaces', infra.reason);
    if (ips.status === 'rejected') throw named('setting up the network', ips.reason);
    ctx.store.updateSandbox(id, { ...infra.value, ips: ips.value, readyAt: ctx.node.now() });
    faultPoint('cri/run-pod-sandbox/ready');
  } catch (error) {
    try {
      await undoSandbox(ctx, id);
    } catch (undoError) {
      ctx.log.error({ sandbox: id, err: undoError }, 'a failed sandbox could not be undone; it is kept as NOTREADY');
    }
    throw error;
  }
  publishEvent(ctx, ContainerEventType.CONTAINER_CREATED_EVENT, id, id);
  publishEvent(ctx, ContainerEventType.CONTAINER_STARTED_EVENT, id, id);
  // An infra process that was killed before the record was there has left its exit file unheard.
  recordExit(ctx, id);
  return id;
}

function requireNetwork(ctx: RuntimeServiceContext): void {
  const readiness = ctx.network.readiness();
  if (!readiness.ready)
    throw failedPrecondition(`the pod network is not ready: ${readiness.message}`, { reason: readiness.reason });
}

async function attachNetwork(ctx: RuntimeServiceContext, record: SandboxRecord): Promise<readonly string[]> {
  if (record.netnsPath === undefined) return [];
  const ips = await ctx.network.add(networkAttachment({ ...record, netnsPath: record.netnsPath }));
  faultPoint('cri/run-pod-sandbox/network-added');
  return ips;
}

async function startInfra(
  ctx: RuntimeServiceContext,
  record: SandboxRecord,
): Promise<Pick<SandboxRecord, 'infra' | 'monitor'>> {
  const { id, config, hostname } = record;
  const cgroupParent = cgroupParentOf(record);
  const { node, paths } = ctx;
  const runtime = runtimeOf(ctx, id);
  const bundle = paths.sandboxBundle(id);
  node.makeDirectory(bundle, 0o711);
  faultPoint('cri/run-pod-sandbox/bundle-made');
  node.writeFile(paths.resolvConf(id), resolvConf(config.dnsConfig, textOf(ctx, '/etc/resolv.conf')), 0o644);
  node.writeFile(paths.hostname(id), `${hostname}\n`, 0o644);
  node.writeFile(paths.hosts(id), textOf(ctx, '/etc/hosts'), 0o644);
  faultPoint('cri/run-pod-sandbox/files-written');
  if (record.ownShm) node.mountShm(paths.shm(id), SHM_BYTES);
  faultPoint('cri/run-pod-sandbox/shm-mounted');
  const userns = sandboxUserns(record);
  if (userns !== undefined) giveToPodRoot(ctx, id, userns);
  await relabelPodFiles(ctx, record);
  if (record.pinned !== undefined) {
    pinSandbox(ctx, record);
    return {};
  }
  const { spec, notes } = buildSandboxSpec({
    id,
    config,
    cgroupParent,
    hostname,
    netnsPath: record.netnsPath,
    userns,
    selinux: record.selinux,
    rootfs: ctx.pause.path,
    args: ctx.pause.args,
    host: node.facts,
    annotations: { ...podAnnotations('sandbox', id, config), ...sizeAnnotations(config.linux?.resources) },
  });
  sayOnce(ctx, notes);
  node.writeFile(`${bundle}/config.json`, JSON.stringify(spec), 0o600);
  faultPoint('cri/run-pod-sandbox/spec-written');
  const { container, monitor } = await ctx.monitor.create(
    {
      id,
      bundle,
      logPath: undefined,
      terminal: false,
      stdin: false,
      stdinOnce: false,
      bySystemd: isSlice(cgroupParent),
    },
    runtime,
  );
  faultPoint('cri/run-pod-sandbox/infra-created');
  if (userns !== undefined) node.keepNullDevice();
  await runtime.start(id);
  faultPoint('cri/run-pod-sandbox/infra-started');
  return { infra: container, monitor };
}

/** The ids that the pod asks for. Throws `failed-precondition` where this machine or the runtime cannot give them. */
function requestedUserns(
  ctx: RuntimeServiceContext,
  config: PodSandboxConfig,
  { name, features }: RuntimeHandler,
): UserNamespaceIds | undefined {
  const userns = podUserNamespace(config.linux?.securityContext?.namespaceOptions);
  const { noUserNamespaces } = ctx.node.facts;
  if (userns !== undefined && noUserNamespaces !== undefined)
    throw failedPrecondition(`a pod cannot have a user namespace of its own here: ${noUserNamespaces}`);
  if (userns !== undefined && !features.userNamespaces)
    throw failedPrecondition(`the runtime handler "${name}" does not support user namespaces`);
  return userns;
}

/** The pod's shared files are its own: its root may change them. */
function giveToPodRoot(ctx: RuntimeServiceContext, id: string, userns: PodUserNamespace): void {
  const { uid, gid } = podRoot(userns);
  const { paths } = ctx;
  for (const path of [paths.resolvConf(id), paths.hostname(id), paths.hosts(id), paths.shm(id)])
    ctx.node.chown(path, uid, gid);
}

/** A file of the machine that a minimal installation may lack: then it is empty. */
function textOf(ctx: RuntimeServiceContext, path: string): string {
  return ctx.node.realPath(path) === undefined ? '' : ctx.node.readFile(path);
}

/** Written into every specification, under the keys upstream runtimes and tools look for. */
export function podAnnotations(
  type: 'sandbox' | 'container',
  sandboxId: string,
  config: PodSandboxConfig,
): Readonly<Record<string, string>> {
  const { name = '', namespace = '', uid = '' } = config.metadata ?? {};
  return {
    'io.kubernetes.cri.container-type': type,
    'io.kubernetes.cri.sandbox-id': sandboxId,
    'io.kubernetes.cri.sandbox-name': name,
    'io.kubernetes.cri.sandbox-namespace': namespace,
    'io.kubernetes.cri.sandbox-uid': uid,
  };
}

/** By these upstream's shims tell a runtime with virtual machines how large one has to be (containerd's keys). */
function sizeAnnotations(resources: LinuxContainerResources | undefined): Readonly<Record<string, string>> {
  if (resources === undefined) return {};
  return {
    'io.kubernetes.cri.sandbox-cpu-period': String(resources.cpuPeriod),
    'io.kubernetes.cri.sandbox-cpu-quota': String(resources.cpuQuota),
    'io.kubernetes.cri.sandbox-cpu-shares': String(resources.cpuShares),
    'io.kubernetes.cri.sandbox-memory': String(resources.memoryLimitInBytes),
  };
}

/** The same error with the step before its message. */
function named(step: string, error: unknown): GantryError {
  const reason = error instanceof GantryError ? error.reason : undefined;
  const code = errorCode(error) === 'unknown' ? 'internal' : errorCode(error);
  return new GantryError(code, `${step}: ${errorMessage(error)}`, {
    cause: error,
    ...(reason === undefined ? {} : { reason }),
  });
}

import { errorCode, errorMessage } from '../../base/errors.ts';
import type { RuntimeServiceService } from '../../rpc/gen/runtime/v1/services.ts';
import type { Handlers } from '../../rpc/service.ts';
import { streamed } from '../../rpc/streamed-list.ts';
import { attach } from './attach.ts';
import { checkpointContainer } from './checkpoint-container.ts';
import { containerStats } from './container-stats.ts';
import { containerStatus } from './container-status.ts';
import type { RuntimeServiceContext } from './context.ts';
import { createContainer } from './create-container.ts';
import { exec } from './exec.ts';
import { execSync } from './exec-sync.ts';
import { listContainerStats } from './list-container-stats.ts';
import { listContainers } from './list-containers.ts';
import { listMetricDescriptors } from './list-metric-descriptors.ts';
import { listPodSandbox } from './list-pod-sandbox.ts';
import { listPodSandboxMetrics, streamPodSandboxMetrics } from './list-pod-sandbox-metrics.ts';
import { listPodSandboxStats } from './list-pod-sandbox-stats.ts';
import { podSandboxStats } from './pod-sandbox-stats.ts';
import { podSandboxStatus } from './pod-sandbox-status.ts';
import { portForward } from './port-forward.ts';
import { removeContainer } from './remove-container.ts';
import { removePodSandbox } from './remove-pod-sandbox.ts';
import { reopenContainerLog } from './reopen-container-log.ts';
import { runPodSandbox } from './run-pod-sandbox.ts';
import { runtimeConfig } from './runtime-config.ts';
import { startContainer } from './start-container.ts';
import { status } from './status.ts';
import { stopContainer } from './stop-container.ts';
import { stopPodSandbox } from './stop-pod-sandbox.ts';
import { updateContainerResources } from './update-container-resources.ts';
import { updatePodSandboxResources } from './update-pod-sandbox-resources.ts';
import { updateRuntimeConfig } from './update-runtime-config.ts';
import { version } from './version.ts';

/** runtime.v1.RuntimeService: every call, each in the file of its name. */
export function runtimeServiceHandlers(
  ctx: RuntimeServiceContext,
  gantryVersion: string,
): Handlers<typeof RuntimeServiceService> {
  return {
    version: async () => version(gantryVersion),
    status: async request => status(ctx, request),
    runtimeConfig: async () => runtimeConfig(ctx),
    updateRuntimeConfig: async request => updateRuntimeConfig(ctx, request),

    listPodSandbox: async request => listPodSandbox(ctx, request),
    podSandboxStatus: async request => podSandboxStatus(ctx, request),
    listContainers: async request => listContainers(ctx, request),
    containerStatus: async request => containerStatus(ctx, request),
    getContainerEvents: (_request, { signal }) => ctx.events.subscribe(signal),

    containerStats: (request, { signal }) => containerStats(ctx, request, signal),
    listContainerStats: (request, { signal }) => listContainerStats(ctx, request, signal),
    podSandboxStats: (request, { signal }) => podSandboxStats(ctx, request, signal),
    listPodSandboxStats: (request, { signal }) => listPodSandboxStats(ctx, request, signal),

    streamPodSandboxes: request =>
      streamed(
        async () => listPodSandbox(ctx, request).items,
        podSandboxes => ({ podSandboxes }),
      ),
    streamContainers: request =>
      streamed(
        async () => listContainers(ctx, request).containers,
        containers => ({ containers }),
      ),
    streamContainerStats: (request, { signal }) =>
      streamed(
        async () => (await listContainerStats(ctx, request, signal)).stats,
        containerStats => ({ containerStats }),
      ),
    streamPodSandboxStats: (request, { signal }) =>
      streamed(
        async () => (await listPodSandboxStats(ctx, request, signal)).stats,
        podSandboxStats => ({ podSandboxStats }),
      ),

    listMetricDescriptors: async () => listMetricDescriptors(),
    listPodSandboxMetrics: (_request, { signal }) => listPodSandboxMetrics(ctx, signal),
    streamPodSandboxMetrics: (_request, { signal }) => streamPodSandboxMetrics(ctx, signal),

    runPodSandbox: (request, { signal }) => {
      const { name: pod = '', namespace = '' } = request.config?.metadata ?? {};
      const fields = { pod: shortened(pod, 253), namespace: shortened(namespace, 253) };
      return told(ctx, 'RunPodSandbox', fields, runPodSandbox(ctx, request, signal), r => ({
        sandbox: r.podSandboxId,
      }));
    },
    stopPodSandbox: (request, { signal }) =>
      told(ctx, 'StopPodSandbox', ofSandbox(ctx, request.podSandboxId), stopPodSandbox(ctx, request, signal)),
    removePodSandbox: (request, { signal }) =>
      told(ctx, 'RemovePodSandbox', ofSandbox(ctx, request.podSandboxId), removePodSandbox(ctx, request, signal)),
    createContainer: (request, { signal }) => {
      const fields = {
        ...ofSandbox(ctx, request.podSandboxId),
        name: shortened(request.config?.metadata?.name ?? '', 253),
      };
      return told(ctx, 'CreateContainer', fields, createContainer(ctx, request, signal), r => ({
        container: r.containerId,
      }));
    },
    startContainer: (request, { signal }) =>
      told(ctx, 'StartContainer', ofContainer(ctx, request.containerId), startContainer(ctx, request, signal)),
    stopContainer: (request, { signal }) =>
      told(ctx, 'StopContainer', ofContainer(ctx, request.containerId), stopContainer(ctx, request, signal)),
    removeContainer: (request, { signal }) =>
      told(ctx, 'RemoveContainer', ofContainer(ctx, request.containerId), removeContainer(ctx, request, signal)),
    updateContainerResources: (request, { signal }) =>
      told(
        ctx,
        'UpdateContainerResources',
        ofContainer(ctx, request.containerId),
        updateContainerResources(ctx, request, signal),
      ),
    updatePodSandboxResources: async request => updatePodSandboxResources(ctx, request),
    checkpointContainer: (request, { signal }) =>
      told(
        ctx,
        'CheckpointContainer',
        ofContainer(ctx, request.containerId),
        checkpointContainer(ctx, request, signal),
      ),
    reopenContainerLog: (request, { signal }) =>
      told(ctx, 'ReopenContainerLog', ofContainer(ctx, request.containerId), reopenContainerLog(ctx, request, signal)),

    // What comes of these is told when it has ended.
    exec: async request => exec(ctx, request),
    attach: async request => attach(ctx, request),
    portForward: async request => portForward(ctx, request),
    // Probes run by the second: no line for each.
    execSync: (request, { signal }) => execSync(ctx, request, signal),
  };
}

function ofSandbox(ctx: RuntimeServiceContext, id: string): object {
  const metadata = ctx.store.findSandbox(id)?.config.metadata;
  return {
    sandbox: shortened(id, 64),
    ...(metadata === undefined ? {} : { pod: metadata.name, namespace: metadata.namespace }),
  };
}

function ofContainer(ctx: RuntimeServiceContext, id: string): object {
  const record = ctx.store.findContainer(id);
  if (record === undefined) return { container: shortened(id, 64) };
  const pod = ctx.store.sandbox(record.sandboxId)?.config.metadata?.name ?? '';
  return { container: id, name: record.config.metadata?.name ?? '', pod };
}

/** A client's text as a line of the log has it: a request may hold 80 MiB of it. */
function shortened(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** One log line per call that changes something: what, on which, how long, and how it ended. */
async function told<R>(
  ctx: RuntimeServiceContext,
  rpc: string,
  fields: object,
  work: Promise<R>,
  ofResult: (result: R) => object = () => ({}),
): Promise<R> {
  const started = ctx.clock.monotonic();
  const ms = (): number => Math.round((ctx.clock.monotonic() - started) * 10) / 10;
  try {
    const result = await work;
    ctx.log.info({ ...fields, ...ofResult(result), ms: ms() }, rpc);
    return result;
  } catch (error) {
    const why = errorMessage(error);
    ctx.log.warn({ ...fields, ms: ms(), code: errorCode(error) }, `${rpc} failed: ${shortened(why, 4_096)}`);
    throw error;
  }
}

import { Counter, Histogram, type Registry } from '../../daemon/metrics.ts';
import type { ContainerRuntime } from './ports.ts';

/** Upstream's buckets: 5 ms doubling, as far as a slow image pull. */
const SECONDS = [0.005, 0.0125, 0.03125, 0.078, 0.195, 0.488, 1.22, 3.05, 7.6, 19, 48, 119, 298];

/** The same runtime, with its calls counted and timed under upstream's metric names. */
export function meteredRuntime(runtime: ContainerRuntime, registry: Registry): ContainerRuntime {
  const labelNames = ['operation_type'] as const;
  const registers = [registry];
  const total = new Counter({
    name: 'kubelet_runtime_operations_total',
    help: 'Cumulative number of runtime operations by operation type.',
    labelNames,
    registers,
  });
  const errors = new Counter({
    name: 'kubelet_runtime_operations_errors_total',
    help: 'Cumulative number of runtime operation errors by operation type.',
    labelNames,
    registers,
  });
  const duration = new Histogram({
    name: 'kubelet_runtime_operations_duration_seconds',
    help: 'Duration in seconds of runtime operations. Broken down by operation type.',
    labelNames,
    buckets: SECONDS,
    registers,
  });
  const metered =
    <Args extends readonly unknown[], Result>(operation: string, call: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      const labels = { operation_type: operation };
      const startedAt = performance.now();
      total.inc(labels);
      try {
        return await call(...args);
      } catch (error) {
        errors.inc(labels);
        throw error;
      } finally {
        duration.observe(labels, (performance.now() - startedAt) / 1000);
      }
    };
  return {
    version: metered('version', runtime.version),
    status: metered('status', runtime.status),
    cgroupDriver: metered('runtime_config', runtime.cgroupDriver),
    listSandboxes: metered('list_podsandbox', runtime.listSandboxes),
    sandboxStatus: metered('podsandbox_status', runtime.sandboxStatus),
    runSandbox: metered('run_podsandbox', runtime.runSandbox),
    stopSandbox: metered('stop_podsandbox', runtime.stopSandbox),
    removeSandbox: metered('remove_podsandbox', runtime.removeSandbox),
    listContainers: metered('list_containers', runtime.listContainers),
    containerStatus: metered('container_status', runtime.containerStatus),
    createContainer: metered('create_container', runtime.createContainer),
    startContainer: metered('start_container', runtime.startContainer),
    updateContainer: metered('update_container', runtime.updateContainer),
    updateSandboxResources: metered('update_podsandbox_resources', runtime.updateSandboxResources),
    stopContainer: metered('stop_container', runtime.stopContainer),
    removeContainer: metered('remove_container', runtime.removeContainer),
    reopenContainerLog: metered('reopen_container_log', runtime.reopenContainerLog),
    checkpointContainer: metered('checkpoint_container', runtime.checkpointContainer),
    execSync: metered('exec_sync', runtime.execSync),
    exec: metered('exec', runtime.exec),
    attach: metered('attach', runtime.attach),
    portForward: metered('port_forward', runtime.portForward),
    podStats: metered('list_podsandbox_stats', runtime.podStats),
    imageFsInfo: metered('image_fs_info', runtime.imageFsInfo),
    listImages: metered('list_images', runtime.listImages),
    imageStatus: metered('image_status', runtime.imageStatus),
    pullImage: metered('pull_image', runtime.pullImage),
    removeImage: metered('remove_image', runtime.removeImage),
    events: (onOpen, signal) => runtime.events(onOpen, signal),
  };
}

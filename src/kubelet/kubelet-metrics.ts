import { Counter, Gauge, Histogram, type Registry } from '../daemon/metrics.ts';
import type { PodCache } from './observed/pod-cache.ts';

/** What the kubelet counts of its own, under upstream's names. */
export interface KubeletMetrics {
  podStarted(seconds: number): void;
  relisted(seconds: number): void;
  eventReceived(): void;
  imageRemoved(reason: 'age' | 'space'): void;
}

export function kubeletMetrics(registry: Registry, cache: PodCache, desired: () => number): KubeletMetrics {
  const registers = [registry];
  new Gauge({
    name: 'kubelet_desired_pods',
    help: 'The number of pods the kubelet is being instructed to run.',
    registers,
    collect() {
      this.set(desired());
    },
  });
  new Gauge({
    name: 'kubelet_running_pods',
    help: 'Number of pods that have a running pod sandbox',
    registers,
    collect() {
      this.set(cache.all().filter(p => p.sandboxes.some(s => s.state === 'ready')).length);
    },
  });
  new Gauge({
    name: 'kubelet_running_containers',
    help: 'Number of containers currently running',
    labelNames: ['container_state'] as const,
    registers,
    collect() {
      this.reset();
      for (const { state } of cache.all().flatMap(p => p.containers)) this.inc({ container_state: state });
    },
  });
  const starts = new Histogram({
    name: 'kubelet_pod_start_duration_seconds',
    help: 'Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run',
    buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300],
    registers,
  });
  const relists = new Histogram({
    name: 'kubelet_pleg_relist_duration_seconds',
    help: 'Duration in seconds for relisting pods in PLEG.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    registers,
  });
  const events = new Counter({
    name: 'gantry_kubelet_runtime_events_total',
    help: 'Events that the container runtime pushed and that told something new.',
    registers,
  });
  const images = new Counter({
    name: 'kubelet_image_garbage_collected_total',
    help: 'Total number of images garbage collected by the kubelet, whether through disk usage or image age.',
    labelNames: ['reason'] as const,
    registers,
  });
  return {
    imageRemoved: reason => images.inc({ reason }),
    podStarted: seconds => starts.observe(seconds),
    relisted: seconds => relists.observe(seconds),
    eventReceived: () => events.inc(),
  };
}

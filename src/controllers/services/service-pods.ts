import { equalValues } from '../../api/semantic-equal.ts';
import type { Pod, Service, ServicePort } from '../../api/types/gen/core-v1.ts';
import { hasEnded, isReady } from '../pods/pod-state.ts';

/** What services ask of pods. Pure. */

/** Set where a service has no address of its own. */
export const HEADLESS = 'service.kubernetes.io/headless';
/** Since when the change was to be seen that a write follows: what measures how long services take to follow pods. */
export const LAST_CHANGE = 'endpoints.kubernetes.io/last-change-trigger-time';

/** True where controllers find the endpoints: it selects pods, and is no name for something outside. */
export function followsPods({ spec }: Service): boolean {
  return spec.type !== 'ExternalName' && hasSelector(spec.selector);
}

/** One without a selector matches nothing: its endpoints are written by others. */
export function hasSelector(selector: Service['spec']['selector']): boolean {
  return selector !== undefined && Object.keys(selector).length > 0;
}

export function selects({ spec }: Service, labels: Readonly<Record<string, string>> | undefined): boolean {
  if (!hasSelector(spec.selector)) return false;
  return Object.entries(spec.selector ?? {}).every(([key, value]) => labels?.[key] === value);
}

export function isHeadless({ spec }: Service): boolean {
  return spec.clusterIP === 'None' || (spec.clusterIP ?? '') === '';
}

/** True for a pod that runs or will run and has an address; one on its way out counts where that is asked for. */
export function hasEndpoint(pod: Pod, withTerminating: boolean): boolean {
  if (hasEnded(pod)) return false;
  if ((pod.status.podIP ?? '') === '' && (pod.status.podIPs ?? []).length === 0) return false;
  return withTerminating || pod.metadata.deletionTimestamp === undefined;
}

/** The name that DNS knows the pod by; undefined where its subdomain is not this service. */
export function hostnameOf({ spec }: Pod, service: Service): string | undefined {
  const { hostname = '', subdomain } = spec;
  return hostname !== '' && subdomain === service.metadata.name ? hostname : undefined;
}

/** The port of a pod that a port of a service leads to; undefined where the pod has none of that name and protocol. A sidecar's ports count. */
export function targetPortOf({ spec }: Pod, { targetPort, protocol = 'TCP' }: ServicePort): number | undefined {
  if (typeof targetPort === 'number') return targetPort;
  const sidecars = (spec.initContainers ?? []).filter(container => container.restartPolicy === 'Always');
  return [...spec.containers, ...sidecars]
    .flatMap(container => container.ports ?? [])
    .find(port => port.name === targetPort && (port.protocol ?? 'TCP') === protocol)?.containerPort;
}

/** True where pods may have the ports of a service elsewhere. */
export function hasNamedPorts({ spec }: Service): boolean {
  return (spec.ports ?? []).some(({ targetPort }) => typeof targetPort === 'string');
}

/** True where the services of a pod have to look: its labels, or what their endpoints show of it, are others than before. */
export function changesEndpoints(before: Pod, after: Pod): boolean {
  return !equalValues(shown(before), shown(after));
}

function shown(pod: Pod): object {
  const { labels = {}, deletionTimestamp } = pod.metadata;
  const { hostname, subdomain, nodeName } = pod.spec;
  const { podIP, podIPs } = pod.status;
  const state = [isReady(pod), hasEnded(pod), deletionTimestamp !== undefined];
  return { labels, hostname, subdomain, nodeName, podIP, podIPs, state };
}

import type { DesiredPod } from '../desired/desired-pod.ts';

/** Upstream's limit for a host name: that of a DNS label. */
const MAX_HOSTNAME = 63;
/** The kernel's limit (HOST_NAME_MAX). */
const MAX_KERNEL_HOSTNAME = 64;

/** The pod's host name, cut to what the kernel takes, and its domain when it has a subdomain. A name that overrides all has none. */
export function podHostname(
  pod: DesiredPod,
  clusterDomain: string,
): { readonly hostname: string; readonly domain: string } {
  const { spec } = pod.pod;
  const wanted = spec.hostnameOverride ?? spec.hostname ?? '';
  const hostname = (wanted === '' ? pod.name : wanted).slice(0, MAX_HOSTNAME).replace(/[-.]+$/, '');
  const subdomain = spec.hostnameOverride === undefined ? (spec.subdomain ?? '') : '';
  const suffix = clusterDomain === '' ? '' : `.${clusterDomain}`;
  const domain = subdomain === '' ? '' : `${subdomain}.${pod.namespace}.svc${suffix}`;
  return { hostname, domain };
}

/** What the kernel of the pod's UTS namespace is told. */
export function kernelHostname(pod: DesiredPod, clusterDomain: string): string {
  const { hostname, domain } = podHostname(pod, clusterDomain);
  return pod.pod.spec.setHostnameAsFQDN === true && domain !== '' ? `${hostname}.${domain}` : hostname;
}

/** Why the pod cannot have the host name that it asks for, in upstream's words; undefined where it can. */
export function hostnameProblem(pod: DesiredPod, clusterDomain: string): string | undefined {
  const name = kernelHostname(pod, clusterDomain);
  if (name.length <= MAX_KERNEL_HOSTNAME) return undefined;
  return `failed to construct FQDN from pod hostname and cluster domain, FQDN ${name} is too long (${MAX_KERNEL_HOSTNAME} characters is the max, ${name.length} characters requested)`;
}

import type { DesiredPod } from '../desired/desired-pod.ts';

/** The kernel's limit for a host name (HOST_NAME_MAX is 64 with its NUL). */
const MAX_HOSTNAME = 63;

/** The pod's host name, cut to what the kernel takes, and its domain when it has a subdomain. */
export function podHostname(
  pod: DesiredPod,
  clusterDomain: string,
): { readonly hostname: string; readonly domain: string } {
  const { spec } = pod.pod;
  const wanted = spec.hostnameOverride ?? spec.hostname ?? '';
  const hostname = (wanted === '' ? pod.name : wanted).slice(0, MAX_HOSTNAME).replace(/[-.]+$/, '');
  const subdomain = spec.subdomain ?? '';
  const suffix = clusterDomain === '' ? '' : `.${clusterDomain}`;
  const domain = subdomain === '' ? '' : `${subdomain}.${pod.namespace}.svc${suffix}`;
  return { hostname, domain };
}

/** What the kernel of the pod's UTS namespace is told. */
export function kernelHostname(pod: DesiredPod, clusterDomain: string): string {
  const { hostname, domain } = podHostname(pod, clusterDomain);
  return pod.pod.spec.setHostnameAsFQDN === true && domain !== '' ? `${hostname}.${domain}` : hostname;
}

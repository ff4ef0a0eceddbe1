import { parseCidr } from '../../base/cidr.ts';
import { invalidArgument } from '../../base/errors.ts';
import type { NetworkAttachment } from './ports.ts';

const INGRESS = 'kubernetes.io/ingress-bandwidth';
/** The name under which containerd and CRI-O pass them. */
const POD_ANNOTATIONS = 'io.kubernetes.cri.pod-annotations';
const EGRESS = 'kubernetes.io/egress-bandwidth';
/** The largest burst that the bandwidth plugin takes, in bits (containerd passes the same). */
const BURST_BITS = 2 ** 32 - 1;
/** What the kubelet allows in the annotations: 1k to 1P bits per second. */
const LEAST_RATE = 1e3;
const MOST_RATE = 1e15;
const SCALE: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** CNI_ARGS as other Kubernetes runtimes set them. */
export function cniArgs({ pod, sandboxId }: NetworkAttachment): (readonly [string, string])[] {
  return [
    ['IgnoreUnknown', '1'],
    ['K8S_POD_NAMESPACE', pod.namespace],
    ['K8S_POD_NAME', pod.name],
    ['K8S_POD_INFRA_CONTAINER_ID', sandboxId],
    ['K8S_POD_UID', pod.uid],
  ];
}

/** The run-time values by capability name (CNI CONVENTIONS.md); a plugin gets those that it declares. Throws on a bandwidth that is no quantity. */
export function runtimeValues(attachment: NetworkAttachment, podCidrs: readonly string[]): Record<string, unknown> {
  const { portMappings, dns, annotations, cgroupParent, pod, hostname } = attachment;
  const ingress = bandwidth(annotations, INGRESS);
  const egress = bandwidth(annotations, EGRESS);
  const hasDns = dns.servers.length + dns.searches.length + dns.options.length > 0;
  return {
    ...(portMappings.length === 0
      ? {}
      : {
          portMappings: portMappings.map(({ hostPort, containerPort, protocol, hostIp }) => ({
            hostPort,
            containerPort,
            protocol,
            hostIP: hostIp,
          })),
        }),
    ...(ingress === undefined && egress === undefined
      ? {}
      : {
          bandwidth: {
            ...(ingress === undefined ? {} : { ingressRate: ingress, ingressBurst: BURST_BITS }),
            ...(egress === undefined ? {} : { egressRate: egress, egressBurst: BURST_BITS }),
          },
        }),
    ...(podCidrs.length === 0 ? {} : { ipRanges: podCidrs.map(subnet => [{ subnet }]) }),
    ...(hasDns ? { dns: { servers: dns.servers, searches: dns.searches, options: dns.options } } : {}),
    ...(cgroupParent === '' ? {} : { cgroupPath: cgroupParent }),
    aliases: [...new Set([pod.name, hostname])].filter(name => name !== ''),
    [POD_ANNOTATIONS]: annotations,
  };
}

/** The subnets of `a,b`, at most one of each family. Empty text is none. Throws `invalid-argument`. */
export function parsePodCidrs(text: string): string[] {
  const cidrs = text
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '');
  if (new Set(cidrs.map(cidr => parseCidr(cidr).family)).size !== cidrs.length)
    throw invalidArgument(`pod CIDR "${text}": at most one subnet of each IP family`);
  return cidrs;
}

/** Refuses limits of bandwidth that no pod can have. Asked before a sandbox is made: one with such limits could not be undone. Throws `invalid-argument`. */
export function checkBandwidth(annotations: Readonly<Record<string, string>>): void {
  for (const name of [INGRESS, EGRESS]) bandwidth(annotations, name);
}

function bandwidth(annotations: Readonly<Record<string, string>>, name: string): number | undefined {
  const text = annotations[name];
  if (text === undefined) return undefined;
  const [, digits = '', suffix = ''] = /^(\d+(?:\.\d+)?)([kMGTP]i?|Ki|)$/.exec(text) ?? [];
  const rate = digits === '' ? Number.NaN : Math.ceil(Number(digits) * (SCALE[suffix] ?? Number.NaN));
  if (!(rate >= LEAST_RATE && rate <= MOST_RATE))
    throw invalidArgument(`annotation ${name}: "${text}" is not a rate from 1k to 1P bits per second`);
  return rate;
}

import { PodSandboxConfig, Protocol, type UserNamespace } from '../../rpc/cri-api.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import type { CgroupPolicy } from '../resources/pod-cgroup.ts';
import { sandboxResources } from '../resources/sandbox-resources.ts';
import { type DnsInput, type PodDns, podDns } from './dns.ts';
import { ANNOTATION, LABEL } from './labels.ts';
import { kernelHostname } from './pod-hostname.ts';
import { sandboxSecurityContext } from './security-context.ts';

export interface SandboxConfigInput {
  readonly pod: DesiredPod;
  readonly attempt: number;
  readonly logDirectory: string;
  readonly cgroupParent: string;
  readonly cgroups: Pick<CgroupPolicy, 'cpuQuotaEnforced' | 'cpuPeriodUs'>;
  readonly dns: DnsSettings;
  /** The pod's own user namespace; undefined for the machine's. */
  readonly userns: UserNamespace | undefined;
}

export type DnsSettings = Pick<DnsInput, 'host' | 'instead' | 'clusterDns' | 'clusterDomain'>;

/** The resolver configuration of a pod with what is to be told about it. */
export function dnsOf({ name, namespace, uid, pod }: DesiredPod, settings: DnsSettings): PodDns {
  return podDns({ spec: pod.spec, pod: `${name}_${namespace}(${uid})`, namespace, ...settings });
}

/** The pod as the runtime is told of it. The same pod and attempt give the same message, so a repeated call joins the first. */
export function sandboxConfig(input: SandboxConfigInput): PodSandboxConfig {
  const { pod, attempt } = input;
  const { spec, metadata } = pod.pod;
  const labels = metadata.labels ?? {};
  return PodSandboxConfig.fromPartial({
    metadata: { name: pod.name, namespace: pod.namespace, uid: pod.uid, attempt },
    hostname: spec.hostNetwork === true ? '' : kernelHostname(pod, input.dns.clusterDomain),
    logDirectory: input.logDirectory,
    dnsConfig: dnsOf(pod, input.dns).config,
    portMappings: spec.containers
      .flatMap(c => c.ports ?? [])
      .map(port => ({
        protocol: Protocol[port.protocol ?? 'TCP'],
        containerPort: port.containerPort,
        hostPort: port.hostPort ?? 0,
        hostIp: port.hostIP ?? '',
      })),
    labels: {
      ...labels,
      [LABEL.podName]: pod.name,
      [LABEL.podNamespace]: pod.namespace,
      [LABEL.podUid]: pod.uid,
    },
    annotations: {
      ...(metadata.annotations ?? {}),
      [ANNOTATION.configSource]: pod.source,
      ...(pod.file === '' ? {} : { [ANNOTATION.manifestFile]: pod.file }),
    },
    linux: {
      cgroupParent: input.cgroupParent,
      securityContext: sandboxSecurityContext(spec, input.userns),
      ...sandboxResources(pod.pod, input.cgroups),
      sysctls: Object.fromEntries((spec.securityContext?.sysctls ?? []).map(s => [s.name, s.value])),
    },
  });
}

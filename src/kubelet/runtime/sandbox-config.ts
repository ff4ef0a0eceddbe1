import { PodSandboxConfig, Protocol } from '../../rpc/cri-api.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import { type DnsInput, podDns } from './dns.ts';
import { ANNOTATION, LABEL } from './labels.ts';
import { kernelHostname } from './pod-hostname.ts';
import { sandboxSecurityContext } from './security-context.ts';

export interface SandboxConfigInput {
  readonly pod: DesiredPod;
  readonly attempt: number;
  readonly logDirectory: string;
  readonly cgroupParent: string;
  readonly dns: Pick<DnsInput, 'host' | 'clusterDns' | 'clusterDomain'>;
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
    dnsConfig: podDns({ spec, namespace: pod.namespace, ...input.dns }),
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
      securityContext: sandboxSecurityContext(spec),
      sysctls: Object.fromEntries((spec.securityContext?.sysctls ?? []).map(s => [s.name, s.value])),
    },
  });
}

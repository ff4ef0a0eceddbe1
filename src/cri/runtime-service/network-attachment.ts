import { NamespaceMode, type PodSandboxConfig, Protocol } from '../../rpc/cri-api.ts';
import type { NetworkAttachment } from '../network/ports.ts';
import type { SandboxRecord } from '../store/sandbox-record.ts';

/** True when the pod shares the machine's network: no namespace, no plugin, no IP of its own. Pure. */
export function usesHostNetwork(config: PodSandboxConfig): boolean {
  return config.linux?.securityContext?.namespaceOptions?.network === NamespaceMode.NODE;
}

/** What the network is told of a sandbox; the same at ADD and at DEL, also after a restart. Pure. */
export function networkAttachment(record: SandboxRecord & { readonly netnsPath: string }): NetworkAttachment {
  const { config } = record;
  const { name = '', namespace = '', uid = '' } = config.metadata ?? {};
  return {
    sandboxId: record.id,
    netnsPath: record.netnsPath,
    pod: { name, namespace, uid },
    hostname: config.hostname,
    annotations: config.annotations,
    portMappings: config.portMappings
      // A mapping without a host port is a mere declaration.
      .filter(p => p.hostPort > 0)
      .map(p => ({
        protocol: protocolName(p.protocol),
        containerPort: p.containerPort,
        hostPort: p.hostPort,
        hostIp: p.hostIp,
      })),
    dns: {
      servers: config.dnsConfig?.servers ?? [],
      searches: config.dnsConfig?.searches ?? [],
      options: config.dnsConfig?.options ?? [],
    },
    cgroupParent: config.linux?.cgroupParent ?? '',
  };
}

function protocolName(protocol: Protocol): 'tcp' | 'udp' | 'sctp' {
  if (protocol === Protocol.UDP) return 'udp';
  return protocol === Protocol.SCTP ? 'sctp' : 'tcp';
}

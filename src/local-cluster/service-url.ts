import type { Service } from '../api/types/gen/core-v1.ts';
import { failedPrecondition } from '../base/errors.ts';

/**
 * Where the machine reaches a service at a node's address: a URL for each of its ports. Throws `failed-precondition` that says what to do when it has no
 * node ports.
 */
export function serviceUrls({ metadata, spec }: Service, address: string): readonly { port: string; url: string }[] {
  const rows = (spec?.ports ?? []).flatMap(({ name, port, nodePort, protocol }) =>
    nodePort === undefined || nodePort === 0
      ? []
      : [{ port: name ?? String(port), url: `${schemeOf(name, port, protocol)}://${address}:${nodePort}` }],
  );
  if (rows.length === 0)
    throw failedPrecondition(
      `the service "${metadata.name}" has no node port (its type is ${spec?.type ?? 'ClusterIP'}): kubectl patch service ${metadata.name} --namespace ${metadata.namespace ?? 'default'} --patch '{"spec": {"type": "NodePort"}}'`,
    );
  return rows;
}

function schemeOf(name: string | undefined, port: number, protocol: string | undefined): string {
  if (protocol === 'UDP' || protocol === 'SCTP') return protocol.toLowerCase();
  return port === 443 || name === 'https' ? 'https' : 'http';
}

import { describe, expect, it } from 'vitest';
import type { Service } from '../../../src/api/types/gen/core-v1.ts';
import { serviceUrls } from '../../../src/local-cluster/service-url.ts';

const serviceOf = (spec: object): Service =>
  ({ metadata: { name: 'web', namespace: 'team' }, spec }) as unknown as Service;

describe('the URLs of a service', () => {
  it('name the node and a node port for each port, with the scheme that the port tells', () => {
    const ports = [
      { port: 80, nodePort: 30080 },
      { name: 'https', port: 8443, nodePort: 30443 },
      { name: 'dns', port: 53, nodePort: 30053, protocol: 'UDP' },
    ];
    expect(serviceUrls(serviceOf({ type: 'NodePort', ports }), '10.210.0.2')).toEqual([
      { port: '80', url: 'http://10.210.0.2:30080' },
      { port: 'https', url: 'https://10.210.0.2:30443' },
      { port: 'dns', url: 'udp://10.210.0.2:30053' },
    ]);
  });

  it('are not there without node ports, and the error says how to get some', () => {
    expect(() => serviceUrls(serviceOf({ type: 'ClusterIP', ports: [{ port: 80 }] }), '10.210.0.2')).toThrow(
      `the service "web" has no node port (its type is ClusterIP): kubectl patch service web --namespace team --patch '{"spec": {"type": "NodePort"}}'`,
    );
  });
});

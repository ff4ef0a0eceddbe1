import { describe, expect, it } from 'vitest';
import type { Service } from '../../../../../../src/api/types/gen/core-v1.ts';
import { ownIps } from '../../../../../../src/apiserver/resources/core/service/allocate.ts';

const service = (clusterIPs: readonly string[]): Service =>
  ({
    metadata: {},
    spec: { type: 'ClusterIP', clusterIP: clusterIPs[0], clusterIPs: [...clusterIPs] },
  }) as unknown as Service;

describe('the addresses that a service holds', () => {
  it.each([
    ['each once', ['10.96.0.7', '10.96.0.7'], ['10.96.0.7']],
    ['in their usual form', ['10.96.0.7', 'FD00::0:7'], ['10.96.0.7', 'fd00::7']],
    ['none that is not one, as somebody may have written past the API server', ['', '10.96.0.7', 'x'], ['10.96.0.7']],
  ])('are told %s', (_, stored, expected) => {
    expect(ownIps(service(stored))).toEqual(expected);
  });
});

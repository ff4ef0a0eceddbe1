import { describe, expect, it } from 'vitest';
import type { EndpointSubset } from '../../../../src/api/types/gen/core-v1.ts';
import { endpointChoices } from '../../../../src/apiserver/proxy/pick-endpoint.ts';

const subsets = [
  { addresses: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }, { ip: '10.0.0.3' }], ports: [{ name: 'http', port: 8080 }] },
  { notReadyAddresses: [{ ip: '10.0.0.4' }], ports: [{ name: 'http', port: 8080 }] },
  { addresses: [{ ip: '10.0.0.5' }], ports: [{ name: 'http', port: 8081 }, { port: 9090 }] },
] as unknown as EndpointSubset[];
const tried = (port: string, random: number) =>
  [...endpointChoices(subsets, port, () => random)].map(({ address, port: number }) => `${address.ip}:${number}`);

describe('the endpoints of a port', () => {
  it.each([
    ['http', 0, ['10.0.0.1:8080', '10.0.0.2:8080', '10.0.0.3:8080', '10.0.0.5:8081']],
    ['http', 0.99, ['10.0.0.5:8081', '10.0.0.3:8080', '10.0.0.1:8080', '10.0.0.2:8080']],
    ['', 0, ['10.0.0.5:9090']],
    ['dns', 0, []],
  ])('named %j are each tried once, from a random one on (%d)', (port, random, choices) =>
    expect(tried(port, random)).toEqual(choices),
  );
});

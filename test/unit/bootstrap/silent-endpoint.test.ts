import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { silentEndpoint, silentEndpointRemedy, silentEndpointText } from '../../../src/bootstrap/silent-endpoint.ts';

const OWN = 'https://10.0.0.5:6443';
const SERVER = 'https://api.example:6443';

describe('an endpoint that gives no answer', () => {
  it('is told with where the API server answers', () => {
    expect(silentEndpointText({ server: SERVER, own: OWN, because: 'getaddrinfo ENOTFOUND api.example' })).toBe(
      `the control-plane endpoint api.example:6443, by which nodes ask the API server, does not lead to it (getaddrinfo ENOTFOUND api.example), which answers at ${OWN}`,
    );
  });

  it.each([
    [
      'getaddrinfo ENOTFOUND api.example',
      SERVER,
      /^give api\.example .*echo "10\.0\.0\.5 api\.example" >>\/etc\/hosts$/,
    ],
    ['getaddrinfo EAI_AGAIN api.example', SERVER, /^give api\.example an address/],
    ['connect ENETUNREACH 192.0.2.1:6443', 'https://192.0.2.1:6443', /^"getent ahosts 192\.0\.2\.1" and "ip route get/],
    ['connect EHOSTUNREACH fd00::9', 'https://[fd00::9]:6443', /^"getent ahosts fd00::9" and "ip route get/],
    ['connect ECONNREFUSED 192.0.2.1:6443', SERVER, /leads to https:\/\/10\.0\.0\.5:6443/],
    ['no answer within 2.5 s', SERVER, /a firewall\) runs and leads to https:\/\/10\.0\.0\.5:6443/],
  ])('for %s is mended by what that needs', (because, server, remedy) => {
    expect(silentEndpointRemedy({ server, own: OWN, because })).toMatch(remedy);
  });

  it('is told from one that answers', async () => {
    const none = createServer();
    await new Promise<void>(resolve => void none.listen(0, '127.0.0.1', resolve));
    const { port } = none.address() as AddressInfo;
    await new Promise(resolve => none.close(resolve));
    const server = `https://127.0.0.1:${port}`;
    const because = expect.stringContaining('ECONNREFUSED');
    expect(await silentEndpoint({ server, namespace: 'default' }, OWN)).toEqual({ server, own: OWN, because });
  });
});

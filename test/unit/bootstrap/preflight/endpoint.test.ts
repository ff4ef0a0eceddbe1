import { describe, expect, it } from 'vitest';
import {
  type EndpointFacts,
  endpointFindings,
  endpointHost,
  readEndpoint,
} from '../../../../src/bootstrap/preflight/endpoint.ts';

const HERE = { advertiseAddress: '10.0.0.5', stands: false };
/** Whatever routes there are: the kernel lets nobody speak to all without being asked to. */
const NOWHERE = '255.255.255.255';
const known =
  (...addresses: string[]) =>
  async () => ({ addresses, problem: undefined });
const unknown = (problem: string) => async () => ({ addresses: [], problem });

describe('the endpoint of a cluster', () => {
  it.each([
    ['api.example:6443', 'api.example'],
    ['10.0.0.9:443', '10.0.0.9'],
    ['[fd00::9]:6443', 'fd00::9'],
  ])('%s is of the host %s', (endpoint, host) => {
    expect(endpointHost(endpoint)).toBe(host);
  });

  it.each([
    ['a name that leads here', 'api.example:6443', known('127.0.0.1')],
    ['a name with one address that a way leads to', 'api.example:6443', known(NOWHERE, '127.0.0.1')],
    ['an address', '127.0.0.1:6443', unknown('not asked')],
    ['a name of which nothing can be said', 'api.example:6443', known()],
  ])('is nothing to speak of where it is %s', async (_, endpoint, lookUp) => {
    expect(await readEndpoint({ endpoint, ...HERE }, lookUp)).toBeUndefined();
  });

  it.each([
    ['a name that nobody knows', 'api.example:6443', unknown('nobody'), 'api.example', 'nobody', []],
    ['a name without a way', 'api.example:6443', known(NOWHERE), 'api.example', undefined, [NOWHERE]],
    ['an address without a way', `${NOWHERE}:6443`, unknown('not asked'), NOWHERE, undefined, [NOWHERE]],
  ])('is told of where it is %s', async (_, endpoint, lookUp, host, because, addresses) => {
    expect(await readEndpoint({ endpoint, ...HERE }, lookUp)).toEqual({ endpoint, ...HERE, host, because, addresses });
  });

  it('is looked up as programs of this machine do', async () => {
    expect(await readEndpoint({ endpoint: 'localhost:6443', ...HERE })).toBeUndefined();
    expect(await readEndpoint({ endpoint: 'nosuch.invalid:6443', ...HERE })).toMatchObject({ host: 'nosuch.invalid' });
  }, 10_000);

  it.each<[EndpointFacts, string, string]>([
    [
      { endpoint: 'api.example:6443', host: 'api.example', because: 'nobody knows it', addresses: [], ...HERE },
      'the name api.example of the control-plane endpoint api.example:6443, by which nodes, this one too, ask the API server, does not resolve here: nobody knows it',
      'give it an address in your DNS, or in /etc/hosts of each node; where that is the one of this machine: echo "10.0.0.5 api.example" >>/etc/hosts',
    ],
    [
      { endpoint: 'api.example:6443', host: 'api.example', because: undefined, addresses: ['192.0.2.1'], ...HERE },
      'there is no route to the control-plane endpoint api.example:6443 (192.0.2.1), by which nodes, this one too, ask the API server',
      '"ip route get 192.0.2.1" shows what the kernel knows: add a route, or set up the link that leads there',
    ],
    [
      { endpoint: '192.0.2.1:6443', host: '192.0.2.1', because: undefined, addresses: ['192.0.2.1'], ...HERE },
      'there is no route to the control-plane endpoint 192.0.2.1:6443, by which nodes, this one too, ask the API server',
      '"ip route get 192.0.2.1" shows what the kernel knows: add a route, or set up the link that leads there',
    ],
  ])('is an error with what mends it: %j', (facts, message, mend) => {
    expect(endpointFindings(facts)).toEqual([{ check: 'ControlPlaneEndpoint', message, mend, severity: 'error' }]);
    // a second run may be what mends a node whose name servers are away
    expect(endpointFindings({ ...facts, stands: true })).toMatchObject([{ message, mend, severity: 'warning' }]);
  });
});

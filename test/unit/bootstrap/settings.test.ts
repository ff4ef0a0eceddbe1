import { describe, expect, it } from 'vitest';
import { apiServerUrl, apiServiceAddress, checkInitSettings, dnsAddress } from '../../../src/bootstrap/settings.ts';
import { generateToken, parseToken } from '../../../src/bootstrap/token.ts';
import { initSettings } from './init-settings.ts';

describe('settings of a cluster', () => {
  it('give the first and the tenth address of the services to the API and the DNS', () => {
    const { cluster } = initSettings({ serviceSubnet: '10.43.0.0/16' });
    expect([apiServiceAddress(cluster), dnsAddress(cluster)]).toEqual(['10.43.0.1', '10.43.0.10']);
  });

  it('name the API server by its address, IPv6 in brackets', () => {
    expect(apiServerUrl(initSettings())).toBe('https://10.0.0.5:6443');
    expect(apiServerUrl(initSettings({}, { advertiseAddress: 'fd00::5' }))).toBe('https://[fd00::5]:6443');
  });

  it.each([
    ['a node name in capitals', {}, { nodeName: 'N1' }, '"N1" is no node name'],
    ['an address that is none', {}, { advertiseAddress: 'here' }, '"here" is not an IP address'],
    ['port 0', {}, { bindPort: 0 }, 'port 0 is not between'],
    ['services without room for the DNS', { serviceSubnet: '10.96.0.0/29' }, {}, 'between /12 and /28'],
    ['pods without room for nodes', { podSubnet: '10.244.0.0/25' }, {}, 'between /8 and /24'],
    ['pods over IPv6', { podSubnet: 'fd00::/48' }, {}, 'IPv6 is not supported here yet'],
    ['a domain with a blank', { dnsDomain: 'a b' }, {}, '"a b" is no domain name'],
  ])('are refused with %s', (_, cluster, more, because) => {
    expect(() => checkInitSettings(initSettings(cluster, more))).toThrow(because);
  });
});

describe('a bootstrap token', () => {
  it('is made in the form in which it is read', () => {
    const text = generateToken();
    const { id, secret } = parseToken(text);
    expect(`${id}.${secret}`).toBe(text);
    expect(generateToken()).not.toBe(text);
  });

  it.each(['', 'abcdef', 'abcdef.0123456789abcde', 'ABCDEF.0123456789abcdef', 'abcdef.0123456789abcdef\n'])(
    'is not %j, and the error does not repeat it',
    text => {
      expect(() => parseToken(text)).toThrow('the bootstrap token is not of the form "[a-z0-9]{6}.[a-z0-9]{16}"');
    },
  );
});

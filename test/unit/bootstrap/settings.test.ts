import { describe, expect, it } from 'vitest';
import {
  apiServerUrl,
  apiServiceAddress,
  checkNodeName,
  clusterUrl,
  dnsAddress,
} from '../../../src/bootstrap/settings.ts';
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

  it('name the cluster by its endpoint, and else by this node', () => {
    expect(clusterUrl(initSettings())).toBe('https://10.0.0.5:6443');
    expect(clusterUrl(initSettings({ controlPlaneEndpoint: 'api.example:443' }))).toBe('https://api.example:443');
  });

  it.each(['N1', '', 'a_b', '-a'])('take no node of the name %j', name => {
    expect(() => checkNodeName(name)).toThrow(`"${name}" is no node name`);
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

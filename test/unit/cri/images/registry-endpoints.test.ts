import { describe, expect, it } from 'vitest';
import { parseHostsFile } from '../../../../src/cri/images/hosts-file.ts';
import { type RegistrySettings, registryEndpoints } from '../../../../src/cri/images/registry-endpoints.ts';

const NONE: RegistrySettings = { insecure: [], mirrors: {} };

function endpointsOf(
  registry: string,
  settings: Partial<RegistrySettings>,
  hosts?: string,
): readonly (readonly unknown[])[] {
  const entries = hosts === undefined ? undefined : parseHostsFile(hosts, '/d');
  return registryEndpoints(registry, { ...NONE, ...settings }, entries).map(e => [
    `${e.scheme}://${e.host}${e.root}`,
    e.otherScheme,
    e.mirrorOf,
  ]);
}

describe('where the images of a registry are', () => {
  it.each([
    ['at the registry itself', 'reg.example', {}, 'https://reg.example/v2', undefined],
    ["Docker's registry has another name", 'docker.io', {}, 'https://registry-1.docker.io/v2', undefined],
    ['loopback is tried in plain HTTP first', '127.0.0.1:5000', {}, 'http://127.0.0.1:5000/v2', 'https'],
    ['insecure is plain HTTP', 'reg.example', { insecure: ['reg.example'] }, 'http://reg.example/v2', undefined],
  ])('%s', (_sentence, registry, settings, url, other) => {
    expect(endpointsOf(registry, settings)).toEqual([[url, other, undefined]]);
  });

  it('at the mirrors of the configuration, then the hosts of its hosts.toml, then the server', () => {
    const mirrors = { 'docker.io': ['https://harbor.example/hub/', 'http://10.0.0.5:5000'] };
    expect(endpointsOf('docker.io', { mirrors }, '[host."https://m.example"]')).toEqual([
      ['https://harbor.example/v2/hub', undefined, 'docker.io'],
      ['http://10.0.0.5:5000/v2', undefined, 'docker.io'],
      ['https://m.example/v2', undefined, 'docker.io'],
      ['https://registry-1.docker.io/v2', undefined, undefined],
    ]);
  });

  it.each([
    [
      'a server that is the registry is no mirror',
      'server = "https://reg.example"',
      ['https://reg.example/v2', undefined, undefined],
    ],
    ['another server is one', 'server = "http://copy.example"', ['http://copy.example/v2', undefined, 'reg.example']],
    [
      'certificates for plain HTTP mean HTTPS first',
      'server = "http://reg.example"\nca = "a"',
      ['https://reg.example/v2', 'http', undefined],
    ],
    [
      'but not on port 80',
      'server = "http://reg.example:80"\nca = "a"',
      ['http://reg.example:80/v2', undefined, 'reg.example'],
    ],
  ])('%s', (_sentence, hosts, endpoint) => {
    expect(endpointsOf('reg.example', {}, hosts)).toEqual([endpoint]);
  });

  it("Docker's name for itself stands for its server in a hosts.toml too", () => {
    expect(endpointsOf('docker.io', {}, 'server = "https://docker.io"')).toEqual([
      ['https://registry-1.docker.io/v2', undefined, undefined],
    ]);
  });
});

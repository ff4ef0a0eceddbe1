import { describe, expect, it } from 'vitest';
import { hostDirectoryNames } from '../../../../src/cri/images/host-directory.ts';
import { parseHostsFile } from '../../../../src/cri/images/hosts-file.ts';

const DIRECTORY = '/etc/gantry/certs.d/docker.io';
const entriesOf = (text: string): ReturnType<typeof parseHostsFile> => parseHostsFile(text, DIRECTORY);
const hostOf = (lines: string): ReturnType<typeof parseHostsFile>[number] | undefined =>
  entriesOf(`[host."https://m.example"]\n${lines}`)[0];

describe('a hosts.toml', () => {
  it('names its hosts in their order and the server last', () => {
    const entries = entriesOf(`
      server = "https://registry-1.docker.io"
      [host."https://z.example"]
        capabilities = ["pull", "resolve"]
      [host."https://a.example".header]
        x-team = "a"
      [host."http://10.0.0.5:5000"]
        capabilities = ["pull"]
    `);
    expect(entries.map(e => [e.url?.scheme, e.url?.host, e.canResolve])).toEqual([
      ['https', 'z.example', true],
      ['https', 'a.example', true],
      ['http', '10.0.0.5:5000', false],
      ['https', 'registry-1.docker.io', true],
    ]);
  });

  it('without a server ends with the registry itself, which can do all', () => {
    expect(entriesOf('capabilities = ["push"]\nskip_verify = true')).toEqual([
      {
        isServer: true,
        url: undefined,
        canPull: true,
        canResolve: true,
        tls: { caFiles: [], clientPairs: [], skipVerify: true },
        headers: {},
        dialTimeoutMs: undefined,
      },
    ]);
  });

  it.each([
    ['an address alone has /v2', 'https://m.example', '', '/v2'],
    ['a path has /v2 behind it', 'https://m.example/hub', '', '/hub/v2'],
    ['a path that ends so stays', 'https://m.example/v2/hub/v2', '', '/v2/hub/v2'],
    ['a slash at the end counts for nothing', 'https://m.example/hub/', '', '/hub/v2'],
    ['override_path takes the path as it is', 'https://m.example/v2/hub', 'override_path = true', '/v2/hub'],
    ['override_path without a path is the root', 'https://m.example', 'override_path = true', ''],
    ['an address without a scheme is https', 'm.example:5000', '', '/v2'],
  ])('%s', (_sentence, url, line, root) => {
    expect(entriesOf(`[host."${url}"]\n${line}`)[0]?.url).toMatchObject({ root });
  });

  it.each([
    ['one file beside it', 'ca = "ca.crt"', { caFiles: [`${DIRECTORY}/ca.crt`] }],
    ['several files', 'ca = ["/etc/a.pem", "b.pem"]', { caFiles: ['/etc/a.pem', `${DIRECTORY}/b.pem`] }],
    ['a client file with both', 'client = "/c.pem"', { clientPairs: [['/c.pem', '/c.pem']] }],
    ['client files with both', 'client = ["/c.pem"]', { clientPairs: [['/c.pem', '/c.pem']] }],
    [
      'pairs, of which one has no key',
      'client = [["/c.cert", "/c.key"], ["/d.pem", ""]]',
      {
        clientPairs: [
          ['/c.cert', '/c.key'],
          ['/d.pem', '/d.pem'],
        ],
      },
    ],
    ['skip_verify', 'skip_verify = true', { skipVerify: true }],
  ])('reads certificates: %s', (_sentence, line, tls) => {
    expect(hostOf(line)?.tls).toMatchObject(tls);
  });

  it('reads headers, whose names are in lower case and whose lists are joined', () => {
    expect(hostOf('[host."https://m.example".header]\nX-A = "1"\nx-b = ["2", "3"]')?.headers).toEqual({
      'x-a': '1',
      'x-b': '2, 3',
    });
  });

  it.each([
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['1.5s', 1500],
    ['250ms', 250],
  ])('reads the dial_timeout %s', (text, ms) => {
    expect(hostOf(`dial_timeout = "${text}"`)?.dialTimeoutMs).toBe(ms);
  });

  it.each([
    ['what is no TOML', 'server = ', /^line 1: /],
    ['an unknown capability', '[host."https://m"]\ncapabilities = ["fly"]', /host\."https:\/\/m"\.capabilities: "fly"/],
    ['a number for a CA', '[host."https://m"]\nca = 3', /host\."https:\/\/m"\.ca must be a string/],
    ['a pair of three', '[host."https://m"]\nclient = [["a", "b", "c"]]', /client: a pair is a certificate and a key/],
    ['a word for skip_verify', 'skip_verify = "yes"', /skip_verify must be true or false/],
    ['an address that is none', '[host."http://"]', /"http:\/\/" is not an http or https address/],
    ['a header that would break the request', '[host."https://m".header]\nx-a = "1\\n2"', /is not a header of HTTP/],
    ['a time without a unit', '[host."https://m"]\ndial_timeout = "10"', /"10" is not a duration/],
    ['a host that is no table', 'host = "m.example"', /host must be a table/],
  ])('refuses %s', (_sentence, text, message) => {
    expect(() => entriesOf(text)).toThrow(message);
  });
});

describe('the directory of a registry', () => {
  it.each([
    ['docker.io', ['docker.io', '_default']],
    ['reg.example:5000', ['reg.example_5000_', 'reg.example:5000', '_default']],
  ])('of %s is looked for as %j', (registry, names) => {
    expect(hostDirectoryNames(registry)).toEqual(names);
  });
});

import { parse as parseToml } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { fileItems } from '../../../../src/diagnosis/bundle/sources/configuration-file.ts';
import { shownItem } from '../../../../src/diagnosis/bundle/write-bundle.ts';

/** Nothing but its place tells that it is a secret. */
const S = 'AKCp8kqMx7';
const HOSTS = '/etc/gantry/certs.d/docker.io/hosts.toml';

/** What of a file is in a bundle, and what the manifest says of it. */
const shown = (path: string, text: string): string =>
  fileItems(path, text)
    .map(item => ('missing' in item ? `missing: ${item.missing}` : shownItem(item, []).text))
    .join('\n');

describe('of hosts.toml a bundle has no value of a header, whatever its name,', () => {
  it.each<[string, string]>([
    ['in a table', `[host."https://mirror.example".header]\nX-JFrog-Art-Api = ["${S}"]\n`],
    ['in a table of quoted names', `["host"."https://mirror.example"."header"]\n"X-JFrog-Art-Api" = "${S}"\n`],
    ['in a table of literal names', `[host.'https://mirror.example'.'header']\n'X-JFrog-Art-Api' = '${S}'\n`],
    ['in an inline table', `[host."https://mirror.example"]\nheader = { X-JFrog-Art-Api = ["${S}", "b"] }\n`],
    ['behind dots', `[host."https://mirror.example"]\nheader.X-JFrog-Art-Api = "${S}"\n`],
    ['behind dots from the top', `host."https://mirror.example".header."X-JFrog-Art-Api" = """\n${S}"""\n`],
    [
      'on several lines',
      `[host."https://mirror.example"]\n[ host . "https://mirror.example" . header ]\nX-JFrog-Art-Api = [\n  '${S}', # first\n]\n`,
    ],
    [
      'with letters that are escaped',
      `[host."https://mirror.example".head\u0065r]\n`.replace('head\u0065r', '"head\\u0065r"') +
        `X-JFrog-Art-Api = "\\u0041${S.slice(1)}"\n`,
    ],
  ])('%s', (_, text) => {
    const said = shown(HOSTS, `server = "https://registry.example"\n# ${S}\n${text}`);
    expect(said).not.toContain(S.slice(1));
    const { server, host } = parseToml(said) as Record<string, Record<string, { header: object }>>;
    expect(server).toBe('https://registry.example');
    expect(Object.keys(host?.['https://mirror.example']?.header ?? {})).toEqual(['X-JFrog-Art-Api']);
  });

  it('nor those for the server itself, and keeps what tells how it is set up', () => {
    const text = `server = "https://me:${S}@registry.example"
capabilities = ["pull", "resolve"]
[header]
  X-One = "${S}"
[host."https://me:${S}@mirror.example"]
  capabilities = ["pull"]
  ca = ["/etc/certs/one.crt"]
  client = [["/etc/certs/c.crt", "/etc/certs/c.key"]]
  skip_verify = true
  dial_timeout = "3s"
`;
    const said = shown(HOSTS, text);
    expect(said).not.toContain(S);
    expect(parseToml(said)).toMatchObject({
      capabilities: ['pull', 'resolve'],
      header: { 'X-One': expect.stringContaining('redacted') },
      host: {
        'https://[redacted]@mirror.example': {
          capabilities: ['pull'],
          ca: ['/etc/certs/one.crt'],
          client: [['/etc/certs/c.crt', '/etc/certs/c.key']],
          skip_verify: true,
          dial_timeout: '3s',
        },
      },
    });
  });

  it('and nothing of one that is no TOML', () => {
    const said = shown(HOSTS, `[host."x".header]\nX-One = ${S}\n`);
    expect(said).toBe('missing: it is no TOML, so that secrets in it cannot be told from the rest');
  });
});

it.each<[string, string]>([
  [
    '/etc/gantry/cri.yaml',
    `registries:\n  mirrors:\n    a:\n      - url: https://m\n        headers:\n          X-One: ${S}\n`,
  ],
  ['/etc/gantry/more/other.yml', `header: {X-One: [${S}]}\nHttpHeaders:\n  - name: X-Two\n    value: ${S}\n`],
  [
    '/etc/gantry/docker.json',
    `{"HttpHeaders": {"X-One": "${S}"}, "auths": {"r": {"auth": "${S}", "identitytoken": "${S}", "password": "${S}"}}}`,
  ],
  ['/etc/cni/net.d/10-x.conflist', `{"plugins": [{"type": "x", "headers": {"X-One": "${S}"}}]}`],
  ['/etc/cni/net.d/10-x.conf', `{"type": "x", "headers": {"X-One": "${S}"}}`],
])('of %s, too, the names of headers stay alone, and no credentials', (path, text) => {
  const said = shown(path, text);
  expect(said).not.toContain(S);
  expect(said).toContain('X-One');
  expect(parse(said)).toBeTypeOf('object');
});

it.each(['/etc/gantry/x.yaml', '/etc/cni/net.d/10-x.conf'])('%s that is no YAML is left out', path => {
  expect(shown(path, `a: [\n${S}: {`)).toBe(
    'missing: it is no YAML, so that secrets in it cannot be told from the rest',
  );
});

import { describe, expect, it } from 'vitest';
import { DEFAULT_CRI_CONFIG } from '../../../src/cri/config.ts';
import { parseCriConfig } from '../../../src/cri/config-file.ts';

describe('the configuration file', () => {
  it('short names', () => {
    const text =
      'registries: { shortNames: { defaultRegistry: "reg.example", aliases: { web: reg.example/team/web } } }';
    expect(parseCriConfig(text, 'cri.yaml').registries.shortNames).toEqual({
      defaultRegistry: 'reg.example',
      aliases: { web: 'reg.example/team/web' },
    });
  });

  it.each([
    [
      'registries: { shortNames: { defaultRegistry: library } }',
      'registries.shortNames.defaultRegistry must be a registry',
    ],
    [
      'registries: { shortNames: { aliases: { web: team/web } } }',
      'registries.shortNames.aliases.web: "team/web" names no registry',
    ],
    ['registries: { dockerConfigs: [config.json] }', 'registries.dockerConfigs[0] must be an absolute path'],
    ['cgroupDriver: Systemd', 'cgroupDriver must be systemd, cgroupfs or'],
    ['images: { concurrentLayers: 0 }', 'images.concurrentLayers must be a whole number that is above zero'],
  ])('%s is refused', (text, message) => {
    expect(() => parseCriConfig(text, 'cri.yaml')).toThrow(message);
  });

  it.each([
    ['an empty file is all defaults', '', {}],
    ['a comment alone is all defaults', '# nothing\n', {}],
    ['a named field replaces its default', 'runtime: runc\n', { runtime: 'runc' }],
    [
      'a nested one leaves its neighbours',
      'cni:\n  confDir: /tmp/net.d\n',
      { cni: { ...DEFAULT_CRI_CONFIG.cni, confDir: '/tmp/net.d' } },
    ],
    [
      'lists',
      'registries: { insecure: ["10.0.0.1:5000"] }',
      { registries: { ...DEFAULT_CRI_CONFIG.registries, insecure: ['10.0.0.1:5000'] } },
    ],
    [
      'mirrors',
      'registries: { mirrors: { docker.io: ["http://10.0.0.1:5000/hub"] } }',
      { registries: { ...DEFAULT_CRI_CONFIG.registries, mirrors: { 'docker.io': ['http://10.0.0.1:5000/hub'] } } },
    ],
    [
      'where streams are served',
      'streaming: { address: "10.0.0.1:4000", tlsCertFile: /a.crt, tlsKeyFile: /a.key }',
      { streaming: { address: '10.0.0.1:4000', tlsCertFile: '/a.crt', tlsKeyFile: '/a.key' } },
    ],
    [
      'no streams',
      'streaming: { address: null }',
      { streaming: { ...DEFAULT_CRI_CONFIG.streaming, address: undefined } },
    ],
    [
      'runtime handlers',
      'runtimes: { kata: { path: /opt/kata }, crun: { path: /opt/crun } }',
      { runtimes: { kata: { path: '/opt/kata' }, crun: { path: '/opt/crun' } } },
    ],
    ['no pause processes', 'dropInfra: true\n', { dropInfra: true }],
    ['groups made by systemd', 'cgroupDriver: systemd\n', { cgroupDriver: 'systemd' }],
    ['no metrics', 'metricsAddress: null\n', { metricsAddress: undefined }],
    ['IPv6', 'metricsAddress: "[::1]:10260"\n', { metricsAddress: '[::1]:10260' }],
  ])('%s', (_sentence, text, expected) => {
    expect(parseCriConfig(text, 'cri.yaml')).toEqual({ ...DEFAULT_CRI_CONFIG, ...expected });
  });

  it.each([
    ['an unknown field', 'root: /x\nsokcet: /y\n', 'cri.yaml:2: unknown field "sokcet"; known are socket'],
    ['an unknown nested field', 'cni:\n  confdir: /x\n', 'cri.yaml:2: unknown field "cni.confdir"; known are confDir'],
    ['a field of Object', 'constructor: x\n', 'unknown field "constructor"'],
    ['a doubled field', 'root: /x\nroot: /y\n', 'cri.yaml:2: Map keys must be unique'],
    ['a relative path', '\nroot: data\n', 'cri.yaml:2: root must be an absolute path, not "data"'],
    ['a number for a text', 'runtime: 5\n', 'cri.yaml:1: runtime must be a string'],
    ['a text for a list', 'cni:\n  binDirs: /opt/cni/bin\n', 'cri.yaml:2: cni.binDirs must be a list'],
    ['a mapping in a list', 'cni:\n  binDirs:\n  - a: b\n', 'cri.yaml:3: cni.binDirs[0] must be a string'],
    ['a list for a mapping', 'cni: []\n', 'cri.yaml:1: cni must be a mapping'],
    [
      'a mirror that is no address',
      'registries:\n  mirrors:\n    docker.io: [mirror:5000]\n',
      'cri.yaml:3: registries.mirrors.docker.io[0] must be http://host[:port][/path] or https://…, not "mirror:5000"',
    ],
    [
      'a mirror with a password',
      'registries: { mirrors: { a.b: ["https://me:it@c.d"] } }',
      'registries.mirrors.a.b[0] must be http://',
    ],
    [
      'a mirror beside its list',
      'registries: { mirrors: { a.b: "https://c.d" } }',
      'registries.mirrors.a.b must be a list',
    ],
    ['a handler that no class may have', 'runtimes: { Kata: { path: /k } }', '"Kata" is no name of a handler'],
    ['a handler without a path', 'runtimes: { kata: {} }', 'runtimes.kata.path is missing'],
    ['a handler that is a text', 'runtimes: { kata: /opt/kata }', 'runtimes.kata must be a mapping'],
    ['a field of a handler', 'runtimes: { kata: { root: /x } }', 'unknown field "runtimes.kata.root"; known are path'],
    ['a text for a flag', 'dropInfra: sometimes\n', 'cri.yaml:1: dropInfra must be true or false'],
    ['a negative number', 'images: { unpackRatio: -1 }\n', 'images.unpackRatio must be a whole number'],
    ['an address without a port', 'metricsAddress: localhost\n', 'metricsAddress must be host:port'],
    ['broken YAML', 'root: [\n', 'cri.yaml:'],
    ['a list at the top', '- root\n', 'cri.yaml:1: the file must be a mapping'],
  ])('%s is an error with file, line and field', (_sentence, text, message) => {
    expect(() => parseCriConfig(text, 'cri.yaml')).toThrow(message);
  });
});

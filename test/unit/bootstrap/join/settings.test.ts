import { describe, expect, it } from 'vitest';
import type { JoinConfiguration } from '../../../../src/api/types/gen/kubeadm-v1beta4.ts';
import { nodeAnswerProblem } from '../../../../src/bootstrap/join/find-cluster.ts';
import {
  type DiscoveryFlags,
  settingsOfConfiguration,
  settingsOfFlags,
} from '../../../../src/bootstrap/join/settings.ts';

const TOKEN = 'abcdef.0123456789abcdef';
const OTHER = 'bbbbbb.0123456789abcdef';
const PIN = `sha256:${'0'.repeat(64)}`;
const node = { nodeName: 'n2', addresses: ['10.0.0.6'], labels: {}, taints: [] };
const flags = (more: Partial<DiscoveryFlags>): DiscoveryFlags => ({
  endpoint: '10.0.0.5:6443',
  token: TOKEN,
  discoveryToken: '',
  tlsBootstrapToken: '',
  discoveryFile: '',
  pins: [PIN],
  skipCaVerification: false,
  ...more,
});

describe('the flags of join', () => {
  it('take one token for both ends, or one for each', () => {
    const { discovery, tlsBootstrapToken } = settingsOfFlags(flags({}), node);
    expect(discovery).toMatchObject({ endpoint: '10.0.0.5:6443', token: { id: 'abcdef' }, pins: [PIN] });
    expect(tlsBootstrapToken).toBe(TOKEN);
    const two = settingsOfFlags(flags({ token: '', discoveryToken: TOKEN, tlsBootstrapToken: OTHER }), node);
    expect([two.discovery, two.tlsBootstrapToken]).toEqual([
      expect.objectContaining({ token: { id: 'abcdef', secret: TOKEN.slice(7) } }),
      OTHER,
    ]);
  });

  it('take a file, with a token to log in or without', () => {
    const file = { endpoint: '', token: '', pins: [], discoveryFile: '/x.conf' };
    expect(settingsOfFlags(flags(file), node)).toMatchObject({ discovery: { file: '/x.conf' } });
    expect(settingsOfFlags(flags({ ...file, tlsBootstrapToken: OTHER }), node).tlsBootstrapToken).toBe(OTHER);
  });

  it.each<[string, Partial<DiscoveryFlags>, string]>([
    ['no cluster', { endpoint: '' }, 'which cluster?'],
    ['an address that is none', { endpoint: 'https://10.0.0.5' }, 'is not HOST:PORT'],
    [
      'a port that is none',
      { endpoint: '1.2.3.4:99999' },
      '"1.2.3.4:99999": the port 99999 is none, ports are 1 to 65535',
    ],
    ['port 0', { endpoint: '[fd00::5]:0' }, 'the port 0 is none'],
    ['a v6 address that is none', { endpoint: '[fd00::5::6]:6443' }, 'is not HOST:PORT'],
    ['an address of five parts', { endpoint: '1.2.3.4.5:6443' }, 'is not HOST:PORT'],
    ['a question behind a name', { endpoint: 'api?x:6443' }, 'is not HOST:PORT'],
    ['a user before a name', { endpoint: 'me@api:6443' }, 'is not HOST:PORT'],
    ['a blank behind a port', { endpoint: '10.0.0.5:6443 ' }, 'is not HOST:PORT'],
    ['no token', { token: '' }, 'give --token'],
    ['a token to find it by alone', { token: '', discoveryToken: TOKEN }, 'give --tls-bootstrap-token'],
    ['half a token', { token: 'abc' }, 'the bootstrap token is not of the form'],
    ['no pin', { pins: [] }, 'give --discovery-token-ca-cert-hash'],
    ['a file and an address', { discoveryFile: '/x' }, '--discovery-file says where the cluster is'],
  ])('are refused with %s', (_, more, because) => {
    expect(() => settingsOfFlags(flags(more), node)).toThrow(because);
  });

  it.each(['https://foo:bar/x', 'https://', 'http://a/x', 'x.conf', './x.conf', ' /x.conf'])(
    'are refused with the discovery file %j',
    discoveryFile => {
      expect(() => settingsOfFlags(flags({ endpoint: '', token: '', pins: [], discoveryFile }), node)).toThrow(
        `--discovery-file: "${discoveryFile}" is neither a path from / on nor an https:// URL`,
      );
    },
  );

  it('are refused without what may be secret in the URL of a discovery file', () => {
    const discoveryFile = 'http://user:secret@conf.example/x?token=tttt';
    expect(() => settingsOfFlags(flags({ endpoint: '', token: '', pins: [], discoveryFile }), node)).toThrow(
      '--discovery-file: "http://conf.example/x" is neither',
    );
  });

  it.each(['10.0.0.5:6443', '[fd00::5]:6443', '[::ffff:10.0.0.5]:1', 'api.example:65535', 'API_1:443'])(
    'take the address %s',
    endpoint => {
      expect(settingsOfFlags(flags({ endpoint }), node).discovery).toMatchObject({ endpoint });
    },
  );

  it('need no pin where that is asked for', () => {
    expect(settingsOfFlags(flags({ pins: [], skipCaVerification: true }), node).discovery).toMatchObject({ pins: [] });
  });
});

describe('a JoinConfiguration', () => {
  const config = (discovery: object) =>
    ({ discovery, nodeRegistration: { taints: [] } }) as unknown as JoinConfiguration;
  const bootstrapToken = { token: TOKEN, apiServerEndpoint: '10.0.0.5:6443', caCertHashes: [PIN] };

  it('says what flags would, and waits for a server that is still being made only where it says so', () => {
    const plain = settingsOfConfiguration(config({ bootstrapToken }), {}, node);
    expect(plain).toEqual(settingsOfFlags(flags({}), node));
    const patient = settingsOfConfiguration(config({ bootstrapToken }), { timeouts: { discovery: '10m0s' } }, node);
    expect(patient.timeouts).toEqual({ ...plain.timeouts, discoveryMs: 600_000 });
    const written = { timeouts: { tlsBootstrap: '1m0s', kubeletHealthCheck: '10s', kubernetesAPICall: '5s' } };
    expect(settingsOfConfiguration(config({ bootstrapToken }), written, node).timeouts).toEqual({
      ...plain.timeouts,
      tlsBootstrapMs: 60_000,
      kubeletMs: 10_000,
      apiCallMs: 5000,
    });
  });

  it('names a file, with a token to log in', () => {
    const file = { file: { kubeConfigPath: '/x.conf' }, tlsBootstrapToken: OTHER };
    expect(settingsOfConfiguration(config(file), {}, node)).toMatchObject({
      discovery: { file: '/x.conf' },
      tlsBootstrapToken: OTHER,
    });
  });
});

describe('the answer to a question for the Node', () => {
  const ready = (status: string) => JSON.stringify({ status: { conditions: [{ type: 'Ready', status }] } });
  it.each<[string, number, string, string | undefined]>([
    ['that there is none is fine', 404, '{}', undefined],
    ['that it is dead is fine: this may be it', 200, ready('Unknown'), undefined],
    ['that it lives ends the join', 200, ready('True'), 'a Node with name "n2" and status "Ready" already exists'],
    ['that the token is not known ends it', 401, '{}', 'does not take the token to log in with'],
    ['that it may not be asked ends it', 403, '{}', 'gantry init phase bootstrap-token'],
    ['that nobody is well ends it', 500, '', 'answers HTTP 500'],
  ])('%s', (_, status, body, expected) => {
    const problem = nodeAnswerProblem({ status, body }, 'n2', '10.0.0.5:6443');
    expect(problem).toEqual(expected === undefined ? undefined : expect.stringContaining(expected));
  });
});

import { describe, expect, it } from 'vitest';
import type { ClusterConfiguration, InitConfiguration } from '../../../../src/api/types/gen/kubeadm-v1beta4.ts';
import { initSettings, type MachineDefaults } from '../../../../src/bootstrap/configuration/init-settings.ts';
import { parseConfiguration } from '../../../../src/bootstrap/configuration/read-documents.ts';
import { KUBELET_FIELDS } from '../../../../src/kubelet/unheeded-fields.ts';

const MACHINE: MachineDefaults = {
  hostname: 'Node-1',
  address: () => '192.0.2.1',
  version: 'v1.36.0',
  newToken: () => 'abcdef.0123456789abcdef',
  now: Date.UTC(2026, 0, 1),
};
const KNOWN = {
  apiServer: ['service-node-port-range'],
  controllerManager: ['terminated-pod-gc-threshold'],
  scheduler: [],
  node: ['node-labels', 'node-ip', 'v', 'port', 'hostname-override'],
  kubeletFields: KUBELET_FIELDS,
};

const settingsOf = (
  init: object,
  cluster: object,
  machine: Partial<MachineDefaults> = {},
  skip: readonly string[] = [],
) => {
  const text = [
    { apiVersion: 'kubeadm.k8s.io/v1beta4', kind: 'InitConfiguration', ...init },
    { apiVersion: 'kubeadm.k8s.io/v1beta4', kind: 'ClusterConfiguration', ...cluster },
  ]
    .map(document => JSON.stringify(document))
    .join('\n---\n');
  const [first, second] = parseConfiguration(text, 'f').documents;
  return initSettings(
    {
      init: first?.object as InitConfiguration,
      cluster: second?.object as ClusterConfiguration,
      kubelet: {},
      proxy: {},
      skip,
    },
    { ...MACHINE, ...machine },
    KNOWN,
  );
};

describe('settings of a configuration', () => {
  it('are filled in from the machine', () => {
    expect(settingsOf({}, {})).toMatchObject({
      nodeName: 'node-1',
      advertiseAddress: '192.0.2.1',
      bindPort: 6443,
      taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }],
      tokens: [{ token: 'abcdef.0123456789abcdef', expires: Date.UTC(2026, 0, 2) }],
      cluster: { kubernetesVersion: 'v1.36.0', controlPlaneEndpoint: '' },
    });
  });

  it('take an empty list of taints for no taint', () => {
    expect(settingsOf({ nodeRegistration: { taints: [] } }, {}).taints).toEqual([]);
  });

  it.each(['stable', 'stable-1', 'stable-1.36', 'latest', 'latest-1', 'latest-1.36', 'v1.36.4', '1.36.0'])(
    'say the version of this program by %s',
    kubernetesVersion => {
      expect(settingsOf({}, { kubernetesVersion }).cluster.kubernetesVersion).toBe('v1.36.0');
    },
  );

  it.each([
    ['api.example', 'api.example:7443'],
    ['api.example:443', 'api.example:443'],
    ['2001:db8::1', '[2001:db8::1]:7443'],
    ['[2001:db8::1]:443', '[2001:db8::1]:443'],
  ])('give the endpoint %s the port of the API server where it has none', (controlPlaneEndpoint, expected) => {
    const { cluster } = settingsOf({ localAPIEndpoint: { bindPort: 7443 } }, { controlPlaneEndpoint });
    expect(cluster.controlPlaneEndpoint).toBe(expected);
  });

  it('take labels from the arguments of the kubelet, and hand on the rest', () => {
    const kubeletExtraArgs = [
      { name: 'node-labels', value: 'a=b, c=d' },
      { name: 'node-labels', value: 'e=' },
      { name: 'v', value: '2' },
    ];
    expect(settingsOf({ nodeRegistration: { kubeletExtraArgs } }, {})).toMatchObject({
      nodeLabels: { a: 'b', c: 'd', e: '' },
      nodeArgs: [{ name: 'v', value: '2' }],
    });
  });

  it.each([
    [{}, 'node-1'],
    [{ name: 'n1' }, 'n1'],
  ])('of %j let the kubelet be told the same name', (registration, value) => {
    const kubeletExtraArgs = [{ name: 'hostname-override', value }];
    expect(settingsOf({ nodeRegistration: { ...registration, kubeletExtraArgs } }, {}).nodeName).toBe(value);
  });

  it.each([
    ['0', undefined],
    ['1h', Date.UTC(2026, 0, 1, 1)],
  ])('let a token of ttl %s expire', (ttl, expires) => {
    expect(settingsOf({ bootstrapTokens: [{ ttl }] }, {}).tokens[0]?.expires).toBe(expires);
  });

  it.each([
    [
      'a flag that no daemon has',
      {},
      { apiServer: { extraArgs: [{ name: 'nope', value: '' }] } },
      {},
      'apiServer.extraArgs[0].name: "nope" is no flag here',
    ],
    [
      'a flag of another part of the control plane',
      {},
      { scheduler: { extraArgs: [{ name: 'service-node-port-range', value: '1-2' }] } },
      {},
      'scheduler.extraArgs[0].name: "service-node-port-range" is no flag of the scheduler, but of the API server',
    ],
    [
      'an argument that the node lacks',
      { nodeRegistration: { kubeletExtraArgs: [{ name: 'x', value: '' }] } },
      {},
      {},
      'nodeRegistration.kubeletExtraArgs[0].name: "x" is no flag here: "gantry run node --help" lists them',
    ],
    [
      'another version',
      {},
      { kubernetesVersion: 'v1.34.0' },
      {},
      'this gantry makes clusters of v1.36.0, not of v1.34.0',
    ],
    ...['stable-1.35', 'latest-1.37', 'stable-2', 'ci/latest', 'stable-', '1', 'newest'].map(
      (kubernetesVersion): [string, object, object, object, string] => [
        `the version ${kubernetesVersion}`,
        {},
        { kubernetesVersion },
        {},
        `this gantry makes clusters of v1.36.0, not of ${kubernetesVersion}`,
      ],
    ),
    [
      'an address of nobody else',
      { localAPIEndpoint: { advertiseAddress: '127.0.0.1' } },
      {},
      {},
      '127.0.0.1 is no address at which other machines reach this one',
    ],
    ...['224.0.0.9', '169.254.1.1', 'fe80::1', '::'].map(
      (advertiseAddress): [string, object, object, object, string] => [
        `${advertiseAddress}, which others do not reach`,
        { localAPIEndpoint: { advertiseAddress } },
        {},
        {},
        `localAPIEndpoint.advertiseAddress: ${advertiseAddress} is no address at which other machines reach this one`,
      ],
    ),
    ...Object.entries({
      'node-labels=a=b=c': '--node-labels: "a=b=c" is no label',
      'node-labels=a': '--node-labels: "a" is not name=value',
      'node-labels=node-role.kubernetes.io/worker=':
        "unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [node-role.kubernetes.io/worker]",
      'node-ip=10.0.0.x': '--node-ip: "10.0.0.x" is not an IP address',
      'hostname-override=elsewhere':
        'nodeRegistration.kubeletExtraArgs[0]: hostname-override is "elsewhere", and the name of this node is "node-1": leave it out',
      'node-ip=127.0.0.1': 'node-ip: 127.0.0.1 is no address at which other machines reach this one',
    }).map(([word, because]): [string, object, object, object, string] => {
      const [, name, value] = /^([^=]+)=(.*)$/.exec(word) ?? [];
      return [`--${word}`, { nodeRegistration: { kubeletExtraArgs: [{ name, value }] } }, {}, {}, because];
    }),
    ['a host name that is no node name', {}, {}, { hostname: 'a_b' }, '"a_b" is no node name'],
  ])('are refused with %s', (_, init, cluster, machine, because) => {
    expect(() => settingsOf(init, cluster, machine)).toThrow(because);
  });

  it.each<[object, readonly string[], boolean, boolean]>([
    [{}, [], false, false],
    [{}, ['addon'], true, true],
    [{}, ['addon/kube-proxy'], true, false],
    [{}, ['addon/coredns'], false, true],
    [{ proxy: { disabled: true }, dns: { disabled: false } }, [], true, false],
    [{ dns: { disabled: true } }, ['certs'], false, true],
  ])('of %j without %j let no node serve Services: %s, names: %s', (cluster, skip, proxyDisabled, dnsDisabled) => {
    expect(settingsOf({}, cluster, {}, skip).cluster).toMatchObject({ proxyDisabled, dnsDisabled });
  });

  it('name an etcd of somebody else', () => {
    const external = { endpoints: ['https://e:2379'], caFile: '/ca', certFile: '/crt', keyFile: '/key' };
    expect(settingsOf({}, { etcd: { external } }).cluster.etcd).toEqual({
      kind: 'external',
      ...external,
      httpEndpoints: ['https://e:2379'],
    });
  });
});

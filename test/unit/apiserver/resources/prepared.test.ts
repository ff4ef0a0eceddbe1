import { describe, expect, it } from 'vitest';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';
import { CONTEXT, Judge } from './judge.ts';

const pods = new Judge('', 'pods', { spec: { containers: [{ name: 'app', image: 'nginx' }] } });
const nodes = new Judge('', 'nodes', {});
const accounts = new Judge('', 'serviceaccounts', {});
const services = new Judge('', 'services', { spec: { ports: [{ port: 80 }] } });
const claims = new Judge('', 'persistentvolumeclaims', {
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
});
const volumes = new Judge('', 'persistentvolumes', {
  spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } },
});
const slices = new Judge('discovery.k8s.io', 'endpointslices', {
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.0.0.1'] }],
  ports: [],
});

describe('what is made of a new object before it is stored', () => {
  it('drops what v1.36 has switched off', () => {
    const lifecycle = { stopSignal: 'SIGUSR1', preStop: { exec: { command: ['x'] } } };
    const made = pods.prepared({ 'spec.containers.0.lifecycle': lifecycle });
    expect(made).toMatchObject({ spec: { containers: [{ lifecycle: { preStop: {} } }] } });
    expect(made).not.toHaveProperty('spec.containers.0.lifecycle.stopSignal');
  });

  it('tells of a profile in an annotation, which moves into the field', () => {
    const told: string[] = [];
    const object = pods.object({
      'metadata.annotations': { 'container.apparmor.security.beta.kubernetes.io/app': 'unconfined' },
    });
    const context = { ...CONTEXT, user: userInfo('alice', []), warn: (text: string) => told.push(text) };
    expect(pods.strategy.prepareForCreate(object, context)).toHaveProperty(
      'spec.containers.0.securityContext.appArmorProfile.type',
      'Unconfined',
    );
    expect(told).toEqual([
      'metadata.annotations[container.apparmor.security.beta.kubernetes.io/app]: deprecated since v1.30; use the "appArmorProfile" field instead',
    ]);
  });

  it('drops the configuration of a kubelet through its node', () => {
    const source = { configMap: { namespace: 'a', name: 'b', kubeletConfigKey: 'c' } };
    const made = nodes.prepared({ 'spec.configSource': source, 'status.config': { assigned: source } });
    expect([made].map(node => JSON.stringify(node).includes('onfigMap'))).toEqual([false]);
  });

  it('names the secrets of an account by their names alone', () => {
    expect(accounts.prepared({ secrets: [{ name: 'a', namespace: 'b', kind: 'Secret' }] })).toHaveProperty('secrets', [
      { name: 'a' },
    ]);
  });

  it.each([
    ['a claim', { kind: 'PersistentVolumeClaim', name: 'x' }, true],
    ['a snapshot', { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'x' }, true],
    ['anything else', { apiGroup: 'a.b', kind: 'C', name: 'x' }, false],
  ])('takes %s for the source of a claim, or does not', (_, source, taken) => {
    const made = claims.prepared({ 'spec.dataSource': source });
    expect(made).toMatchObject(taken ? { spec: { dataSource: source, dataSourceRef: source } } : { spec: {} });
    expect([made].map(claim => JSON.stringify(claim).includes('dataSource'))).toEqual([taken]);
  });

  it('takes any source by reference, and none of another namespace', () => {
    const ref = { apiGroup: 'a.b', kind: 'C', name: 'x' };
    expect(claims.prepared({ 'spec.dataSourceRef': ref })).toMatchObject({
      spec: { dataSource: ref, dataSourceRef: ref },
    });
    expect(claims.prepared({ 'spec.dataSourceRef': { ...ref, namespace: 'other' } })).not.toHaveProperty(
      'spec.dataSourceRef',
    );
  });

  it('dates the first phase of a volume', () => {
    expect(volumes.prepared()).toHaveProperty('status', { phase: 'Pending', lastPhaseTransitionTime: CONTEXT.now });
  });

  it('drops the topology of an endpoint', () => {
    const made = slices.prepared({ 'endpoints.0.deprecatedTopology': { 'kubernetes.io/hostname': 'n1' } });
    expect(made).toHaveProperty('endpoints', [{ addresses: ['10.0.0.1'], conditions: {} }]);
  });
});

describe('what is made of a change', () => {
  it.each([
    [
      'the time that is given',
      { phase: 'Failed', lastPhaseTransitionTime: '2025-01-01T00:00:00Z' },
      '2025-01-01T00:00:00Z',
    ],
    ['the time of the request with a new phase', { phase: 'Failed' }, CONTEXT.now],
    ['the time that is stored with the same phase', { phase: 'Bound' }, '2024-01-01T00:00:00Z'],
  ])('keeps %s', (_, status, time) => {
    const stored = { status: { phase: 'Bound', lastPhaseTransitionTime: '2024-01-01T00:00:00Z' } };
    expect(volumes.replaced({ status }, stored, 'status').object).toHaveProperty(
      'status.lastPhaseTransitionTime',
      time,
    );
  });

  it('moves a node from the topology of an endpoint into the field for it', () => {
    const topology = { 'endpoints.0.deprecatedTopology': { 'kubernetes.io/hostname': 'n1' } };
    const { object } = slices.replaced({ ...topology, 'endpoints.0.hostname': 'a' }, topology);
    expect(object).toMatchObject({
      metadata: { generation: 2 },
      endpoints: [{ addresses: ['10.0.0.1'], hostname: 'a', nodeName: 'n1' }],
    });
  });

  it('counts new labels of a slice as a new generation', () => {
    expect(slices.replaced({ 'metadata.labels': { a: 'b' } }).object).toHaveProperty('metadata.generation', 2);
    expect(slices.replaced({ 'metadata.annotations': { a: 'b' } }).object).toHaveProperty('metadata.generation', 1);
  });

  it('keeps addresses and node ports that are not named', () => {
    const stored = {
      'spec.type': 'NodePort',
      'spec.clusterIP': '10.0.0.1',
      'spec.clusterIPs': ['10.0.0.1'],
      'spec.ports': [{ name: 'a', port: 80, nodePort: 30000 }],
    };
    const changes = {
      'spec.clusterIP': undefined,
      'spec.clusterIPs': undefined,
      'spec.ports': [{ name: 'a', port: 81 }],
    };
    expect(services.replaced(changes, stored).object).toMatchObject({
      spec: { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ports: [{ port: 81, nodePort: 30000 }] },
    });
  });
});

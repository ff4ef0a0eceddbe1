import { describe, expect, it } from 'vitest';
import { defaultsText } from '../../../../src/bootstrap/configuration/print-defaults.ts';
import { parseConfiguration } from '../../../../src/bootstrap/configuration/read-documents.ts';
import { unheededDocuments, unheededFields } from '../../../../src/bootstrap/configuration/unheeded.ts';

const NO_IMAGES = 'no part of a cluster is an image here, and none is pulled';
const DISCOVERY = {
  bootstrapToken: {
    token: 'abcdef.0123456789abcdef',
    apiServerEndpoint: 'a:6443',
    unsafeSkipCAVerification: true,
  },
};

const documentsOf = (...documents: readonly object[]) => {
  const text = documents
    .map(document => JSON.stringify({ apiVersion: 'kubeadm.k8s.io/v1beta4', ...document }))
    .join('\n---\n');
  return parseConfiguration(text, 'f').documents;
};
const warningsOf = (document: object) => unheededFields(documentsOf(document));

describe('fields that change nothing here', () => {
  it.each([
    [
      'ClusterConfiguration',
      { dns: { imageRepository: 'a.example/dns' } },
      `dns.imageRepository is not heeded: ${NO_IMAGES}`,
    ],
    ['ClusterConfiguration', { dns: { imageTag: 'v1' } }, `dns.imageTag is not heeded: ${NO_IMAGES}`],
    [
      'ClusterConfiguration',
      { etcd: { local: { imageTag: '3.6' } } },
      `etcd.local.imageTag is not heeded: ${NO_IMAGES}`,
    ],
    [
      'ClusterConfiguration',
      { imageRepository: 'a.example' },
      `imageRepository is not heeded: ${NO_IMAGES}: it is but kept in the ConfigMap kubeadm-config`,
    ],
    [
      'InitConfiguration',
      { nodeRegistration: { imagePullPolicy: 'Never' } },
      `nodeRegistration.imagePullPolicy is not heeded: ${NO_IMAGES}`,
    ],
    [
      'JoinConfiguration',
      { discovery: DISCOVERY, nodeRegistration: { imagePullSerial: false } },
      `nodeRegistration.imagePullSerial is not heeded: ${NO_IMAGES}`,
    ],
    ['InitConfiguration', { timeouts: { discovery: '1m' } }, 'timeouts.discovery is not heeded: no step waits by it'],
    [
      'JoinConfiguration',
      { discovery: DISCOVERY, timeouts: { etcdAPICall: '1m' } },
      'timeouts.etcdAPICall is not heeded: no step waits by it',
    ],
    [
      'ResetConfiguration',
      { timeouts: { kubernetesAPICall: '2m' } },
      'timeouts.kubernetesAPICall is not heeded: no step waits by it',
    ],
  ])('are told: %s %j', (kind, fields, warning) => {
    expect(warningsOf({ kind, ...fields })).toEqual([`${kind}: ${warning}`]);
  });

  it('are told of the kubelet where a cluster has it otherwise', () => {
    const kubelet = { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' };
    expect(warningsOf({ ...kubelet, rotateCertificates: false })).toEqual([
      'KubeletConfiguration: rotateCertificates is not heeded: each node of a cluster renews its certificate, as with kubeadm',
    ]);
    expect(warningsOf({ ...kubelet, rotateCertificates: true })).toEqual([]);
    expect(warningsOf(kubelet)).toEqual([]);
  });

  it.each([
    ['what is heeded', { kind: 'InitConfiguration', timeouts: { etcdAPICall: '1m', kubeletHealthCheck: '1m' } }],
    ["kubeadm's defaults", { kind: 'InitConfiguration', nodeRegistration: { imagePullSerial: true } }],
    ['a default in other words', { kind: 'ResetConfiguration', timeouts: { kubernetesAPICall: '60s' } }],
    ['an empty part', { kind: 'ClusterConfiguration', dns: {}, etcd: { local: { dataDir: '/srv/etcd' } } }],
  ])('are none for %s', (_what, document) => {
    expect(warningsOf(document)).toEqual([]);
  });

  it.each(['init-defaults', 'join-defaults', 'reset-defaults'] as const)('are none in what prints %s', name => {
    expect(unheededFields(parseConfiguration(defaultsText(name, 'v1.36.0', []), name).documents)).toEqual([]);
  });
});

describe('documents that are for another command', () => {
  it('are told, whatever their kind', () => {
    const documents = [
      ...documentsOf({ kind: 'JoinConfiguration', discovery: DISCOVERY }, { kind: 'ClusterConfiguration' }),
      ...documentsOf({ kind: 'KubeletConfiguration', apiVersion: 'kubelet.config.k8s.io/v1beta1', maxPods: 5 }),
    ];
    const line = (kind: string, command: string): string =>
      `the document of kind ${kind} is not for ${command}, and ignored`;
    expect(unheededDocuments(documents, 'join')).toEqual([
      line('ClusterConfiguration', 'join'),
      line('KubeletConfiguration', 'join'),
    ]);
    expect(unheededDocuments(documents, 'init')).toEqual([line('JoinConfiguration', 'init')]);
    expect(unheededDocuments(documents, 'reset')).toHaveLength(3);
  });
});

import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { defaultsText } from '../../../../src/bootstrap/configuration/print-defaults.ts';
import { parseConfiguration } from '../../../../src/bootstrap/configuration/read-documents.ts';
import { documentsText } from '../../../../src/bootstrap/configuration/write-documents.ts';

describe('the printed defaults', () => {
  it.each(['init-defaults', 'join-defaults', 'reset-defaults'] as const)(
    '%s are read without a word, and stay',
    name => {
      const text = defaultsText(name, 'v1.36.0', []);
      const { documents, warnings } = parseConfiguration(text, 'f');
      expect(warnings).toEqual([]);
      expect(documentsText(documents.map(({ object }) => object))).toBe(text);
    },
  );

  it("are kubeadm's", () => {
    const [init, cluster] = parseAllDocuments(defaultsText('init-defaults', 'v1.36.0', [])).map(each => each.toJS());
    expect(init).toEqual({
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      bootstrapTokens: [
        {
          groups: ['system:bootstrappers:kubeadm:default-node-token'],
          token: 'abcdef.0123456789abcdef',
          ttl: '24h0m0s',
          usages: ['signing', 'authentication'],
        },
      ],
      kind: 'InitConfiguration',
      localAPIEndpoint: { advertiseAddress: '1.2.3.4', bindPort: 6443 },
      nodeRegistration: {
        criSocket: 'unix:///run/gantry/cri.sock',
        imagePullPolicy: 'IfNotPresent',
        imagePullSerial: true,
        name: 'node',
        taints: null,
      },
      timeouts: {
        controlPlaneComponentHealthCheck: '4m0s',
        discovery: '5m0s',
        etcdAPICall: '2m0s',
        kubeletHealthCheck: '4m0s',
        kubernetesAPICall: '1m0s',
        tlsBootstrap: '5m0s',
        upgradeManifests: '5m0s',
      },
    });
    expect(cluster).toMatchObject({ kubernetesVersion: 'v1.36.0', clusterName: 'kubernetes', dns: {}, scheduler: {} });
  });

  it('have those of kubelet and proxy where they are asked for', () => {
    const text = defaultsText('init-defaults', 'v1.36.0', ['KubeletConfiguration', 'KubeProxyConfiguration']);
    expect(parseConfiguration(text, 'f').documents.map(({ kind }) => kind)).toEqual([
      'InitConfiguration',
      'ClusterConfiguration',
      'KubeletConfiguration',
      'KubeProxyConfiguration',
    ]);
    expect(() => defaultsText('init-defaults', 'v1.36.0', ['Pod'])).toThrow('--component-configs: there is no "Pod"');
  });
});

describe('written documents', () => {
  it('tell a list that was never given from an empty one', () => {
    const taints = (written: string): unknown => {
      const text = `apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration: {${written}}\n`;
      const [document] = parseConfiguration(text, 'f').documents;
      return parse(documentsText([document?.object ?? {}])).nodeRegistration.taints;
    };
    expect([taints('name: a'), taints('taints: []')]).toEqual([null, []]);
  });
});

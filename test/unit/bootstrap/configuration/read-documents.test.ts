import { describe, expect, it } from 'vitest';
import { parseConfiguration } from '../../../../src/bootstrap/configuration/read-documents.ts';

const V4 = 'apiVersion: kubeadm.k8s.io/v1beta4';
const V3 = 'apiVersion: kubeadm.k8s.io/v1beta3';
const CLUSTER = `${V4}\nkind: ClusterConfiguration`;
const INIT = `${V4}\nkind: InitConfiguration`;
const JOIN = `${V4}\nkind: JoinConfiguration`;
const read = (text: string) => parseConfiguration(text, 'f.yaml');
const documentsOf = (text: string) => read(text).documents.map(({ object }) => object);
const writtenOf = (text: string) => read(text).documents.map(({ written }) => written);

describe('a configuration file', () => {
  it("has kubeadm's defaults, with keys and a pod network of ours", () => {
    expect(documentsOf(CLUSTER)).toMatchObject([
      {
        kubernetesVersion: 'stable-1',
        networking: { serviceSubnet: '10.96.0.0/12', podSubnet: '10.244.0.0/16', dnsDomain: 'cluster.local' },
        certificatesDir: '/etc/kubernetes/pki',
        imageRepository: 'registry.k8s.io',
        clusterName: 'kubernetes',
        encryptionAlgorithm: 'ECDSA-P256',
        certificateValidityPeriod: '8760h0m0s',
        caCertificateValidityPeriod: '87600h0m0s',
        etcd: { local: { dataDir: '/var/lib/etcd' } },
      },
    ]);
    expect(documentsOf(INIT)).toMatchObject([
      {
        bootstrapTokens: [
          {
            ttl: '24h0m0s',
            usages: ['signing', 'authentication'],
            groups: ['system:bootstrappers:kubeadm:default-node-token'],
          },
        ],
        localAPIEndpoint: { bindPort: 6443 },
        nodeRegistration: { criSocket: 'unix:///run/gantry/cri.sock', imagePullPolicy: 'IfNotPresent' },
        timeouts: { controlPlaneComponentHealthCheck: '4m0s', discovery: '5m0s' },
      },
    ]);
  });

  it('keeps what was written of kubelet and proxy apart from the defaults', () => {
    const text = `${CLUSTER}\n---\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 42\n`;
    expect(writtenOf(text)[1]).toEqual({
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      maxPods: 42,
    });
  });

  it.each([
    [
      'an unknown field',
      `${CLUSTER}\nnetworkin: {}\n`,
      'f.yaml:3:1: unknown field "networkin" (did you mean "networking"?)',
    ],
    ['a field of a wrong type', `${INIT}\nskipPhases: x\n`, 'f.yaml:3:13: '],
    ['a field twice', `${CLUSTER}\nclusterName: a\nclusterName: b\n`, 'f.yaml:4:1: '],
    [
      'an unknown kind',
      `${V4}\nkind: ClusterConfig\n`,
      'no kind "ClusterConfig" is registered for version "kubeadm.k8s.io/v1beta4"',
    ],
    [
      'a version of before',
      'apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfiguration\n',
      'ClusterConfiguration is in "kubeadm.k8s.io/v1beta4"',
    ],
    ['another kind', 'apiVersion: v1\nkind: Pod\n', 'kind "Pod" is not taken here'],
    ['a kind twice', `${CLUSTER}\n---\n${CLUSTER}\n`, 'f.yaml: it holds more than one ClusterConfiguration'],
    [
      'services without room for the DNS',
      `${CLUSTER}\nnetworking: {serviceSubnet: 10.96.0.0/29}\n`,
      'f.yaml:3:14: networking.serviceSubnet: Invalid value: "10.96.0.0/29": subnet with 8 address(es) is too small, the minimum is 10',
    ],
    [
      'too many services',
      `${CLUSTER}\nnetworking: {serviceSubnet: 10.0.0.0/8}\n`,
      'specified service subnet is too large; for 32-bit addresses, the mask must be >= 12',
    ],
    [
      'pods without room for nodes',
      `${CLUSTER}\nnetworking: {podSubnet: 10.244.0.0/25}\n`,
      'the size of pod subnet with mask 25 is smaller than the size of node subnet with mask 24',
    ],
    [
      'pods among services',
      `${CLUSTER}\nnetworking: {podSubnet: 10.100.0.0/16}\n`,
      'networking.podSubnet: Invalid value: "10.100.0.0/16": meets the service subnet 10.96.0.0/12',
    ],
    ['pods over IPv6', `${CLUSTER}\nnetworking: {podSubnet: "fd00::/48"}\n`, 'clusters of IPv6 are not made here yet'],
    [
      'a domain with a blank',
      `${CLUSTER}\nnetworking: {dnsDomain: a b}\n`,
      'networking.dnsDomain: Invalid value: "a b"',
    ],
    [
      'certificates that no unit would see',
      `${CLUSTER}\ncertificatesDir: /srv/../root/pki\n`,
      'certificatesDir: Invalid value: "/srv/../root/pki": the units of the control plane do not see /root of this machine: choose a directory elsewhere, in /var/lib or /srv say',
    ],
    [
      'data of etcd that no unit would see',
      `${CLUSTER}\netcd: {local: {dataDir: /home/etcd}}\n`,
      'etcd.local.dataDir: Invalid value: "/home/etcd": the units of the control plane do not see /home of this machine',
    ],
    [
      'data of etcd where its unit cannot write',
      `${CLUSTER}\netcd: {local: {dataDir: /etc/etcd}}\n`,
      'etcd.local.dataDir: Invalid value: "/etc/etcd": the unit of etcd cannot write to /etc',
    ],
    [
      'a CA of etcd that reset would remove',
      `${CLUSTER}\netcd: {external: {endpoints: ["https://e:2379"], caFile: /var/lib//kubelet/ca.crt}}\n`,
      'etcd.external.caFile: Invalid value: "/var/lib//kubelet/ca.crt": "gantry reset" removes /var/lib/kubelet with all in it',
    ],
    [
      'a CA of etcd that no unit would see',
      `${CLUSTER}\netcd: {external: {endpoints: ["https://e:2379"], caFile: /root/ca.crt}}\n`,
      'etcd.external.caFile: Invalid value: "/root/ca.crt": the units of the control plane do not see /root',
    ],
    [
      'a relative folder',
      `${CLUSTER}\ncertificatesDir: pki\n`,
      'certificatesDir: Invalid value: "pki": path is not absolute',
    ],
    ['feature gates', `${CLUSTER}\nfeatureGates: {A: true}\n`, 'A is not a valid feature name.'],
    [
      'an endpoint that is none',
      `${CLUSTER}\ncontrolPlaneEndpoint: a:b:c\n`,
      'controlPlaneEndpoint: Invalid value: "a:b:c": endpoint is not valid',
    ],
    ['an unknown algorithm', `${CLUSTER}\nencryptionAlgorithm: DSA\n`, 'encryptionAlgorithm: Unsupported value: "DSA"'],
    [
      'two kinds of etcd',
      `${CLUSTER}\netcd: {local: {}, external: {endpoints: []}}\n`,
      '.Etcd.Local and .Etcd.External are mutually exclusive',
    ],
    [
      'half a pair for etcd',
      `${CLUSTER}\netcd: {external: {endpoints: ["https://e:2379"], certFile: /a}}\n`,
      'either both or none of .Etcd.External.CertFile and .Etcd.External.KeyFile must be set',
    ],
    [
      'etcd without TLS and with a CA',
      `${CLUSTER}\netcd: {external: {endpoints: ["http://e:2379"], caFile: /a}}\n`,
      'the URL must be using the HTTPS scheme',
    ],
    [
      'etcd with TLS and without a CA',
      `${CLUSTER}\netcd: {external: {endpoints: ["https://e:2379"]}}\n`,
      'an HTTPS endpoint needs the CA of etcd: .Etcd.External.CAFile must be set',
    ],
    [
      'an etcd without a port',
      `${CLUSTER}\netcd: {external: {endpoints: ["https://e"], caFile: /a}}\n`,
      'it is not of the form https://host:port or http://host:port',
    ],
    [
      'an etcd below a path',
      `${CLUSTER}\netcd: {external: {endpoints: ["http://e:2379/v3"]}}\n`,
      'it is not of the form https://host:port or http://host:port',
    ],
    [
      'volumes of a static pod',
      `${CLUSTER}\napiServer: {extraVolumes: [{name: a, hostPath: /a, mountPath: /a}]}\n`,
      'apiServer.extraVolumes: Forbidden',
    ],
    [
      'a CA of a shorter life',
      `${CLUSTER}\ncaCertificateValidityPeriod: 1h\n`,
      'a CA has to hold as long as what it signs (8760h0m0s)',
    ],
    [
      'a token that is none, which is not repeated',
      `${INIT}\nbootstrapTokens: [{token: ABCDEF}]\n`,
      'the bootstrap token was not of the form',
    ],
    [
      'another runtime',
      `${INIT}\nnodeRegistration: {criSocket: "unix:///run/containerd/containerd.sock"}\n`,
      "the runtime of a node is gantry's own",
    ],
    ['patches', `${INIT}\npatches: {directory: /p}\n`, 'patches: Forbidden'],
    ['a key for second control planes', `${INIT}\ncertificateKey: ab\n`, 'certificateKey: Forbidden'],
    ['no way to find the cluster', JOIN, 'discovery: Invalid value: "": bootstrapToken or file must be set'],
    [
      'discovery without a pin',
      `${JOIN}\ndiscovery: {bootstrapToken: {token: abcdef.0123456789abcdef, apiServerEndpoint: "a:1"}}\n`,
      'without caCertHashes can be unsafe',
    ],
  ])('is refused with %s', (_, text, because) => {
    expect(() => read(text)).toThrow(because);
  });

  it('tells everything that is wrong, a line each', () => {
    const text = `${CLUSTER}\ncertificatesDir: a\nclusterNam: b\n---\n${INIT}\npatches: {directory: /p}\n`;
    expect(() => read(text)).toThrow(
      'f.yaml:4:1: unknown field "clusterNam" (did you mean "clusterName"?)\nf.yaml:8:1: patches: Forbidden',
    );
  });
});

describe("a file of kubeadm's older version", () => {
  it('is taken, and the admin is told to migrate it', () => {
    const { documents, warnings } = read(
      `${V3}\nkind: ClusterConfiguration\napiServer:\n  extraArgs: {b: "1", a: "2"}\n  timeoutForControlPlane: 7m0s\netcd: {local: {dataDir: /e, extraArgs: {q: "3"}}}\n`,
    );
    expect(documents.map(({ written }) => written)).toEqual([
      {
        apiVersion: 'kubeadm.k8s.io/v1beta4',
        kind: 'InitConfiguration',
        timeouts: { controlPlaneComponentHealthCheck: '7m0s' },
      },
      {
        apiVersion: 'kubeadm.k8s.io/v1beta4',
        kind: 'ClusterConfiguration',
        apiServer: {
          extraArgs: [
            { name: 'a', value: '2' },
            { name: 'b', value: '1' },
          ],
        },
        etcd: { local: { dataDir: '/e', extraArgs: [{ name: 'q', value: '3' }] } },
      },
    ]);
    expect(warnings).toEqual([
      'f.yaml uses the old API "kubeadm.k8s.io/v1beta3": "gantry config migrate --old-config f.yaml" writes it anew',
    ]);
  });

  it('has its discovery time-out moved', () => {
    const text = `${V3}\nkind: JoinConfiguration\ndiscovery:\n  timeout: 3m0s\n  bootstrapToken: {token: abcdef.0123456789abcdef, apiServerEndpoint: "a:1", unsafeSkipCAVerification: true}\n`;
    expect(writtenOf(text)).toMatchObject([{ timeouts: { discovery: '3m0s' } }]);
  });
});

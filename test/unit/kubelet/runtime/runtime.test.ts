import { describe, expect, it } from 'vitest';
import { type DnsInput, parseResolvConf, podDns } from '../../../../src/kubelet/runtime/dns.ts';
import { hostNetworkHostsFile, hostsFile } from '../../../../src/kubelet/runtime/hosts-file.ts';
import { hostnameProblem, kernelHostname, podHostname } from '../../../../src/kubelet/runtime/pod-hostname.ts';
import { containerSecurityContext, namespaceOptions } from '../../../../src/kubelet/runtime/security-context.ts';
import { refusePod } from '../../../../src/kubelet/runtime/unsupported.ts';
import { NamespaceMode, SecurityProfile_ProfileType } from '../../../../src/rpc/cri-api.ts';
import { podWith } from '../pods.ts';

const C = 'containers: [{name: main, image: i}]';
const spec = (text: string) => podWith(text).pod.spec;

describe('podDns', () => {
  const host = parseResolvConf(
    '# c\nnameserver 192.0.2.53\nsearch old\nsearch example.com. lab\noptions ndots:2 rotate ; end\nnameserver 192.0.2.54\n',
  );
  const resolve = (text: string, clusterDns: readonly string[] = [], more: Partial<DnsInput> = {}) =>
    podDns({
      spec: spec(`${text}\n  ${C}`),
      pod: 'web_ns(u)',
      namespace: 'ns',
      host,
      clusterDns,
      clusterDomain: 'cluster.local',
      ...more,
    });
  const dns = (text: string, clusterDns: readonly string[] = []) => resolve(text, clusterDns).config;

  it('reads a resolv.conf', () => {
    expect(host).toEqual({
      servers: ['192.0.2.53', '192.0.2.54'],
      searches: ['example.com', 'lab'],
      options: ['ndots:2', 'rotate'],
    });
  });

  it.each([
    ['dnsPolicy: Default', []],
    ['dnsPolicy: ClusterFirst', []],
    ['hostNetwork: true', ['10.96.0.10']],
  ])('with %s and cluster DNS %j a pod gets the resolver of the node', (text, clusterDns) => {
    expect(dns(text, clusterDns)).toEqual(host);
  });

  it('puts the cluster first where there is one', () => {
    expect(dns('dnsPolicy: ClusterFirst', ['10.96.0.10'])).toEqual({
      servers: ['10.96.0.10'],
      searches: ['ns.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'example.com', 'lab'],
      options: ['ndots:5'],
    });
  });

  it('adds dnsConfig, at most three servers, its options over others of the name', () => {
    const config =
      '{nameservers: [1.1.1.1, 2.2.2.2], searches: [lab, x], options: [{name: ndots, value: "1"}, {name: edns0}]}';
    expect(dns(`dnsPolicy: Default\n  dnsConfig: ${config}`)).toEqual({
      servers: ['192.0.2.53', '192.0.2.54', '1.1.1.1'],
      searches: ['example.com', 'lab', 'x'],
      options: ['ndots:1', 'rotate', 'edns0'],
    });
  });

  it('gives what stands for the resolver of a node that has none, but not to pods of the cluster', () => {
    const instead = { servers: ['127.0.0.1'], searches: ['.'], options: [] };
    const none = { host: { servers: [], searches: [], options: [] }, instead };
    expect(resolve('dnsPolicy: Default', [], none).config).toEqual(instead);
    expect(resolve('dnsPolicy: ClusterFirst', ['10.96.0.10'], none).config.searches).toEqual([
      'ns.svc.cluster.local',
      'svc.cluster.local',
      'cluster.local',
    ]);
  });

  it('takes dnsConfig alone under None', () => {
    expect(dns('dnsPolicy: None\n  dnsConfig: {nameservers: [1.1.1.1]}')).toEqual({
      servers: ['1.1.1.1'],
      searches: [],
      options: [],
    });
  });
});

describe('what podDns warns of', () => {
  const many = (count: number, name: (i: number) => string): string =>
    `[${Array.from({ length: count }, (_, i) => name(i)).join(', ')}]`;
  const warn = (config: string, policy = 'None', clusterDns: readonly string[] = []) =>
    podDns({
      spec: spec(`dnsPolicy: ${policy}\n  dnsConfig: ${config}\n  ${C}`),
      pod: 'web_ns(u)',
      namespace: 'ns',
      host: { servers: [], searches: ['y'.repeat(254)], options: [] },
      clusterDns,
      clusterDomain: '',
    });

  it.each([
    [
      'three servers and 32 searches',
      `{nameservers: [1.1.1.1, 1.1.1.2, 1.1.1.3], searches: ${many(32, i => `s${i}`)}}`,
    ],
    [
      'searches of 2048 characters',
      `{nameservers: [1.1.1.1], searches: ${many(32, i => `${'x'.repeat(60 + Number(i < 1))}.${10 + i}`)}}`,
    ],
  ])('not of %s', (_, config) => {
    expect(warn(config).warnings).toEqual([]);
  });

  it('of a fourth server', () => {
    expect(warn('{nameservers: [1.1.1.1, 1.1.1.2, 1.1.1.3]}', 'ClusterFirst', ['10.96.0.10']).warnings[0]).toEqual({
      reason: 'DNSConfigForming',
      message:
        'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 1.1.1.1 1.1.1.2',
    });
  });

  it('of a search that is too long for resolvers', () => {
    const { config, warnings } = warn('{searches: [ok]}', 'ClusterFirst', ['10.96.0.10']);
    expect(config.searches).toEqual(['ok']);
    expect(warnings).toEqual([
      {
        reason: 'DNSConfigForming',
        message:
          'Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ok',
      },
    ]);
  });

  it.each(['ClusterFirst', 'ClusterFirstWithHostNet'])('of %s without a cluster DNS', policy => {
    expect(warn('{}', policy).warnings.map(w => w.reason)).toEqual(['MissingClusterDNS', 'DNSConfigForming']);
    expect(warn('{}', policy).warnings[0]?.message).toMatch(
      /^pod: "web_ns\(u\)"\. kubelet does not have ClusterDNS IP/,
    );
  });
});

describe('the hosts file', () => {
  it('has the pod by its addresses and the aliases', () => {
    const text = hostsFile({
      podIPs: ['10.0.0.5', 'fd00::5'],
      hostname: 'web',
      domain: 'sub.ns.svc.cluster.local',
      aliases: [{ ip: '192.0.2.9', hostnames: ['a', 'b'] }],
    });
    expect(text.startsWith('# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n')).toBe(true);
    expect(text).toContain('10.0.0.5\tweb.sub.ns.svc.cluster.local\tweb\nfd00::5\tweb.sub.ns.svc.cluster.local\tweb\n');
    expect(text.endsWith('\n# Entries added by HostAliases.\n192.0.2.9\ta\tb\n')).toBe(true);
  });

  it("is the node's for a pod in the node's network", () => {
    expect(hostNetworkHostsFile('127.0.0.1 node\n', [])).toBe(
      '# Kubernetes-managed hosts file (host network).\n127.0.0.1 node\n',
    );
  });
});

describe('kernelHostname', () => {
  it.each([
    [C, 'web', 'web-n1', 'the name of the pod'],
    [`hostname: own\n  ${C}`, 'web', 'own', 'its own choice'],
    [C, `${'a'.repeat(62)}.b`, 'a'.repeat(62), 'cut to 63, and not ending in a dot'],
    [
      `subdomain: sub\n  setHostnameAsFQDN: true\n  ${C}`,
      'web',
      'web-n1.sub.default.svc.cluster.local',
      'its full name',
    ],
  ])('%s named %s is %s: %s', (text, name, expected) => {
    expect(kernelHostname(podWith(text, name), 'cluster.local')).toBe(expected);
  });
});

describe('podHostname', () => {
  it('of a pod whose name is overridden has no domain', () => {
    const pod = podWith(`subdomain: sub\n  hostnameOverride: a.b\n  ${C}`);
    expect(podHostname(pod, 'cluster.local')).toEqual({ hostname: 'a.b', domain: '' });
  });
});

describe('hostnameProblem', () => {
  const text = (subdomain: string): string => `subdomain: ${subdomain}\n  setHostnameAsFQDN: true\n  ${C}`;
  it('is that the full name does not fit the kernel', () => {
    const fits = 64 - 'web-n1..default.svc.cluster.local'.length;
    expect(hostnameProblem(podWith(text('s'.repeat(fits))), 'cluster.local')).toBeUndefined();
    expect(hostnameProblem(podWith(text('s'.repeat(fits + 1))), 'cluster.local')).toMatch(
      /^failed to construct FQDN .* is too long \(64 characters is the max, 65 characters requested\)$/,
    );
  });
});

describe('namespaceOptions', () => {
  it.each([
    ['', NamespaceMode.POD, NamespaceMode.CONTAINER, NamespaceMode.POD],
    ['hostNetwork: true\n  ', NamespaceMode.NODE, NamespaceMode.CONTAINER, NamespaceMode.POD],
    ['hostPID: true\n  ', NamespaceMode.POD, NamespaceMode.NODE, NamespaceMode.POD],
    ['hostIPC: true\n  ', NamespaceMode.POD, NamespaceMode.CONTAINER, NamespaceMode.NODE],
    ['shareProcessNamespace: true\n  ', NamespaceMode.POD, NamespaceMode.POD, NamespaceMode.POD],
  ])('of %j are network %i, pid %i, ipc %i', (text, network, pid, ipc) => {
    expect(namespaceOptions(spec(`${text}${C}`), undefined)).toMatchObject({ network, pid, ipc });
  });

  it.each([
    ['', NamespaceMode.TARGET, 'abc'],
    ['hostPID: true\n  ', NamespaceMode.NODE, ''],
    ['shareProcessNamespace: true\n  ', NamespaceMode.POD, ''],
  ])('of %j with a container to look into are pid %i of %j', (text, pid, targetId) => {
    expect(namespaceOptions(spec(`${text}${C}`), undefined, 'abc')).toMatchObject({ pid, targetId });
  });
});

describe('containerSecurityContext', () => {
  const image = { ref: 'i', uid: 0 as number | undefined, username: '' };
  const context = (pod: string, own: string, of = image, seccompDefault = false) => {
    const s = spec(`securityContext: ${pod}\n  containers: [{name: main, image: i, securityContext: ${own}}]`);
    const [container] = s.containers;
    if (container === undefined) throw new Error('no container');
    return containerSecurityContext(s, container, of, { seccompDefault, seccompRoot: '/s' }, 'w', undefined);
  };

  it("takes the container's settings over the pod's, and the image's user where neither says", () => {
    expect(context('{runAsUser: 5}', '{runAsUser: 7}').runAsUser).toEqual({ value: 7n });
    expect(context('{runAsUser: 5}', '{}').runAsUser).toEqual({ value: 5n });
    expect(context('{}', '{}', { ...image, uid: 9 }).runAsUser).toEqual({ value: 9n });
    expect(context('{}', '{}', { ...image, uid: undefined, username: 'www' }).runAsUsername).toBe('www');
  });

  it.each([
    ['{}', '{runAsNonRoot: true}', image, /^container has runAsNonRoot and image will run as root \(w\)$/],
    ['{runAsNonRoot: true}', '{runAsUser: 0}', image, /^container's runAsUser breaks non-root policy \(w\)$/],
    ['{runAsNonRoot: true}', '{}', { ...image, uid: undefined, username: 'www' }, /non-numeric user \(www\)/],
  ])('refuses root for %s %s', (pod, own, of, message) => {
    expect(() => context(pod, own, of)).toThrow(message);
  });

  it.each([
    ['{}', '{}', false, SecurityProfile_ProfileType.Unconfined, ''],
    ['{}', '{}', true, SecurityProfile_ProfileType.RuntimeDefault, ''],
    ['{seccompProfile: {type: RuntimeDefault}}', '{}', false, SecurityProfile_ProfileType.RuntimeDefault, ''],
    [
      '{}',
      '{seccompProfile: {type: Localhost, localhostProfile: a.json}}',
      false,
      SecurityProfile_ProfileType.Localhost,
      '/s/a.json',
    ],
    ['{}', '{privileged: true}', true, SecurityProfile_ProfileType.Unconfined, ''],
  ])('seccomp of %s %s with default %s is %i %s', (pod, own, byDefault, profileType, localhostRef) => {
    expect(context(pod, own, image, byDefault).seccomp).toEqual({ profileType, localhostRef });
  });

  it('masks paths unless the container is privileged or asks for all of /proc', () => {
    expect(context('{}', '{}').maskedPaths).toContain('/proc/kcore');
    expect(context('{}', '{privileged: true}').maskedPaths).toEqual([]);
    expect(context('{}', '{allowPrivilegeEscalation: false}').noNewPrivs).toBe(true);
    expect(context('{fsGroup: 4, supplementalGroups: [3]}', '{}').supplementalGroups).toEqual([3n, 4n]);
  });
});

describe('refusePod', () => {
  it.each([
    [C, [], undefined],
    [`securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies, value: "1"}]}\n  ${C}`, [], undefined],
    [`securityContext: {sysctls: [{name: kernel.msgmax, value: "1"}]}\n  ${C}`, [], 'SysctlForbidden'],
    [`securityContext: {sysctls: [{name: kernel.msgmax, value: "1"}]}\n  ${C}`, ['kernel.msg*'], undefined],
    [
      'containers: [{name: main, image: i, resources: {limits: {cpu: 1, memory: 64Mi, hugepages-2Mi: 4Mi}}}]',
      [],
      'CreatePodSandboxError',
    ],
  ])('of %j with allowed %j says %s', (text, allowed, reason) => {
    expect(refusePod(spec(text), allowed)?.reason).toBe(reason);
  });
});

import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { decodeManifest } from '../../../src/api/decode/manifest.ts';
import { nodeUnits } from '../../../src/bootstrap/daemons/node.ts';
import { filesBelow } from '../../../src/bootstrap/files.ts';
import {
  kubeletConfigurationText,
  nodeKubeletConfiguration,
  withClientCa,
} from '../../../src/bootstrap/kubelet-configuration.ts';
import { loopbackServers, resolverFile } from '../../../src/bootstrap/machine-resolver.ts';
import { controlPlanePatch } from '../../../src/bootstrap/mark-control-plane.ts';
import { initSettings } from './init-settings.ts';

const files = filesBelow('/');
const { cluster } = initSettings();
const node = {
  nodeName: 'n2',
  addresses: ['10.0.0.6'],
  labels: { tier: 'front', rank: '1' },
  taints: ['a=b:NoSchedule'],
};

describe('the daemons of a node', () => {
  it('are the runtime, and one for all else', () => {
    expect(
      nodeUnits(node, cluster, files, ['gantry'], 'sha256:1').map(({ name, argv }) => [
        name,
        argv.slice(0, 3).join(' '),
      ]),
    ).toEqual([
      ['gantry-cri', 'gantry run cri'],
      ['gantry-node', 'gantry run node'],
    ]);
  });

  it('register the node with its name, address, labels and taints', () => {
    expect(nodeUnits(node, cluster, files, ['gantry'], 'sha256:1')[1]?.argv).toEqual(
      expect.arrayContaining([
        '--hostname-override=n2',
        '--node-ip=10.0.0.6',
        '--node-labels=tier=front,rank=1',
        '--register-with-taints=a=b:NoSchedule',
        '--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf',
        '--kubeconfig=/etc/kubernetes/kubelet.conf',
        '--cluster-cidr=10.244.0.0/16',
        '--dns-address=10.96.0.10',
      ]),
    );
  });

  it('answer at both addresses of a node that has one of each family', () => {
    const both = { ...node, addresses: ['10.0.0.6', 'fd00::6'] };
    expect(nodeUnits(both, cluster, files, ['gantry'], 'sha256:1')[1]?.argv).toEqual(
      expect.arrayContaining([
        '--node-ip=10.0.0.6,fd00::6',
        '--dns-listen-shared=10.0.0.6:53',
        '--dns-listen-shared=[fd00::6]:53',
      ]),
    );
  });
});

describe('a node of a cluster without proxy and DNS of ours', () => {
  const without = { ...cluster, proxyDisabled: true, dnsDisabled: true };

  it('runs neither, and its pods ask the DNS of the cluster alone', () => {
    const argv = nodeUnits(node, without, files, ['gantry'], 'sha256:1')[1]?.argv ?? [];
    expect(argv).toEqual(expect.arrayContaining(['--proxy=false', '--dns=false']));
    expect(argv.filter(word => /^--(proxy-|dns-)/.test(word))).toEqual([]);
    expect(kubeletConfigurationText(without, files, true)).toContain('clusterDNS:\n  - 10.96.0.10\nclusterDomain');
  });
});

describe('the configuration of kubelets', () => {
  it('is one, read strictly, and asks the DNS server of the node before that of the cluster', () => {
    const { objects, problems } = decodeManifest(kubeletConfigurationText(cluster, files, true), {
      kinds: ['KubeletConfiguration'],
    });
    expect(problems).toEqual([]);
    expect(objects[0]?.object).toMatchObject({
      clusterDNS: ['169.254.20.10', '10.96.0.10'],
      clusterDomain: 'cluster.local',
      rotateCertificates: true,
    });
  });

  it("names the name servers of its own machine, where the cluster's says nothing of them", () => {
    const text = kubeletConfigurationText(cluster, files, false);
    const node = nodeKubeletConfiguration(text, '/run/systemd/resolve/resolv.conf');
    expect(text).not.toContain('resolvConf');
    expect(parse(node)).toEqual({ ...parse(text), resolvConf: '/run/systemd/resolve/resolv.conf' });
    expect(nodeKubeletConfiguration('resolvConf: /etc/mine.conf\n', '/etc/resolv.conf')).toBe(
      'resolvConf: /etc/mine.conf\n',
    );
  });

  const RESOLVED = '# by resolved\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n';
  it.each([
    ['resolved alone', 'nameserver 127.0.0.53\noptions edns0 trust-ad\n', RESOLVED, '/run/systemd/resolve/resolv.conf'],
    ['resolved, unused', 'nameserver 192.0.2.1\n', RESOLVED, '/etc/resolv.conf'],
    ['resolved beside another', 'nameserver 127.0.0.53\nnameserver 192.0.2.1\n', RESOLVED, '/etc/resolv.conf'],
    ['resolved without a server yet', 'nameserver 127.0.0.53\n', '# none\n', '/etc/resolv.conf'],
    ['a server of its own on loopback', 'nameserver ::1\n', '', '/etc/resolv.conf'],
    ['no server', '', RESOLVED, '/etc/resolv.conf'],
  ])('takes name servers that pods can ask, too: %s', (_, resolvConf, resolved, file) => {
    expect(resolverFile(resolvConf, resolved)).toBe(file);
  });
});

describe('name servers on loopback', () => {
  it.each([
    ['one', 'nameserver 127.0.0.1\n', ['127.0.0.1']],
    ['two', 'search here\nnameserver 127.0.0.53\nnameserver ::1\n', ['127.0.0.53', '::1']],
    ['one beside another elsewhere', 'nameserver 127.0.0.1\nnameserver 192.0.2.1\n', []],
    ['none', '# nothing\n', []],
  ])('are told of where there is %s', (_, text, servers) => {
    expect(loopbackServers(text)).toEqual(servers);
  });
});

describe('the CA of a node that joins', () => {
  const elsewhere = filesBelow('/', { certificatesDir: '/srv/pki' });
  const uploaded = kubeletConfigurationText(cluster, elsewhere, false);
  const configuration = 'certificatesDir: /srv/pki\n';
  const clientCa = (text: string): unknown => parse(text).authentication.x509.clientCAFile;

  it.each([
    ['is where it is told', uploaded, '/etc/kubernetes/pki/ca.crt', '/etc/kubernetes/pki/ca.crt'],
    ['is where the control plane has it, where that is told', uploaded, '/srv/pki/ca.crt', '/srv/pki/ca.crt'],
    [
      'is what an admin has said of the kubelets',
      uploaded.replace('/srv/pki/ca.crt', '/etc/clients.crt'),
      '/etc/kubernetes/pki/ca.crt',
      '/etc/clients.crt',
    ],
  ])('%s', (_what, text, caCert, expected) => {
    expect(clientCa(withClientCa(text, configuration, caCert))).toBe(expected);
  });

  it('changes nothing else', () => {
    expect(withClientCa(uploaded, configuration, '/a.crt').replace('/a.crt', '/srv/pki/ca.crt')).toBe(uploaded);
  });
});

describe('a node that becomes a control plane', () => {
  const LABELS = {
    'node-role.kubernetes.io/control-plane': '',
    'node.kubernetes.io/exclude-from-external-load-balancers': '',
  };
  const TAINT = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' } as const;
  const NOT_READY = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
  const wishes = (wanted: readonly (typeof TAINT)[]) => ({ wanted, dropped: [], said: true });
  const nodeOf = (labels: Record<string, string>, taints: object[]) =>
    ({ metadata: { name: 'n1', resourceVersion: '7', labels }, spec: { taints } }) as unknown as Parameters<
      typeof controlPlanePatch
    >[0];

  it('is given labels and the taint beside what it has', () => {
    expect(controlPlanePatch(nodeOf({ a: 'b' }, [NOT_READY]), wishes([TAINT]))).toEqual({
      metadata: { resourceVersion: '7', labels: LABELS },
      spec: { taints: [TAINT, NOT_READY] },
    });
  });

  it('is given labels alone where pods may run there', () => {
    expect(controlPlanePatch(nodeOf({}, []), wishes([]))).toEqual({
      metadata: { resourceVersion: '7', labels: LABELS },
    });
  });

  it('is left alone once it has all of it', () => {
    expect(controlPlanePatch(nodeOf(LABELS, [TAINT]), wishes([TAINT]))).toBeUndefined();
  });

  it('keeps its taints where nothing is said of them, the one that somebody took off too', () => {
    const unsaid = { wanted: [TAINT], dropped: [], said: false };
    expect(controlPlanePatch(nodeOf(LABELS, [NOT_READY]), unsaid)).toBeUndefined();
    // a run before has not come so far as to mark it
    expect(controlPlanePatch(nodeOf({}, []), unsaid)).toMatchObject({ spec: { taints: [TAINT] } });
  });

  it('loses the taint that it is not to have any more, and no other', () => {
    const dropping = { wanted: [], dropped: [TAINT], said: true };
    expect(controlPlanePatch(nodeOf(LABELS, [TAINT, NOT_READY]), dropping)).toMatchObject({
      spec: { taints: [NOT_READY] },
    });
    expect(controlPlanePatch(nodeOf(LABELS, [NOT_READY]), dropping)).toBeUndefined();
  });
});

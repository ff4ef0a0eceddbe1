import { describe, expect, it } from 'vitest';
import { clusterConfigurationText } from '../../../../src/bootstrap/cluster-configuration.ts';
import { kubeletConfigurationText } from '../../../../src/bootstrap/kubelet-configuration.ts';
import { proxyConfigurationText } from '../../../../src/bootstrap/proxy-configuration.ts';
import { type DecideOptions, type Decision, decide } from '../../../../src/bootstrap/standing/decide.ts';
import type { Documents, Given, Written } from '../../../../src/bootstrap/standing/documents.ts';
import type { Made } from '../../../../src/bootstrap/standing/fixed-fields.ts';
import { nextRecord, recordDocuments, recordText } from '../../../../src/bootstrap/standing/record.ts';
import { KUBELET_FIELDS } from '../../../../src/kubelet/unheeded-fields.ts';

const MACHINE: DecideOptions['machine'] = {
  hostname: 'another-name',
  address: () => '198.51.100.9',
  version: 'v1.36.0',
  newToken: () => 'abcdef.0123456789abcdef',
  now: Date.UTC(2026, 0, 1),
  manifestsDir: '/etc/kubernetes/manifests',
  insideHost: false,
};
const KNOWN = {
  apiServer: ['service-node-port-range'],
  controllerManager: ['terminated-pod-gc-threshold'],
  scheduler: [],
  node: ['node-labels', 'v'],
  kubeletFields: KUBELET_FIELDS,
};

const FROM = '/etc/gantry/init-configuration.yaml';
const ALL: Made = { certificates: true, etcd: true, controlPlane: true };
const NOTHING: Made = { certificates: false, etcd: false, controlPlane: false };

/** What the first `init` was told, each thing another than the default. */
const FIRST: Documents = {
  init: {
    localAPIEndpoint: { advertiseAddress: '192.0.2.1', bindPort: 7443 },
    nodeRegistration: {
      name: 'first',
      taints: [],
      kubeletExtraArgs: [
        { name: 'v', value: '4' },
        { name: 'node-labels', value: 'place=here' },
      ],
    },
    timeouts: { kubeletHealthCheck: '7m0s' },
  },
  cluster: {
    apiServer: { certSANs: ['api.example'], extraArgs: [{ name: 'service-node-port-range', value: '30000-31000' }] },
    certificateValidityPeriod: '1000h0m0s',
    certificatesDir: '/srv/pki',
    clusterName: 'mine',
    controlPlaneEndpoint: 'lb.example:6443',
    encryptionAlgorithm: 'ECDSA-P384',
    etcd: { local: { dataDir: '/srv/etcd', serverCertSANs: ['etcd.example'] } },
    networking: { podSubnet: '10.200.0.0/16', serviceSubnet: '10.43.0.0/16', dnsDomain: 'mine.local' },
    proxy: { disabled: true },
  },
  kubelet: { maxPods: 42 },
  proxy: { mode: 'iptables', iptables: { masqueradeAll: true } },
};

const decided = (given: Given, documents?: Documents, made: Made = ALL, nodeName?: string): Decision =>
  decide(given, documents === undefined ? undefined : { documents, from: FROM, made }, {
    nodeName,
    skip: [],
    machine: MACHINE,
    known: KNOWN,
  });
const byFlags = (documents: Documents = {}): Given => ({ by: 'flags', documents });
const byFile = (documents: Documents): Given => ({ by: 'file', documents });
const cluster = (fields: Written): Documents => ({ cluster: fields });

const first = decided(byFile(FIRST));
/** As it is read again from what was left. */
const STANDING = recordDocuments(recordText(first.settings, { pkiDir: first.pkiDir }), 'record');
const again = (given: Given, made?: Made) => decided(given, STANDING, made);
/** What is the same whenever and wherever a command is run again. */
const lasting = ({ settings: { tokens: _, ...rest }, pkiDir }: Decision) => ({ ...rest, pkiDir });

describe('a command where a cluster stands', () => {
  it('goes by what the first was told where it is told nothing', () => {
    expect(lasting(again(byFlags()))).toEqual(lasting(first));
    expect(again(byFlags())).toMatchObject({ changes: false, taintsSaid: false, taintsDropped: [] });
  });

  it('is of the version of this program, whatever the first was', () => {
    expect(STANDING.cluster).not.toHaveProperty('kubernetesVersion');
    expect(again(byFlags()).settings.cluster.kubernetesVersion).toBe('v1.36.0');
  });

  it('leaves no token behind', () => {
    expect(recordText(first.settings, { pkiDir: '/p' })).not.toContain('0123456789abcdef');
  });

  it('is told again which errors it passes over and which phases it leaves out', () => {
    const init = {
      ...FIRST.init,
      skipPhases: ['addon/coredns'],
      nodeRegistration: { name: 'first', ignorePreflightErrors: ['Mem'] },
    };
    const skip = ['addon/coredns'];
    const { settings, pkiDir } = decide(byFile({ ...FIRST, init }), undefined, {
      ...{ nodeName: undefined, skip, machine: MACHINE, known: KNOWN },
    });
    const { init: recorded, cluster: left } = recordDocuments(recordText(settings, { pkiDir }), 'record');
    expect(recorded).not.toHaveProperty('skipPhases');
    expect(recorded).not.toHaveProperty('nodeRegistration.ignorePreflightErrors');
    // what that means for every node is of the cluster
    expect(left).toHaveProperty('dns.disabled', true);
  });

  it('changes what flags name, and keeps all else', () => {
    const given = byFlags({
      init: { nodeRegistration: { kubeletExtraArgs: [{ name: 'node-labels', value: 'place=there' }] } },
      cluster: { apiServer: { certSANs: ['new.example', 'api.example'] }, certificateValidityPeriod: '2000h' },
      proxy: { mode: 'nftables' },
    });
    const { settings } = again(given);
    expect(settings).toEqual({
      ...first.settings,
      tokens: settings.tokens,
      nodeLabels: { place: 'there' },
      cluster: {
        ...first.settings.cluster,
        certificateSans: ['api.example', 'new.example'],
        certificateValidityMs: 2000 * 3_600_000,
        proxy: { mode: 'nftables', iptables: { masqueradeAll: true } },
      },
    });
  });

  it('takes off the taint that a flag says no more', () => {
    const tainted = recordDocuments(recordText(decided(byFlags()).settings, { pkiDir: '/p' }), 'record');
    const given = byFlags({ init: { nodeRegistration: { taints: [] } } });
    expect(decided(given, tainted, NOTHING)).toMatchObject({
      taintsSaid: true,
      taintsDropped: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }],
    });
  });

  it('takes documents of a file for all that can be changed, and keeps what they need not say', () => {
    const { settings, pkiDir, taintsSaid } = again(byFile(cluster({ apiServer: {} })));
    expect(settings.cluster).toMatchObject({
      podSubnet: '10.200.0.0/16',
      serviceSubnet: '10.43.0.0/16',
      dnsDomain: 'mine.local',
      clusterName: 'mine',
      controlPlaneEndpoint: 'lb.example:6443',
      etcd: { kind: 'local', dataDir: '/srv/etcd' },
      // it says nothing of these, as one that was deleted from it
      apiServerArgs: [],
      certificateSans: [],
      proxyDisabled: false,
      // and there is no such document in it
      kubelet: { maxPods: 42 },
      proxy: { mode: 'iptables' },
    });
    expect([pkiDir, settings.nodeName, settings.bindPort, taintsSaid]).toEqual(['/srv/pki', 'first', 7443, false]);
  });

  it('takes the directory of etcd as it stands where a file says other things of that etcd', () => {
    const { settings } = again(byFile(cluster({ etcd: { local: { serverCertSANs: ['e.example'] } } })));
    expect(settings.cluster.etcd).toMatchObject({ dataDir: '/srv/etcd', serverSans: ['e.example'] });
  });

  it('takes the name of a flag beside a file, and what else the cluster has for its node', () => {
    expect(decided(byFile(cluster({})), STANDING, ALL, 'First').settings).toMatchObject({
      nodeName: 'first',
      nodeLabels: { place: 'here' },
    });
  });

  it.each<[string, Documents, string]>([
    [
      'another network of pods',
      cluster({ networking: { podSubnet: '10.244.0.0/16' } }),
      'networking.podSubnet (--pod-network-cidr) is 10.200.0.0/16 in the cluster that stands here, and cannot become 10.244.0.0/16: nodes and pods have their addresses of it. Leave it out to keep the cluster; "gantry reset", and "gantry init" with it, make another',
    ],
    [
      'another network of Services',
      cluster({ networking: { serviceSubnet: '10.96.0.0/12' } }),
      'networking.serviceSubnet (--service-cidr) is 10.43.0.0/16',
    ],
    ['another domain', cluster({ networking: { dnsDomain: 'x.y' } }), 'networking.dnsDomain (--service-dns-domain)'],
    ['another name of the cluster', cluster({ clusterName: 'x' }), 'clusterName is mine'],
    [
      'another endpoint',
      cluster({ controlPlaneEndpoint: 'other.example' }),
      '(--control-plane-endpoint) is lb.example:6443 in the cluster that stands here, and cannot become other.example:7443',
    ],
    ['other keys', cluster({ certificatesDir: '/srv/other' }), 'certificatesDir (--cert-dir) is /srv/pki'],
    [
      'another directory of etcd',
      cluster({ etcd: { local: { dataDir: '/var/lib/etcd' } } }),
      'etcd.local.dataDir is /srv/etcd in the cluster that stands here, and cannot become /var/lib/etcd',
    ],
    ['another name of the node', { init: { nodeRegistration: { name: 'second' } } }, '(--node-name) is first'],
    [
      'another address',
      { init: { localAPIEndpoint: { advertiseAddress: '192.0.2.2' } } },
      '(--apiserver-advertise-address) is 192.0.2.1',
    ],
    ['another port', { init: { localAPIEndpoint: { bindPort: 6443 } } }, '(--apiserver-bind-port) is 7443'],
  ])('refuses %s, by flags and by a file', (_, documents, because) => {
    expect(() => again(byFlags(documents))).toThrow(because);
    expect(() => again(byFile(documents))).toThrow(because);
  });

  it('refuses an etcd of somebody else, and one of this machine after that', () => {
    const external = { endpoints: ['http://192.0.2.7:2379'], caFile: '', certFile: '', keyFile: '' };
    const given = byFile(cluster({ etcd: { external } }));
    expect(() => again(given)).toThrow(
      'etcd is an etcd of this machine in the cluster that stands here, and cannot become an etcd of somebody else',
    );
    expect(again(given, { ...ALL, controlPlane: false }).settings.cluster.etcd.kind).toBe('external');
    expect(() => decided(byFile(cluster({ etcd: { local: {} } })), { cluster: { etcd: { external } } })).toThrow(
      'cannot become an etcd of this machine',
    );
  });

  it('tells all that cannot be, a line each', () => {
    const given = byFlags(cluster({ networking: { podSubnet: '10.1.0.0/16', serviceSubnet: '10.2.0.0/16' } }));
    expect(() => again(given)).toThrow(/podSubnet.*\n.*serviceSubnet/);
  });

  it('takes another member for that of an etcd of somebody else', () => {
    const external = (host: string) => ({
      etcd: { external: { endpoints: [`http://${host}:2379`], caFile: '', certFile: '', keyFile: '' } },
    });
    const standing = recordDocuments(
      recordText(decided(byFile(cluster(external('192.0.2.7')))).settings, { pkiDir: '/etc/kubernetes/pki' }),
      'record',
    );
    const { settings } = decided(byFile(cluster(external('192.0.2.8'))), standing);
    expect(settings.cluster.etcd).toMatchObject({ endpoints: ['http://192.0.2.8:2379'] });
    expect(decided(byFile(cluster({})), standing).settings.cluster.etcd).toMatchObject({ kind: 'external' });
  });
});

describe('a command after one that was cut off', () => {
  it('goes by what that was told where it is told nothing', () => {
    expect(lasting(again(byFlags(), NOTHING))).toEqual(lasting(first));
  });

  it('takes whatever it is told as long as nothing was made that would break', () => {
    const other = cluster({ networking: { podSubnet: '10.1.0.0/16' }, certificatesDir: '/srv/other' });
    expect(again(byFlags(other), NOTHING)).toMatchObject({
      pkiDir: '/srv/other',
      settings: { cluster: { podSubnet: '10.1.0.0/16', dnsDomain: 'mine.local' } },
    });
    expect(again(byFile(other), NOTHING).settings.cluster.dnsDomain).toBe('cluster.local');
    const certificates = { ...NOTHING, certificates: true };
    expect(() => again(byFlags(other), certificates)).toThrow(/^certificatesDir[^\n]*$/);
  });
});

describe('a directory that is fixed', () => {
  it('may be written with a slash at its end', () => {
    expect(again(byFlags(cluster({ certificatesDir: '/srv/pki/' }))).changes).toBe(false);
  });
});

describe('a record', () => {
  const [text, other] = ['a: 1\n', 'a: 2\n'];
  const begun = (changes: boolean) => ({ changes, isFinished: false });
  const unfinished = nextRecord('', text, begun(true));

  it('is finished by a whole init, and before that only where it was and nothing else is asked for', () => {
    expect(unfinished).toMatch(/^# not everywhere yet: .*\na: 1\n$/);
    expect(nextRecord(unfinished, text, { changes: false, isFinished: true })).toBe(text);
    expect(nextRecord(unfinished, text, begun(false))).toBe(unfinished);
    expect(nextRecord(text, text, begun(true))).toBe(text);
    // what an admin has changed in a ConfigMap is in the cluster already
    expect(nextRecord(text, other, begun(false))).toBe(other);
    expect(nextRecord(text, other, begun(true))).toBe(unfinished.replace('1', '2'));
  });

  it('is read again as it was, whatever names a reader of YAML takes for something else', () => {
    const settings = { ...first.settings, nodeName: 'y', cluster: { ...first.settings.cluster, clusterName: 'on' } };
    const read = recordDocuments(recordText(settings, { pkiDir: first.pkiDir }), 'record');
    expect(decided(byFlags(), read).settings).toMatchObject({ nodeName: 'y', cluster: { clusterName: 'on' } });
  });

  it('may have flags that are none any more, which a file can leave out', () => {
    const standing = { cluster: { ...STANDING.cluster, apiServer: { extraArgs: [{ name: 'gone', value: '1' }] } } };
    expect(() => decided(byFlags(), standing)).toThrow('apiServer.extraArgs[0].name: "gone" is no flag here');
    expect(decided(byFile(cluster({})), standing).settings.cluster.apiServerArgs).toEqual([]);
  });

  const GIVABLE = 'give the whole document anew with --config, without it, or ';
  it.each<[string, Documents, string, string]>([
    [
      'a flag of the node',
      { init: { nodeRegistration: { kubeletExtraArgs: [{ name: 'gone', value: '1' }] } } },
      'nodeRegistration.kubeletExtraArgs[0].name: "gone" is no flag here',
      GIVABLE,
    ],
    [
      'a flag of the control plane',
      cluster({ scheduler: { extraArgs: [{ name: 'gone', value: '1' }] } }),
      'scheduler.extraArgs[0].name: "gone" is no flag here',
      GIVABLE,
    ],
    ['a value', cluster({ networking: { podSubnet: 'x' } }), 'networking.podSubnet', ''],
  ])('that has %s which is none any more is named, and what to do with it', (_, documents, problem, give) => {
    expect(() => decided(byFlags(), documents)).toThrow(
      expect.objectContaining({
        code: 'failed-precondition',
        message: expect.stringMatching(
          new RegExp(
            `\nthis is in ${FROM}, which holds .*goes by: ${give}mend it there, or take out of it what this version does not know$`,
          ),
        ),
      }),
    );
    expect(() => decided(byFlags(), documents)).toThrow(problem);
    const anew = byFile({ init: {}, ...cluster({}) });
    if (give === '') expect(() => decided(anew, documents)).toThrow(problem);
    else expect(lasting(decided(anew, documents))).toEqual(lasting(decided(anew, { init: {}, ...cluster({}) })));
  });

  it('is not named for what a file says anew', () => {
    const wrong = cluster({ scheduler: { extraArgs: [{ name: 'gone', value: '1' }] } });
    expect(() => decided(byFile(wrong), wrong)).toThrow(
      expect.objectContaining({ code: 'invalid-argument', message: expect.not.stringContaining(FROM) }),
    );
  });

  it('names the directory of etcd once, with a slash at its end or without', () => {
    const etcd = { local: { dataDir: '/srv/etcd/', serverCertSANs: ['etcd.example'] } };
    expect(again(byFile({ ...FIRST, cluster: { ...FIRST.cluster, etcd } }))).toMatchObject({
      changes: false,
      settings: { cluster: { etcd: { dataDir: '/srv/etcd' } } },
    });
  });

  it('keeps arguments that are not heeded, and tells of them again', () => {
    const controllerManager = {
      extraArgs: [
        { name: 'bind-address', value: '127.0.0.1' },
        { name: 'terminated-pod-gc-threshold', value: '300' },
      ],
    };
    const warning = /^ClusterConfiguration: controllerManager.extraArgs\[0\]: bind-address is not heeded: /;
    const made = decided(byFile({ ...FIRST, cluster: { ...FIRST.cluster, controllerManager } }));
    expect(made.warnings).toEqual([expect.stringMatching(warning)]);
    const record = recordDocuments(recordText(made.settings, { pkiDir: made.pkiDir }), 'record');
    const second = decided(byFlags(), record);
    expect(second).toMatchObject({ changes: false, warnings: [expect.stringMatching(warning)] });
    expect(second.settings.cluster.controllerManagerArgs).toEqual(controllerManager.extraArgs);
    expect(decided(byFile(cluster({})), record).warnings).toEqual([]);
  });

  it('goes on with an argument that an older version took for another part of the control plane, and says whose it is', () => {
    const scheduler = { extraArgs: [{ name: 'service-node-port-range', value: '30000-31000' }] };
    const problem =
      'scheduler.extraArgs[0].name: "service-node-port-range" is no flag of the scheduler, but of the API server: it belongs to apiServer.extraArgs';
    const standing = { cluster: { ...STANDING.cluster, scheduler } };
    expect(decided(byFlags(), standing)).toMatchObject({
      changes: false,
      settings: { cluster: { schedulerArgs: scheduler.extraArgs } },
      warnings: [`ClusterConfiguration, as it stands: ${problem}`],
    });
    expect(() => decided(byFile(cluster({ scheduler })), STANDING)).toThrow(problem);
    expect(decided(byFile(cluster({})), standing).warnings).toEqual([]);
  });
});

describe('a command where ConfigMaps of the cluster were edited', () => {
  const { cluster: stands } = first.settings;
  const manifestsDir = MACHINE.manifestsDir;
  const texts = {
    cluster: clusterConfigurationText(stands, first),
    kubelet: kubeletConfigurationText(stands, { pkiDir: first.pkiDir, manifestsDir }, false),
    proxy: proxyConfigurationText(stands),
  };
  const withTexts = (live: Partial<typeof texts>) =>
    decide(
      byFlags(),
      { documents: STANDING, from: FROM, made: ALL, live: { ...texts, ...live } },
      { nodeName: undefined, skip: [], machine: MACHINE, known: KNOWN },
    );

  it('goes by what it was told where nobody has', () => {
    expect(lasting(withTexts({}))).toEqual(lasting(first));
  });

  it('keeps what an admin has changed, added and taken away', () => {
    const { settings } = withTexts({
      cluster: texts.cluster.replace('api.example', 'other.example').replace('10.200.0.0/16', '10.1.0.0/16'),
      kubelet: texts.kubelet.replace('maxPods: 42', 'podPidsLimit: 99').replace('healthzPort: 10248', 'healthzPort: 1'),
      proxy: texts.proxy.replace('mode: iptables', 'mode: ipvs'),
    });
    expect(settings.cluster).toEqual({
      ...stands,
      // the network of pods is what it is, whatever is written there
      certificateSans: ['other.example'],
      kubelet: { podPidsLimit: 99, healthzPort: 1 },
      proxy: { mode: 'ipvs', iptables: { masqueradeAll: true } },
    });
  });

  it('keeps what is changed of its etcd, but not where the data are, or whose it is', () => {
    const edited = (text: string) => withTexts({ cluster: text }).settings.cluster.etcd;
    expect(edited(texts.cluster.replace('etcd.example', 'other.example').replace('/srv/etcd', '/elsewhere'))).toEqual({
      ...stands.etcd,
      serverSans: ['other.example'],
    });
    const [head = ''] = texts.cluster.split('etcd:\n');
    expect(head).not.toBe(texts.cluster);
    const external = `${head}etcd:\n  external:\n    endpoints: ["http://192.0.2.7:2379"]\n`;
    expect(edited(external)).toEqual(stands.etcd);
  });

  it('says that they are wrong where what they say is', () => {
    const wrong = texts.cluster.replace('1000h0m0s', 'soon');
    expect(() => withTexts({ cluster: wrong })).toThrow(/^what the ConfigMaps kubeadm-config, .* cannot be used: /);
    const gone = texts.cluster.replace('service-node-port-range', 'gone');
    expect(() => withTexts({ cluster: gone })).toThrow(
      /^what the ConfigMaps .*: apiServer.extraArgs\[0\].name: "gone" is no flag here/,
    );
  });

  it('names the one that cannot be read', () => {
    expect(() => withTexts({ proxy: 'a: [' })).toThrow(/^the ConfigMap kube-proxy in kube-system is no YAML: /);
    expect(() => withTexts({ kubelet: 'nothing' })).toThrow('kubelet-config in kube-system holds no configuration');
  });

  it('is not kept from going on by one that is not there', () => {
    const none = { cluster: undefined, kubelet: undefined, proxy: undefined };
    const standing = { documents: STANDING, from: FROM, made: ALL, live: none };
    const options = { nodeName: undefined, skip: [], machine: MACHINE, known: KNOWN };
    expect(lasting(decide(byFlags(), standing, options))).toEqual(lasting(first));
  });
});

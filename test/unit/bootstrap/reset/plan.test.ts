import { describe, expect, it } from 'vitest';
import { certificatePlan } from '../../../../src/bootstrap/certificates/plan.ts';
import { filesBelow } from '../../../../src/bootstrap/files.ts';
import { describeRemovals } from '../../../../src/bootstrap/reset/describe.ts';
import { resetNames } from '../../../../src/bootstrap/reset/names.ts';
import { planReset, type ResetFacts } from '../../../../src/bootstrap/reset/plan.ts';
import { initSettings } from '../init-settings.ts';

const NAMES = resetNames(filesBelow('/'), {
  bridge: 'gantry0',
  podLinks: [/^veth[0-9a-f]{11}$/, /^ifb[0-9a-f]{11}$/],
  routeProtocol: 103,
  tables: ['inet gantry_network', 'ip gantry_proxy'],
  conflist: '10-gantry.conflist',
  profile: 'gantry-default',
});
const CLEAN: ResetFacts = {
  services: [{ name: 'gantry-node', traces: [] }],
  processes: [],
  mounts: [],
  links: [],
  routes: [],
  addresses: [],
  tables: [],
  spareTables: [],
  proxyTraces: [],
  profiles: new Set(['docker-default']),
  ownKubeconfigs: [],
  cgroups: [],
  files: { entries: new Map(), standing: new Set(), modesBefore: {}, modes: {}, hadEtcd: true, cleanupTmpDir: false },
};
const withEntries = (entries: Record<string, string[]>, more: Partial<ResetFacts['files']> = {}): ResetFacts => ({
  ...CLEAN,
  files: { ...CLEAN.files, entries: new Map(Object.entries(entries)), ...more },
});
const plan = (facts: Partial<ResetFacts>) => planReset({ ...CLEAN, ...facts }, NAMES);
const removed = (facts: Partial<ResetFacts>) => plan(facts).removals.flatMap(r => ('file' in r ? [r.file.path] : []));

describe('the plan of a reset', () => {
  it('is empty on a machine that is clean', () => {
    expect(plan({})).toEqual({ removals: [], left: [] });
  });

  it('ends whoever uses a thing before the thing', () => {
    const facts = {
      ...withEntries({ '/run/gantry': ['cri'] }),
      processes: [{ pid: 7, startTime: 1 }],
      mounts: [
        {
          target: '/run/gantry/cri/netns/a',
          device: '0:4',
          fstype: 'nsfs',
          source: 'nsfs',
          id: 2,
          parentId: 1,
          root: 'net:[7]',
        },
      ],
      links: [{ index: 4, name: 'gantry0', kind: 'bridge', master: undefined }],
      cgroups: ['/kubepods'],
      services: [{ name: 'gantry-node', traces: ['/etc/gantry/gantry-node.env'] }],
    };
    expect(plan(facts).removals.map(({ kind }) => kind)).toEqual([
      'processes',
      'unmount',
      'links',
      'cgroup',
      'file',
      'service',
    ]);
  });

  it('takes the bridge of pods, their links at it, and nothing that only looks alike', () => {
    const veth = (name: string, master: number | undefined) => ({ index: 9, name, kind: 'veth', master });
    const links = [
      { index: 4, name: 'gantry0', kind: 'bridge', master: undefined },
      { index: 5, name: 'gantry-demo', kind: 'bridge', master: undefined },
      veth('veth0123456789a', 4),
      veth('veth0123456789b', 5),
      veth('veth0123456789c', undefined),
      veth('vethabc', 4),
      { index: 8, name: 'ifb0123456789a', kind: 'ifb', master: undefined },
      { index: 8, name: 'ifb0', kind: 'ifb', master: undefined },
    ];
    expect(plan({ links }).removals).toMatchObject([
      { kind: 'links', names: ['veth0123456789a', 'ifb0123456789a'] },
      { kind: 'links', names: ['gantry0'] },
    ]);
  });

  it('leaves a link of another kind that has the name of the bridge', () => {
    expect(plan({ links: [{ index: 4, name: 'gantry0', kind: 'dummy', master: undefined }] }).removals).toEqual([]);
  });

  it('takes routes by their mark, tables and addresses by their name', () => {
    const route = { destination: '10.244.1.0/24', gateway: '10.0.0.2', linkIndex: 2 };
    const facts = {
      routes: [
        { ...route, protocol: 103 },
        { ...route, protocol: 4 },
      ],
      tables: ['inet gantry_network', 'inet filter'],
      addresses: [
        { linkIndex: 1, ip: '127.0.0.1', prefix: 8 },
        { linkIndex: 1, ip: '169.254.20.10', prefix: 32 },
      ],
    };
    expect(describeRemovals(plan(facts).removals, 'would')).toEqual([
      'Would remove the nft table inet gantry_network (rules of this node)',
      'Would remove the route to 10.244.1.0/24 (to the pods of another node)',
      'Would remove the address 169.254.20.10 of the link lo (where pods asked for names)',
    ]);
    expect(plan(facts).left).toEqual([{ what: 'the nft table inet filter', because: 'not made by Gantry' }]);
  });

  it("takes iptables' own tables where they were not there before and nothing is in them", () => {
    const facts = {
      tables: ['ip nat', 'ip filter'],
      spareTables: ['ip nat'],
      proxyTraces: ['the chains KUBE-* of iptables-nft'],
    };
    expect(describeRemovals(plan(facts).removals, 'done')).toEqual([
      'Removed the nft table ip nat (empty, and not there before)',
      'Removed the chains KUBE-* of iptables-nft (rules of the service proxy)',
    ]);
    expect(plan(facts).left).toEqual([{ what: 'the nft table ip filter', because: 'not made by Gantry' }]);
  });

  it('takes our AppArmor profile out of the kernel, and no other', () => {
    const { removals } = plan({ profiles: new Set(['docker-default', 'gantry-default']) });
    expect(describeRemovals(removals, 'done')).toEqual([
      'Unloaded the AppArmor profile gantry-default (what confined containers)',
    ]);
  });

  it('knows every key and certificate that init makes', () => {
    const pairs = certificatePlan(initSettings()).map(({ baseName }) => baseName);
    expect([...NAMES.pairNames].sort()).toEqual(pairs.sort());
  });

  it.each([
    ['credentials of the cluster', '/etc/kubernetes', 'admin.conf'],
    ['one that a killed writer left', '/etc/kubernetes', 'kubelet.conf.tmp-0a1b2c3d'],
    ['a certificate', '/etc/kubernetes/pki', 'apiserver.crt'],
    ['a key of etcd', '/etc/kubernetes/pki/etcd', 'server.key'],
    ['the key for tokens', '/etc/kubernetes/pki', 'sa.pub'],
    ['our CNI configuration', '/etc/cni/net.d', '10-gantry.conflist'],
    ['what is known of the cluster', '/etc/gantry', 'cluster-configuration.yaml'],
    ['a marker that was not finished', '/etc/gantry', 'bootstrap.json.tmp-0a1b2c3d'],
    ['the data of etcd', '/var/lib/etcd', 'member'],
    ['logs of a pod', '/var/log/pods', 'default_web-1_8f3c'],
  ])('takes %s', (_what, directory, name) => {
    expect(removed(withEntries({ [directory]: [name] }, { standing: new Set([directory]) }))).toEqual([
      `${directory}/${name}`,
    ]);
  });

  it.each([
    ["an admin's own file", '/etc/kubernetes', 'audit-policy.yaml', 'not written by Gantry'],
    ['a CA of somebody else', '/etc/kubernetes/pki', 'oidc-ca.crt', 'no key of the cluster that Gantry made'],
    ['another CNI configuration', '/etc/cni/net.d', '05-cilium.conflist', 'a CNI configuration of somebody else'],
    ['a static pod', '/etc/kubernetes/manifests', 'web.yaml', 'a static pod of yours'],
    ['the data of another etcd', '/var/lib/etcd', 'default', 'not of this etcd'],
    ['a log that no pod wrote', '/var/log/pods', 'notes.txt', 'no logs of a pod'],
  ])('leaves %s and names it', (_what, directory, name, because) => {
    const { removals, left } = plan(withEntries({ [directory]: [name] }, { standing: new Set([directory]) }));
    expect(removals).toEqual([]);
    expect(left).toEqual([{ what: `${directory}/${name}`, because }]);
  });

  it('leaves the configuration of the package without a word, and the marker for the end', () => {
    const facts = withEntries(
      { '/etc/gantry': ['bootstrap.json', 'cri.yaml'] },
      { standing: new Set(['/etc/gantry']) },
    );
    expect(plan(facts)).toEqual({ removals: [], left: [] });
  });

  it('does not look into the data of etcd where a node has only joined', () => {
    expect(
      removed(withEntries({ '/var/lib/etcd': ['member'] }, { hadEtcd: false, standing: new Set(['/var/lib/etcd']) })),
    ).toEqual([]);
  });

  it('empties directories that were there before, and removes the others', () => {
    const entries = { '/var/lib/kubelet': ['pods'], '/var/lib/gantry': ['images'], '/run/gantry': [] };
    const { removals } = plan(withEntries(entries, { standing: new Set(['/var/lib/kubelet']) }));
    expect(removals.flatMap(r => ('file' in r ? [`${r.file.kind} ${r.file.path}`] : []))).toEqual([
      'contents /var/lib/kubelet',
      'tree /var/lib/gantry',
      'tree /run/gantry',
      'empty-directory /var/lib/gantry',
    ]);
  });

  it('gives a directory the owner and the permissions back that it had', () => {
    const of = (mode: number, uid = 0) => ({ mode, uid, gid: 0 });
    const modesBefore = {
      '/var/lib/etcd': of(0o700, 110),
      '/etc/cni': of(0o755),
      '/opt/cni': of(0o755),
      '/var/log/pods': of(0o755),
    };
    const modes = { '/var/lib/etcd': of(0o700), '/etc/cni': of(0o755), '/var/log/pods': of(0o750) };
    const { removals } = plan({ files: { ...CLEAN.files, modesBefore, modes } });
    expect(removals).toMatchObject([
      { kind: 'file', file: { kind: 'mode', path: '/var/lib/etcd', before: of(0o700, 110) } },
      { kind: 'file', file: { kind: 'mode', path: '/var/log/pods', before: of(0o755) } },
    ]);
  });

  it('removes /etc/kubernetes/tmp only when asked', () => {
    const facts = withEntries({ '/etc/kubernetes/tmp': ['backup'] }, { standing: new Set(['/etc/kubernetes']) });
    expect(removed(facts)).toEqual([]);
    expect(removed({ files: { ...facts.files, cleanupTmpDir: true } })).toEqual(['/etc/kubernetes/tmp']);
  });
});

describe('the words of a reset', () => {
  const unmount = (target: string, isForeign: boolean, because = 'a volume of pod u1') =>
    ({ kind: 'unmount', target, because, isForeign, isSole: true, mayHang: false }) as const;

  it('tell many of a kind in one line', () => {
    const many = ['a', 'b', 'c', 'd'].map(name =>
      unmount(`/var/lib/kubelet/pods/${name}/x`, false, `a volume of pod ${name}`),
    );
    expect(describeRemovals(many, 'done')).toEqual(['Unmounted 4 file systems (volumes of pods)']);
  });

  it('name each file system of somebody else', () => {
    const many = ['a', 'b', 'c', 'd'].map(name => unmount(`/${name}`, true));
    expect(describeRemovals(many, 'done')).toEqual(
      many.map(({ target }) => `Unmounted ${target} (a volume of pod u1)`),
    );
  });
});

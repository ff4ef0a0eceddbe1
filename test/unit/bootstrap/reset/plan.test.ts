import { describe, expect, it } from 'vitest';
import { certificatePlan } from '../../../../src/bootstrap/certificates/plan.ts';
import { filesBelow } from '../../../../src/bootstrap/files.ts';
import { type Marker, markerOf } from '../../../../src/bootstrap/marker/format.ts';
import { initPaths, joinPaths } from '../../../../src/bootstrap/marker/paths.ts';
import { earlierPlaces } from '../../../../src/bootstrap/marker/plan.ts';
import { describeRemovals } from '../../../../src/bootstrap/reset/describe.ts';
import { type PartNames, resetNames } from '../../../../src/bootstrap/reset/names.ts';
import { ownership } from '../../../../src/bootstrap/reset/ownership.ts';
import { planReset, type ResetFacts } from '../../../../src/bootstrap/reset/plan.ts';
import { withRealPlaces } from '../../../../src/bootstrap/reset/real-places.ts';
import { initSettings } from '../init-settings.ts';

const PARTS: PartNames = {
  bridge: 'gantry0',
  podLinks: [/^veth[0-9a-f]{11}$/, /^ifb[0-9a-f]{11}$/],
  routeProtocol: 103,
  tables: ['inet gantry_network', 'ip gantry_proxy'],
  conflist: '10-gantry.conflist',
  profile: 'gantry-default',
};
const NAMES = resetNames(filesBelow('/'), PARTS);
const CLEAN: ResetFacts = {
  services: [{ name: 'gantry-node', traces: [] }],
  processes: [],
  mounts: [],
  links: [],
  routes: [],
  addresses: [],
  tables: [],
  spareTables: [],
  proxy: { chains: [], loopback: 'closed' },
  isLoopbackRouteConfigured: false,
  delaysShutdown: false,
  profiles: new Set(['docker-default']),
  ownKubeconfigs: [],
  unreadable: [],
  silent: [],
  cgroups: [],
  files: {
    entries: new Map(),
    standing: new Set(),
    parents: [],
    modesBefore: {},
    modes: {},
    made: new Set(initPaths(filesBelow('/'), 'local')),
    hadEtcd: true,
    hadKubelet: true,
    kubeletHad: new Set(),
    cleanupTmpDir: false,
  },
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
      processes: [{ pid: 7, startTime: 1, name: 'conmon' }],
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

  it('takes the longer patience of logind away, where a kubelet has asked for it', () => {
    expect(describeRemovals(plan({ delaysShutdown: true }).removals, 'done')).toEqual([
      'Removed /etc/systemd/logind.conf.d/99-gantry.conf (the longer shutdown of this node)',
    ]);
  });

  it('leaves the files for an etcd of somebody else, whatever their names', () => {
    const entries = {
      '/etc/kubernetes/pki': ['apiserver-etcd-client.key', 'ca.key', 'etcd'],
      '/etc/kubernetes/pki/etcd': ['ca.crt'],
    };
    const yours = ['/etc/kubernetes/pki/apiserver-etcd-client.key', '/etc/kubernetes/pki/etcd/ca.crt'];
    const asWritten = ['/etc/kubernetes/pki//apiserver-etcd-client.key', '/etc/kubernetes/tmp/../pki/./etcd/ca.crt'];
    const names = resetNames({ ...filesBelow('/'), pkiDir: '/etc/kubernetes/pki' }, PARTS, asWritten);
    const { removals, left } = planReset(withEntries(entries), names);
    expect(removals.flatMap(r => ('file' in r && r.file.kind === 'tree' ? [r.file.path] : []))).toEqual([
      '/etc/kubernetes/pki/ca.key',
    ]);
    expect(left.map(({ what }) => what).toSorted()).toEqual(yours);
  });

  const MARKER: Marker = markerOf('{"command":"init","standing":[]}', filesBelow('/'));
  const treesOf = (marker: Marker | undefined, entries: Record<string, string[]>) => {
    const facts = withEntries(entries, {
      ...ownership(marker, '/etc/kubernetes/pki', false),
      standing: new Set(Object.keys(entries)),
    });
    return planReset(facts, NAMES).removals.flatMap(r => ('file' in r && r.file.kind === 'tree' ? [r.file.path] : []));
  };
  const ETCD_FILES = ['ca.crt', 'ca.key', 'healthcheck-client.key', 'peer.crt', 'peer.key', 'server.crt', 'server.key'];
  /** Of another control plane, or of an etcd of somebody else, under the names that are ours. */
  const OTHERS = {
    '/etc/kubernetes': ['admin.conf', 'kubelet.conf', 'manifests', 'pki'],
    '/etc/kubernetes/pki': ['apiserver-etcd-client.crt', 'ca.crt', 'ca.key', 'etcd', 'sa.key', 'sa.pub'],
    '/etc/kubernetes/pki/etcd': ETCD_FILES,
    '/var/lib/etcd': ['member'],
    '/var/lib/kubelet': ['config.yaml', 'pods'],
  };

  it('leaves the key pairs of an external etcd that runs on this machine, which no configuration names', () => {
    const external = markerOf('{"externalEtcd":{"endpoints":[],"files":[]}}', filesBelow('/'));
    const { '/etc/kubernetes/pki': pki, '/etc/kubernetes/pki/etcd': etcd } = OTHERS;
    const entries = { '/etc/kubernetes/pki': pki, '/etc/kubernetes/pki/etcd': etcd };
    expect(treesOf(external, entries)).toEqual(
      ['ca.crt', 'ca.key', 'sa.key', 'sa.pub'].map(name => `/etc/kubernetes/pki/${name}`),
    );
    expect(treesOf(MARKER, entries)).toHaveLength(pki.length - 1 + etcd.length);
  });

  it('takes the keys of an etcd that was made here before the cluster got another', () => {
    const marker = { ...MARKER, externalEtcd: { endpoints: [], files: ['/e/ca.crt'] } };
    expect(treesOf(marker, { '/etc/kubernetes/pki/etcd': ETCD_FILES })).toHaveLength(ETCD_FILES.length);
  });

  it('takes of a worker the CA alone, whatever else stands there under names of a control plane', () => {
    const marker: Marker = {
      ...MARKER,
      command: 'join',
      made: joinPaths(filesBelow('/')),
      kubeletHad: ['config.json'],
    };
    const entries = { ...OTHERS, '/var/lib/kubelet': ['config.json', 'config.yaml', 'pods'] };
    expect(treesOf(marker, entries)).toEqual([
      '/var/lib/kubelet/config.yaml',
      '/var/lib/kubelet/pods',
      '/etc/kubernetes/pki/ca.crt',
      '/etc/kubernetes/kubelet.conf',
    ]);
  });

  it('takes what one phase has made, and nothing of another control plane', () => {
    const made = ['/etc/kubernetes/pki/front-proxy-ca.crt', '/etc/kubernetes/pki/front-proxy-ca.key'];
    const marker: Marker = { ...MARKER, passed: false, made };
    const pki = [
      ...OTHERS['/etc/kubernetes/pki'],
      'front-proxy-ca.crt',
      'front-proxy-ca.key',
      'front-proxy-ca.key.tmp-01234567',
    ];
    const entries = { ...OTHERS, '/etc/kubernetes/pki': pki };
    expect(treesOf(marker, entries)).toEqual([...made, `${made[1]}.tmp-01234567`]);
  });

  it('takes nothing that others may have made where no marker says what was made here', () => {
    expect(treesOf(undefined, OTHERS)).toEqual([]);
  });

  it("looks one deep into what stood in the kubelet's directory, and takes what came into it", () => {
    const marker: Marker = { ...MARKER, kubeletHad: ['config.json', 'pods/', 'pods/old', 'pki/'] };
    const entries = {
      '/var/lib/kubelet': ['config.json', 'config.yaml', 'pki', 'pods'],
      '/var/lib/kubelet/pki': ['kubelet.crt'],
      '/var/lib/kubelet/pods': ['new', 'old'],
    };
    expect(treesOf(marker, entries)).toEqual(
      ['config.yaml', 'pki/kubelet.crt', 'pods/new'].map(name => `/var/lib/kubelet/${name}`),
    );
  });

  it('empties a disk of its own for pods that was there before, but for what was on it, and one that came later of its pods', () => {
    const uid = '01234567-89ab-cdef-0123-456789abcdef';
    const entries = {
      '/var/lib/kubelet': ['config.yaml', 'pods'],
      '/var/lib/kubelet/pods': ['lost+found', 'old', uid],
    };
    const standing = new Set(['/var/lib/kubelet', '/var/lib/kubelet/pods']);
    const ours = [`/var/lib/kubelet/config.yaml`, `/var/lib/kubelet/pods/${uid}`];
    const of = (kubeletHad: readonly string[]) =>
      planReset(withEntries(entries, { standing, kubeletHad: new Set(kubeletHad) }), NAMES);
    const trees = ({ removals }: ReturnType<typeof of>) =>
      removals.flatMap(r =>
        'file' in r && r.file.kind !== 'empty-directory' ? [`${r.file.kind} ${r.file.path}`] : [],
      );
    for (const had of [['pods/', 'pods/lost+found', 'pods/old'], []]) {
      const planned = of(had);
      expect(trees(planned)).toEqual(ours.map(path => `tree ${path}`));
      expect(planned.left.map(({ what }) => what)).toEqual(
        ['lost+found', 'old'].map(name => `/var/lib/kubelet/pods/${name}`),
      );
    }
    // of an earlier version, which did not look what was on it
    expect(trees(of(['pods']))).toEqual(['tree /var/lib/kubelet/config.yaml']);
  });

  it('takes by name from where links lead, and leaves what else is on that disk', () => {
    const uid = '01234567-89ab-cdef-0123-456789abcdef';
    const names = withRealPlaces(
      NAMES,
      path => ({ '/var/lib/gantry': '/mnt/disk1', '/var/lib/kubelet': '/mnt/disk2' })[path],
    );
    const entries = {
      '/mnt/disk1': ['images', 'postgres', 'root.lock'],
      '/mnt/disk1/images': ['layers', 'photos'],
      '/mnt/disk2': ['config.json', 'config.yaml', 'pods'],
      '/mnt/disk2/pods': ['mine', uid],
    };
    const { removals, left } = planReset(withEntries(entries), names);
    expect(removals.flatMap(r => ('file' in r ? [`${r.file.kind} ${r.file.path}`] : []))).toEqual([
      `tree /mnt/disk2/pods/${uid}`,
      'tree /mnt/disk2/config.yaml',
      'empty-directory /mnt/disk2/pods',
      'tree /mnt/disk1/images/layers',
      'tree /mnt/disk1/root.lock',
      'empty-directory /mnt/disk1/images',
    ]);
    expect(left.map(({ what }) => what)).toEqual([
      '/mnt/disk2/pods/mine',
      '/mnt/disk2/config.json',
      '/mnt/disk1/images/photos',
      '/mnt/disk1/postgres',
    ]);
  });

  /** As what was found says, with a link in the place of one directory. */
  const removedBehind = (
    link: string,
    real: string,
    entries: Record<string, string[]>,
    had: readonly string[] = [],
  ) => {
    const names = withRealPlaces(NAMES, path => (path === link ? real : undefined));
    const facts = withEntries(entries, { kubeletHad: new Set(had), standing: new Set(names.linked) });
    const { removals, left } = planReset(facts, names);
    return { removed: removals.flatMap(r => ('file' in r ? [`${r.file.kind} ${r.file.path}`] : [])), left };
  };

  it.each(['/mnt', '/srv', '/opt', '/home/me', '/var/x', '/mnt/disk'])(
    'takes by name alone what the kubelet made where a link leads to %s, whatever came there since',
    real => {
      const uid = '01234567-89ab-cdef-0123-456789abcdef';
      const entries = {
        [real]: ['config.yaml', 'git', 'lost+found', 'pki', 'pods', 'www'],
        [`${real}/pods`]: ['peas', uid],
        [`${real}/pki`]: ['kubelet-ca.key', 'kubelet-client-2026-01-02-03-04-05.pem', 'kubelet.key'],
        '/var/lib/kubelet': ['config.yaml', 'git', 'lost+found', 'pki', 'pods', 'www'],
      };
      const { removed, left } = removedBehind('/var/lib/kubelet', real, entries, ['lost+found/', 'www/', 'www/index']);
      expect(removed).toEqual([
        `tree ${real}/pods/${uid}`,
        `tree ${real}/pki/kubelet-client-2026-01-02-03-04-05.pem`,
        `tree ${real}/pki/kubelet.key`,
        `tree ${real}/config.yaml`,
        `empty-directory ${real}/pods`,
        `empty-directory ${real}/pki`,
      ]);
      expect(JSON.stringify(left)).toContain('peas');
    },
  );

  it('takes no name that others give, too, out of the top of a disk, and tells of theirs in one line', () => {
    const entries = { '/opt': ['a', 'b', 'c', 'cni', 'images', 'root.lock'], '/opt/images': ['layers', 'photos'] };
    expect(removedBehind('/var/lib/gantry', '/opt', entries)).toEqual({
      removed: ['tree /opt/images/layers', 'tree /opt/root.lock', 'empty-directory /opt/images'],
      left: [
        {
          what: '/opt',
          because: 'a link leads to it, and it holds what Gantry has not made: images/photos, a, b and 2 more',
        },
      ],
    });
  });

  it('takes nothing out of a directory of the system, and says so', () => {
    const { removed, left } = removedBehind('/var/lib/kubelet', '/usr', {}, ['bin/']);
    expect(removed).toEqual([]);
    expect(left).toMatchObject([{ what: '/var/lib/kubelet', because: expect.stringContaining('it leads to /usr') }]);
  });

  it('takes of logs behind a link only those with the uid of a pod', () => {
    const uid = '0'.repeat(32);
    const entries = { '/srv/logs': [`default_web_${uid}`, 'my_holiday_photos'] };
    expect(removedBehind('/var/log/pods', '/srv/logs', entries).removed).toEqual([`tree /srv/logs/default_web_${uid}`]);
  });

  it('leaves what stood as a directory of the same name where a link leads', () => {
    const entries = { '/mnt/disk': ['config.yaml', 'plugins'] };
    expect(removedBehind('/var/lib/kubelet', '/mnt/disk', entries, ['plugins/', 'plugins/mine'])).toEqual({
      removed: ['tree /mnt/disk/config.yaml'],
      left: [{ what: '/mnt/disk/plugins', because: 'it was here before' }],
    });
  });

  it('takes all under the names of the cluster from a directory of keys that was named for it', () => {
    const facts = withEntries({ '/srv/pki': ['ca.key', 'mine.key'] }, { ...ownership(MARKER, '/srv/pki', false) });
    const names = resetNames({ ...filesBelow('/'), pkiDir: '/srv/pki' }, PARTS);
    expect(planReset(facts, names).removals.flatMap(r => ('file' in r ? [r.file.path] : []))).toContain(
      '/srv/pki/ca.key',
    );
  });

  it('takes what was made in places that no longer count, and leaves what others have there', () => {
    const marker: Marker = {
      ...MARKER,
      places: { pkiDir: '/etc/kubernetes/pki', etcdDataDir: '/srv/new/etcd' },
      earlier: { pkiDirs: ['/srv/pki', '/etc/kubernetes/old'], etcdDataDirs: ['/srv/etcd'] },
      made: ['/srv/pki/ca.key', '/srv/pki/etcd/ca.key', '/etc/kubernetes/old/sa.pub', '/srv/etcd/member'],
    };
    const files = { ...filesBelow('/'), ...marker.places };
    const names = resetNames(files, PARTS, [], earlierPlaces(marker, files.pkiDir));
    const entries = {
      '/etc/kubernetes': ['old', 'pki'],
      '/etc/kubernetes/old': ['sa.pub'],
      '/srv/pki': ['ca.key', 'etcd', 'mine.key'],
      '/srv/pki/etcd': ['ca.key'],
      '/srv/etcd': ['lost+found', 'member'],
      '/srv/new/etcd': ['member'],
    };
    const facts = withEntries(entries, { ...ownership(marker, files.pkiDir, false), standing: new Set(['/srv/pki']) });
    const { removals, left } = planReset(facts, names);
    const ofKind = (...kinds: string[]) =>
      removals.flatMap(r => ('file' in r && kinds.includes(r.file.kind) ? [r.file.path] : [])).toSorted();
    expect(ofKind('tree', 'contents')).toEqual([
      '/etc/kubernetes/old/sa.pub',
      '/srv/etcd/member',
      '/srv/pki/ca.key',
      '/srv/pki/etcd/ca.key',
    ]);
    expect(ofKind('empty-directory')).toEqual([
      '/etc/kubernetes',
      '/etc/kubernetes/old',
      '/srv/etcd',
      '/srv/new/etcd',
      '/srv/pki/etcd',
    ]);
    expect(left.map(({ what }) => what)).toEqual(['/srv/etcd/lost+found', '/srv/pki/mine.key']);
  });

  it('takes directories above the data of etcd that were made here, once they are empty, from below, and tells of nothing that others have mounted in them', () => {
    const names = resetNames({ ...filesBelow('/'), etcdDataDir: '/srv/a/b/etcd' }, PARTS);
    const facts = withEntries({ '/srv/a/b/etcd': ['member'] }, { hadEtcd: true, parents: ['/srv/a', '/srv/a/b'] });
    const mount = { device: '8:1', fstype: 'ext4', source: '/dev/sda1', id: 2, parentId: 1, root: '/' };
    const { removals, left } = planReset({ ...facts, mounts: [{ ...mount, target: '/srv/a/photos' }] }, names);
    expect(left).toEqual([]);
    expect(removals.flatMap(r => ('file' in r ? [`${r.file.kind} ${r.file.path}`] : []))).toEqual([
      'tree /srv/a/b/etcd/member',
      'empty-directory /srv/a/b/etcd',
      'empty-directory /srv/a/b',
      'empty-directory /srv/a',
    ]);
  });

  it('looks into the directory of keys that init had, too, where another is named for it', () => {
    expect(earlierPlaces(MARKER, '/srv/pki')).toEqual({ pkiDirs: ['/etc/kubernetes/pki'], etcdDataDirs: [] });
    expect(earlierPlaces(MARKER, '/etc/kubernetes/pki/')).toEqual({ pkiDirs: [], etcdDataDirs: [] });
    expect(earlierPlaces(undefined, '/srv/pki')).toEqual({ pkiDirs: [], etcdDataDirs: [] });
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
      proxy: { chains: ['the chains KUBE-* of iptables-nft'], loopback: 'opened-by-them' } as const,
    };
    expect(describeRemovals(plan(facts).removals, 'done')).toEqual([
      'Removed the nft table ip nat (empty, and not there before)',
      'Removed the chains KUBE-* of iptables-nft (rules of the service proxy)',
    ]);
    expect(plan(facts).left).toEqual([{ what: 'the nft table ip filter', because: 'not made by Gantry' }]);
  });

  it('tells of a route to the loopback that nobody has answered for, and says how to close it', () => {
    const open = { chains: [], loopback: 'open' } as const;
    expect(plan({ proxy: open }).left).toMatchObject([
      {
        what: 'the kernel setting net.ipv4.conf.all.route_localnet=1',
        because: expect.stringContaining('"sysctl -w net.ipv4.conf.all.route_localnet=0"'),
      },
    ]);
    expect(plan({ proxy: open, isLoopbackRouteConfigured: true }).left).toEqual([]);
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

  it('name each thing, however many there are', () => {
    const many = Array.from({ length: 60 }, (_, index) =>
      unmount(`/var/lib/kubelet/pods/${index}/x`, false, `a volume of pod ${index}`),
    );
    expect(describeRemovals(many, 'done')).toEqual(
      many.map(({ target, because }) => `Unmounted ${target} (${because})`),
    );
    expect(describeRemovals(many, 'would')).toEqual(
      many.map(({ target, because }) => `Would unmount ${target} (${because})`),
    );
  });

  it('name links and processes that go all at once, and let no name of a process reach the terminal as a command', () => {
    const names = ['a', 'b', 'c', 'd', 'e'].map(name => `veth${name}`);
    const process = (pid: number, name: string) => ({ pid, startTime: 1, name });
    const processes = [process(7, 'conmon'), process(8, '\u001b[2Jé'), process(9, 'sleep'), process(10, 'sh')];
    expect(
      describeRemovals(
        [
          { kind: 'links', names, because: 'of pods' },
          { kind: 'links', names: ['gantry0'], because: 'the bridge of pods' },
          { kind: 'processes', processes, because: 'of pods' },
        ],
        'would',
      ),
    ).toEqual([
      'Would remove the links vetha, vethb, vethc, vethd, vethe (of pods)',
      'Would remove the link gantry0 (the bridge of pods)',
      'Would end the processes 7 (conmon), 8 (?[2J?), 9 (sleep), 10 (sh) (of pods)',
    ]);
  });

  it('name directories that go once they are empty, too', () => {
    const file = { kind: 'empty-directory', path: '/etc/cni', because: 'was not there before' } as const;
    const removals = [{ kind: 'file', file, because: file.because }] as const;
    expect(describeRemovals(removals, 'would')).toEqual([
      'Would go where it is empty by then: /etc/cni (was not there before)',
    ]);
    expect(describeRemovals(removals, 'done')).toEqual(['Removed /etc/cni (was not there before)']);
  });

  it('name each file system of somebody else', () => {
    const many = ['a', 'b', 'c', 'd'].map(name => unmount(`/${name}`, true));
    expect(describeRemovals(many, 'done')).toEqual(
      many.map(({ target }) => `Unmounted ${target} (a volume of pod u1)`),
    );
  });
});

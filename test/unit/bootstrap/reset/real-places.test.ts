import { expect, test } from 'vitest';
import { filesBelow } from '../../../../src/bootstrap/files.ts';
import { resetNames } from '../../../../src/bootstrap/reset/names.ts';
import { withRealEtcdFiles, withRealParents, withRealPlaces } from '../../../../src/bootstrap/reset/real-places.ts';

const NAMES = resetNames(filesBelow('/'), {
  bridge: 'gantry0',
  podLinks: [],
  routeProtocol: 103,
  tables: [],
  conflist: '10-gantry.conflist',
  profile: 'gantry-default',
});
const led = (link: string, real: string) => withRealPlaces(NAMES, path => (path === link ? real : undefined));

test('a directory that is a link is emptied where it is, and stays', () => {
  const names = led('/var/lib/kubelet', '/data/kubelet');
  expect(names.kubeletDir).toBe('/data/kubelet');
  expect(names.standing).toEqual([...NAMES.standing, '/data/kubelet', '/data/kubelet/pods']);
  expect(names.linked).toEqual(['/var/lib/kubelet', '/data/kubelet']);
  expect(withRealPlaces(NAMES, () => undefined)).toEqual(NAMES);
});

test.each(['/', '/etc', '/usr', '/usr/share', '/var/lib', '/var/log', '/lib64'])(
  'a link to %s is not entered, and stays',
  real => {
    const names = led('/var/lib/gantry', real);
    expect(names).toMatchObject({ dataDir: '/var/lib/gantry', standing: NAMES.standing, linked: ['/var/lib/gantry'] });
    expect(names.unentered).toEqual([
      {
        path: '/var/lib/gantry',
        because: `it leads to ${real}, a directory of the system: what Gantry has made there is not looked for`,
      },
    ]);
  },
);

test.each([
  ['/mnt', 'shared'],
  ['/srv', 'shared'],
  ['/opt', 'shared'],
  ['/home/me', 'shared'],
  ['/var/kubelet', 'shared'],
  ['/mnt/disk', 'own'],
  ['/data/kubelet', 'own'],
])('a link to %s leads to what is %s', (real, owner) => {
  const names = led('/var/lib/kubelet', real);
  expect([names.kubeletDir, names.linked]).toEqual([real, ['/var/lib/kubelet', real]]);
  expect(names.shared).toEqual(owner === 'shared' ? [real] : []);
});

test('a directory below a link is known by its real place, and is whose it was', () => {
  const names = withRealParents(NAMES, path => (path === '/var/lib' ? '/data/lib' : path));
  expect([names.kubeletDir, names.dataDir, names.podLogsDir]).toEqual([
    '/data/lib/kubelet',
    '/data/lib/gantry',
    '/var/log/pods',
  ]);
  expect(names.standing).toEqual(expect.arrayContaining([...NAMES.standing, '/data/lib/kubelet/pods']));
  expect(names.realOf['/var/lib/kubelet']).toBe('/data/lib/kubelet');
  expect(names.linked).toEqual([]);
});

test('directories of an etcd before are known by their real places, too', () => {
  const earlier = { pkiDirs: [], etcdDataDirs: ['/var/lib/old', '/data/link'] };
  const names = { ...NAMES, ...resetNames(filesBelow('/'), NAMES, [], earlier) };
  const below = withRealParents(names, path => (path === '/var/lib' ? '/disk' : path));
  expect([below.etcdDir, below.earlierEtcdDirs]).toEqual(['/disk/etcd', ['/disk/old', '/data/link']]);
  const led = withRealPlaces(names, path => (path === '/data/link' ? '/data/etcd' : undefined));
  expect(led).toMatchObject({ earlierEtcdDirs: ['/var/lib/old', '/data/etcd'], linked: ['/data/link', '/data/etcd'] });
  expect(led.standing).toContain('/data/etcd');
});

test('files for an external etcd are left by whatever name they are called', () => {
  const links = new Map([
    ['/etc/kubernetes/pki', '/data/pki'],
    ['/etc/kubernetes/pki/etcd', '/data/pki/etcd'],
    ['/etc/ssl/etcd.key', '/data/pki/apiserver-etcd-client.key'],
  ]);
  const named = { ...NAMES, etcdFiles: ['/data/pki/etcd/ca.crt', '/etc/ssl/etcd.key'] };
  expect(withRealEtcdFiles(named, path => links.get(path) ?? path).etcdFiles).toEqual(
    expect.arrayContaining(['/etc/kubernetes/pki/etcd/ca.crt', '/etc/kubernetes/pki/apiserver-etcd-client.key']),
  );
});

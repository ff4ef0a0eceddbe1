import { expect, test } from 'vitest';
import { ownKubeconfigs } from '../../../../src/bootstrap/reset/own-kubeconfigs.ts';

const ROOT = { target: '/', fstype: 'ext4' };

test('a home on a disk of this machine is asked', () => {
  expect(ownKubeconfigs(['/root', '/home/a'], [ROOT], path => path.startsWith('/root'))).toEqual([
    { path: '/root/.kube/config' },
  ]);
});

test.each(['nfs4', 'cifs', 'fuse.sshfs', 'fuse', 'autofs'])(
  'a home on %s is not, since it may wait for ever',
  fstype => {
    const asked: string[] = [];
    const exists = (path: string): boolean => asked.push(path) > 0;
    const mounts = [ROOT, { target: '/home', fstype }, { target: '/home/b', fstype: 'ext4' }];
    expect(ownKubeconfigs(['/home/a', '/home/b', '/homes'], mounts, exists)).toEqual([
      { path: '/home/a/.kube/config', unasked: fstype },
      { path: '/home/b/.kube/config' },
      { path: '/homes/.kube/config' },
    ]);
    expect(asked).toEqual(['/home/b/.kube/config', '/homes/.kube/config']);
  },
);

test.each([
  ['/root/.kube', '/mnt/nfs/kube'],
  ['/root/.kube', '../mnt/nfs/./x'],
  ['/root/.kube/config', '/home/link'],
  ['/root', '/mnt/other/../nfs'],
])('where the link %s leads to %s, whose server may be gone, nothing is asked for', (link, target) => {
  const asked: string[] = [];
  const links: Readonly<Record<string, string>> = { [link]: target, '/home/link': '/mnt/nfs/config' };
  const linkAt = (path: string): string | undefined => {
    asked.push(path);
    return links[path];
  };
  const exists = (path: string): boolean => asked.push(path) > 0;
  expect(ownKubeconfigs(['/root'], [ROOT, { target: '/mnt/nfs', fstype: 'nfs4' }], exists, linkAt)).toEqual([
    { path: '/root/.kube/config', unasked: 'nfs4' },
  ]);
  expect(asked.filter(path => path.startsWith('/mnt/nfs'))).toEqual([]);
});

test('a link to another place of this machine is followed, and one to itself is none', () => {
  const linkAt = (path: string): string | undefined =>
    ({ '/root/.kube': '/data/kube', '/home/a/.kube': '.kube' })[path];
  const exists = (path: string): boolean => path === '/data/kube/config';
  expect(ownKubeconfigs(['/root', '/home/a'], [ROOT], exists, linkAt)).toEqual([{ path: '/root/.kube/config' }]);
});

test('of two mounts at one place the later one counts', () => {
  const mounts = [ROOT, { target: '/home', fstype: 'autofs' }, { target: '/home', fstype: 'ext4' }];
  expect(ownKubeconfigs(['/home/a'], mounts, () => true)).toEqual([{ path: '/home/a/.kube/config' }]);
});

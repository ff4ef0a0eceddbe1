import { describe, expect, it } from 'vitest';
import { hasServer, type MountFact, planMounts } from '../../../../src/bootstrap/reset/mounts/plan.ts';

const PLACES = {
  kubeletDir: '/var/lib/kubelet',
  runDir: '/run/gantry',
  elsewhere: [],
  standing: ['/var/lib/kubelet', '/var/lib/kubelet/pods', '/var/lib/gantry', '/var/lib/etcd'],
};
let ids = 0;
const row = (target: string, fstype = 'tmpfs', device = '0:77', more: Partial<MountFact> = {}): MountFact => ({
  target,
  fstype,
  device,
  source: 'somewhere',
  id: ++ids,
  parentId: 0,
  root: '/',
  ...more,
});
const targets = (rows: readonly MountFact[]) => planMounts(rows, PLACES).unmounts.map(({ target }) => target);

describe('the mounts that reset takes off', () => {
  it.each([
    ['a volume of a pod in memory', '/var/lib/kubelet/pods/u1/volumes/kubernetes.io~empty-dir/cache'],
    ['what an admin has mounted below a pod', '/var/lib/kubelet/pods/u1/volumes/kubernetes.io~csi/data/mount'],
    ['a subpath', '/var/lib/kubelet/pods/u1/volume-subpaths/v/c/0'],
    ['what a volume plugin holds for its pods', '/var/lib/kubelet/plugins/kubernetes.io/csi/driver/globalmount'],
    ['a root file system', '/run/gantry/cri/containers/abc/rootfs'],
    ['a network namespace', '/run/gantry/cri/netns/abc'],
  ])('are %s', (_what, target) => {
    expect(targets([row('/'), row(target)])).toEqual([target]);
  });

  it.each([
    ['a disk for all of the kubelet', '/var/lib/kubelet'],
    ['a disk for all pods', '/var/lib/kubelet/pods'],
    ['a disk for the images', '/var/lib/gantry'],
    ['what lies elsewhere', '/srv/nfs'],
    ['what only begins alike', '/var/lib/kubelet2/pods/u1/volumes'],
    ['the directory of state itself', '/run/gantry'],
  ])('are not %s', (_what, target) => {
    expect(planMounts([row('/'), row(target)], PLACES)).toEqual({ unmounts: [], left: [] });
  });

  it('come off in the order opposite to that in which they were mounted, each as often as it is stacked', () => {
    const outer = '/var/lib/kubelet/pods/u1/volumes/a';
    expect(targets([row(outer), row(`${outer}/inner`), row(outer)])).toEqual([outer, `${outer}/inner`, outer]);
  });

  it('leave what somebody else has mounted below a directory of ours, and name it', () => {
    const { unmounts, left } = planMounts([row('/var/lib/gantry/films', 'nfs4')], PLACES);
    expect(unmounts).toEqual([]);
    expect(left).toEqual([
      { target: '/var/lib/gantry/films', because: 'nfs4 of somewhere, which nothing of Gantry has mounted' },
    ]);
  });

  it.each([
    ['a network file system mounted nowhere else', 'nfs4', '0:9', { mayHang: true, isSole: true, isForeign: true }],
    ['one that the admin has mounted elsewhere too', 'nfs4', '0:8', { mayHang: false, isSole: false, isForeign: true }],
    ['memory', 'tmpfs', '0:9', { mayHang: false, isSole: true, isForeign: false }],
  ])('know of %s whether its end may hang', (_what, fstype, device, expected) => {
    const volume = row('/var/lib/kubelet/pods/u1/volumes/v', fstype, device);
    expect(planMounts([row('/srv/films', 'nfs4', '0:8'), volume], PLACES).unmounts[0]).toMatchObject(expected);
  });

  it("know a part of the kubelet's own file system that is bound below a pod as no one else's", () => {
    const disk = row('/', 'ext4', '8:1');
    const subpath = row('/var/lib/kubelet/pods/u1/volume-subpaths/v/c/0', 'ext4', '8:1');
    const other = row('/var/lib/kubelet/pods/u1/volumes/v', 'ext4', '8:2');
    expect(planMounts([disk, subpath, other], PLACES).unmounts.map(({ isForeign }) => isForeign)).toEqual([
      true,
      false,
    ]);
  });

  it('know one that was spread to where its directory is bound, too, as the same', () => {
    const disk = row('/', 'ext4', '8:1', { id: 1001 });
    const bound = row('/data/kubelet', 'ext4', '8:1', { id: 1002, root: '/var/lib/kubelet' });
    const volume = row('/var/lib/kubelet/pods/u1/volumes/v', 'nfs4', '0:8', { parentId: 1001 });
    const spread = row('/data/kubelet/pods/u1/volumes/v', 'nfs4', '0:8', { parentId: 1002 });
    const own = row('/srv/v', 'nfs4', '0:8', { parentId: 1001 });
    expect(planMounts([disk, bound, volume, spread], PLACES).unmounts).toMatchObject([{ isSole: true }]);
    expect(planMounts([disk, bound, volume, own], PLACES).unmounts).toMatchObject([{ isSole: false }]);
  });

  it.each(['fuse', 'fuse.sshfs', 'fuseblk', 'nfs', 'nfs4', 'cifs', 'ceph', '9p'])('%s has a server', type => {
    expect(hasServer(type)).toBe(true);
  });
  it.each(['ext4', 'xfs', 'tmpfs', 'overlay', 'fusectl', 'nfsd'])('%s has none', type => {
    expect(hasServer(type)).toBe(false);
  });
});

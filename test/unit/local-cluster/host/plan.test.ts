import { describe, expect, it } from 'vitest';
import { formatMountTable, type HostFacts, planHost } from '../../../../src/local-cluster/host/plan.ts';

const v1 = {
  version: 1,
  hierarchies: [
    { mountPoint: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'] },
    { mountPoint: '/sys/fs/cgroup/memory', controllers: ['memory'] },
    { mountPoint: '/sys/fs/cgroup/rdma', controllers: ['rdma'] },
    { mountPoint: '/sys/fs/cgroup/systemd', controllers: ['name=systemd'] },
  ],
} as const;
const v2 = { version: 2, hierarchies: [{ mountPoint: '/sys/fs/cgroup', controllers: ['cpu', 'memory'] }] } as const;

const facts = (over: Partial<HostFacts> = {}): HostFacts => ({
  name: 'node-1',
  dataDir: '/srv/hosts/node-1',
  cgroups: v1,
  dataOnOverlay: false,
  machineId: '0123456789abcdef0123456789abcdef',
  resolvConf: 'nameserver 10.0.0.2\n',
  ...over,
});

describe('planHost', () => {
  it('mounts each v1 hierarchy that pods use, joined ones once, with links under the single names', () => {
    const plan = planHost(facts());
    expect(plan.baseMounts.filter(m => m.type === 'cgroup').map(m => [m.target, m.options])).toEqual([
      ['/sys/fs/cgroup/cpu,cpuacct', 'rw,nosuid,nodev,noexec,x-mount.mkdir,cpu,cpuacct'],
      ['/sys/fs/cgroup/memory', 'rw,nosuid,nodev,noexec,x-mount.mkdir,memory'],
      ['/sys/fs/cgroup/systemd', 'rw,nosuid,nodev,noexec,x-mount.mkdir,none,name=systemd'],
    ]);
    expect(plan.links).toEqual([
      { path: '/sys/fs/cgroup/cpu', target: 'cpu,cpuacct' },
      { path: '/sys/fs/cgroup/cpuacct', target: 'cpu,cpuacct' },
    ]);
    expect(plan.baseMounts.map(m => m.type)).not.toContain('cgroup2');
  });

  it('puts processes into the group of each used v1 hierarchy', () => {
    const plan = planHost(facts());
    expect(plan.namespaceProcs).toEqual([
      '/sys/fs/cgroup/cpu,cpuacct/gantry-hosts/node-1/cgroup.procs',
      '/sys/fs/cgroup/memory/gantry-hosts/node-1/cgroup.procs',
      '/sys/fs/cgroup/systemd/gantry-hosts/node-1/cgroup.procs',
    ]);
    expect(plan.memberProcs).toEqual(plan.namespaceProcs);
  });

  it('on v2 mounts the one tree and keeps processes in a leaf, so that the group above can hand out controllers', () => {
    const plan = planHost(facts({ cgroups: v2 }));
    expect(plan.baseMounts.filter(m => m.target.startsWith('/sys/fs/cgroup'))).toEqual([
      { source: 'cgroup2', target: '/sys/fs/cgroup', type: 'cgroup2', options: 'rw,nosuid,nodev,noexec' },
    ]);
    expect(plan.namespaceProcs).toEqual(['/sys/fs/cgroup/gantry-hosts/node-1/cgroup.procs']);
    expect(plan.memberProcs).toEqual(['/sys/fs/cgroup/gantry-hosts/node-1/init/cgroup.procs']);
    expect(plan.memberCgroup).toBe('/gantry-hosts/node-1/init');
  });

  it('binds directories of the host over the mount points that the overlays give', () => {
    const plan = planHost(facts());
    expect(plan.treeMounts).toContainEqual({
      source: '/run/host-data/var/lib/kubelet',
      target: '/var/lib/kubelet',
      type: 'none',
      options: 'bind,x-mount.mkdir',
    });
    expect(plan.baseMounts.at(-1)).toEqual({
      source: '/srv/hosts/node-1/root',
      target: '/run/host-data',
      type: 'none',
      options: 'bind,x-mount.mkdir',
    });
    const targets = plan.treeMounts.map(m => m.target);
    expect(targets.indexOf('/var/lib')).toBeLessThan(targets.indexOf('/var/lib/kubelet'));
    expect(plan.dataDirectories).toContain('/srv/hosts/node-1/root/var/lib/kubelet');
  });

  it('keeps data in memory where the data directory is on overlayfs itself', () => {
    const plan = planHost(facts({ dataOnOverlay: true }));
    const kubelet = plan.treeMounts.find(m => m.target === '/var/lib/kubelet');
    expect(kubelet?.type).toBe('tmpfs');
    expect(plan.dataDirectories).toEqual(['/srv/hosts/node-1']);
  });

  it('gives the host its own boot id, machine id and names', () => {
    const plan = planHost(facts());
    expect(plan.treeMounts.at(-1)?.target).toBe('/proc/sys/kernel/random/boot_id');
    expect(Object.fromEntries(plan.files.map(f => [f.path, f.content]))).toMatchObject({
      '/etc/hostname': 'node-1\n',
      '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
      '/etc/resolv.conf': 'nameserver 10.0.0.2\n',
    });
  });

  it.each([[''], ['-a'], ['a-'], ['A'], ['a/b'], ['..'], ['a'.repeat(41)]])('refuses the name "%s"', name => {
    expect(() => planHost(facts({ name }))).toThrow('is not a host name');
  });

  it('refuses a relative data directory', () => {
    expect(() => planHost(facts({ dataDir: 'hosts' }))).toThrow('is not absolute');
  });
});

describe('formatMountTable', () => {
  it('escapes blanks and backslashes as fstab(5) wants', () => {
    expect(formatMountTable([{ source: '/a b', target: '/c\\d', type: 'none', options: 'bind' }])).toBe(
      '/a\\040b /c\\134d none bind 0 0\n',
    );
  });
});

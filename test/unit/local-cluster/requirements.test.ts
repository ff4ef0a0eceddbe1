import { describe, expect, it } from 'vitest';
import { type MachineFacts, requirementProblem } from '../../../src/local-cluster/requirements.ts';

const PROGRAMS = 'unshare nsenter setpriv mount hostname ip nft catatonit conmon runsv svlogd etcd crun'.split(' ');
const well: MachineFacts = {
  uid: 0,
  programs: PROGRAMS,
  namespaces: ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts'],
  filesystems: 'nodev\tproc\nnodev\toverlay\n\text4\n',
  nftables: undefined,
  dataDir: '/var/lib',
  freeBytes: 10e9,
};
const without = (name: string): readonly string[] => PROGRAMS.filter(each => each !== name);

describe('a machine on which a cluster is to be made', () => {
  it.each<[string, Partial<MachineFacts>, string]>([
    ['no root', { uid: 1000 }, 'making a cluster needs root: run it with sudo'],
    [
      'no network namespaces',
      { namespaces: ['cgroup', 'ipc', 'mnt', 'pid', 'uts'] },
      'the kernel has no net namespaces: run it on one that has (CONFIG_NAMESPACES)',
    ],
    [
      'no overlay file system',
      { filesystems: 'nodev\toverlayother\n\text4\n' },
      'the kernel has no overlay file system: modprobe overlay, or run it on one that has',
    ],
    [
      'no nf_tables',
      { nftables: 'nftables: Protocol not supported' },
      'nftables cannot be used (nftables: Protocol not supported): modprobe nf_tables, or run it on a kernel that has it (CONFIG_NF_TABLES)',
    ],
    [
      'little room',
      { freeBytes: 600e6 },
      'only 600 MB are free in /var/lib, and 2 nodes need 1073 MB: make room, or name another place with --clusters-dir',
    ],
  ])('with %s is told so in one line', (_, facts, line) => {
    expect(requirementProblem({ ...well, ...facts }, 2)).toBe(line);
  });

  it.each([
    ['unshare', 'util-linux'],
    ['nsenter', 'util-linux'],
    ['setpriv', 'util-linux'],
    ['mount', 'mount'],
    ['hostname', 'hostname'],
    ['ip', 'iproute2'],
    ['nft', 'nftables'],
    ['catatonit', 'catatonit'],
    ['conmon', 'conmon'],
    ['runsv', 'runit'],
    ['svlogd', 'runit'],
    ['etcd', 'etcd-server'],
    ['crun', 'crun'],
  ])('without %s is told to install %s', (program, name) => {
    const line = `${program} not found on PATH: apt-get install ${name}`;
    expect(requirementProblem({ ...well, programs: without(program) }, 1)).toBe(line);
  });

  it('has one of the two runtimes, whichever', () => {
    expect(requirementProblem({ ...well, programs: [...without('crun'), 'runc'] }, 1)).toBeUndefined();
  });

  it('is told of everything that is to be installed at once, each package once', () => {
    expect(requirementProblem({ ...well, programs: [] }, 1)).toMatch(
      /: apt-get install util-linux mount hostname iproute2 nftables catatonit conmon runit etcd-server crun$/,
    );
  });
});

import { existsSync, readFileSync } from 'node:fs';
import { appArmorIsUsable } from '../../linux/apparmor.ts';
import { CAPABILITY_NAMES, ownCapabilities } from '../../linux/capabilities.ts';
import { countsSwap, detectCgroups } from '../../linux/cgroup-layout.ts';
import { kernelIsAtLeast } from '../../linux/kernel-version.ts';
import type { MountRow } from '../../linux/mount.ts';
import { readMountinfo } from '../../linux/mount.ts';
import { ownHardRlimits } from '../../linux/rlimits.ts';
import { selinuxContexts } from '../../linux/selinux.ts';
import type { HostFacts } from '../spec/inputs.ts';
import { findProgram } from './runtime-facts.ts';

/** mount_setattr(2), which recursive read-only mounts need. */
const MOUNT_SETATTR_SINCE = [5, 12] as const;

/** Overlays on idmapped layers. */
const IDMAPPED_OVERLAY_SINCE = [5, 19] as const;

/** What specifications need to know of this machine and of this process's rights. Read once at start: a few files. */
export function readHostFacts(): HostFacts {
  const capabilities = ownCapabilities();
  const mayRaise = capabilities.effective.includes('CAP_SYS_RESOURCE');
  const rows = readMountinfo();
  const unified = rows.find(row => row.target === '/sys/fs/cgroup' && row.fstype === 'cgroup2');
  return {
    architecture: process.arch,
    boundingCapabilities: capabilities.bounding,
    knownCapabilities: CAPABILITY_NAMES,
    oomScoreAdj: { current: Number(readFileSync('/proc/self/oom_score_adj', 'utf8')), canLower: mayRaise },
    hardRlimits: mayRaise ? undefined : ownHardRlimits(),
    cgroupVersion: unified === undefined ? 1 : 2,
    swapAccounting: unified === undefined ? hasV1Swap(rows) : countsSwap(detectCgroups()),
    hugetlb: detectCgroups().hierarchies.some(({ controllers }) => controllers.includes('hugetlb')),
    appArmor: appArmorIsUsable(),
    selinux: selinuxContexts(),
    noUserNamespaces: noUserNamespaces(),
    recursiveReadOnly: kernelIsAtLeast(...MOUNT_SETATTR_SINCE),
  };
}

/** The least that must hold; whether a file system goes along is seen when it is used. */
function noUserNamespaces(): string | undefined {
  if (!kernelIsAtLeast(...IDMAPPED_OVERLAY_SINCE))
    return `the kernel cannot show the layers of an image with other ids (Linux ${IDMAPPED_OVERLAY_SINCE.join('.')} can)`;
  if (Number(readText('/proc/sys/user/max_user_namespaces')) === 0)
    return 'the kernel lends no user namespaces (/proc/sys/user/max_user_namespaces is 0)';
  if (findProgram('unshare') === undefined) return 'unshare is not installed (on Debian: apt-get install util-linux)';
  return undefined;
}

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '0';
}

function hasV1Swap(rows: readonly MountRow[]): boolean {
  const memory = rows.find(row => row.fstype === 'cgroup' && row.superOptions.includes('memory'));
  return memory !== undefined && existsSync(`${memory.target}/memory.memsw.limit_in_bytes`);
}

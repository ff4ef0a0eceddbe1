import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { errorMessage, failedPrecondition } from '../base/errors.ts';
import { freeBytes } from '../linux/free-space.ts';
import { NftContext } from '../linux/nft.ts';

/** Program -> the Debian package that holds it. */
const PROGRAMS: Readonly<Record<string, string>> = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  mount: 'mount',
  hostname: 'hostname',
  ip: 'iproute2',
  nft: 'nftables',
  catatonit: 'catatonit',
  conmon: 'conmon',
  runsv: 'runit',
  svlogd: 'runit',
  etcd: 'etcd-server',
};
const RUNTIMES = ['crun', 'runc'];
const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts'];
/** What an empty node takes, and a few images. */
const FREE_BYTES_PER_NODE = 512 << 20;

/** What was found on the machine. */
export interface MachineFacts {
  readonly uid: number;
  /** Of the programs that are asked for, those that are there. */
  readonly programs: readonly string[];
  /** Kinds of namespaces that the kernel has. */
  readonly namespaces: readonly string[];
  /** The text of /proc/filesystems. */
  readonly filesystems: string;
  /** What nftables says against being used; undefined where it works. */
  readonly nftables: string | undefined;
  /** Where the data will be, or the nearest directory above that is there. */
  readonly dataDir: string;
  readonly freeBytes: number;
}

/** The first thing that speaks against making a cluster of so many nodes, with how to get it, in one line. Pure. */
export function requirementProblem(facts: MachineFacts, nodes: number): string | undefined {
  if (facts.uid !== 0) return 'making a cluster needs root: run it with sudo';
  const missing = [
    ...Object.keys(PROGRAMS).filter(name => !facts.programs.includes(name)),
    ...(RUNTIMES.some(name => facts.programs.includes(name)) ? [] : ['crun']),
  ];
  if (missing.length > 0) {
    const packages = [...new Set(missing.map(name => PROGRAMS[name] ?? name))];
    return `${missing.join(', ')} not found on PATH: apt-get install ${packages.join(' ')}`;
  }
  const namespace = NAMESPACES.find(name => !facts.namespaces.includes(name));
  if (namespace !== undefined)
    return `the kernel has no ${namespace} namespaces: run it on one that has (CONFIG_NAMESPACES)`;
  if (!/\boverlay$/m.test(facts.filesystems))
    return 'the kernel has no overlay file system: modprobe overlay, or run it on one that has';
  if (facts.nftables !== undefined)
    return `nftables cannot be used (${facts.nftables}): modprobe nf_tables, or run it on a kernel that has it (CONFIG_NF_TABLES)`;
  const wanted = nodes * FREE_BYTES_PER_NODE;
  if (facts.freeBytes < wanted)
    return `only ${megabytes(facts.freeBytes)} MB are free in ${facts.dataDir}, and ${nodes} ${nodes === 1 ? 'node needs' : 'nodes need'} ${megabytes(wanted)} MB: make room, or name another place with --clusters-dir`;
  return undefined;
}

/** Throws `failed-precondition` in one line that says what is missing and how to get it, where a cluster cannot be made here. */
export function checkRequirements(nodes: number, dataDir: string): void {
  const problem = requirementProblem(readMachine(dataDir), nodes);
  if (problem !== undefined) throw failedPrecondition(problem);
}

function readMachine(dataDir: string): MachineFacts {
  const uid = process.getuid?.() ?? -1;
  return {
    uid,
    programs: [...Object.keys(PROGRAMS), ...RUNTIMES].filter(isOnPath),
    namespaces: NAMESPACES.filter(name => existsSync(`/proc/self/ns/${name}`)),
    filesystems: readFileSync('/proc/filesystems', 'utf8'),
    // the library writes a line of its own about who is not root
    nftables: uid === 0 ? nftablesProblem() : undefined,
    dataDir,
    freeBytes: freeBytes(dataDir),
  };
}

function nftablesProblem(): string | undefined {
  try {
    const nft = NftContext.open();
    try {
      nft.run('list tables');
    } finally {
      nft.close();
    }
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

function megabytes(bytes: number): number {
  return Math.floor(bytes / 1e6);
}

function isOnPath(name: string): boolean {
  return `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`.split(':').some(folder => {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

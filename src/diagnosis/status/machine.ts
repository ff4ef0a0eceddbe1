import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { release } from 'node:os';
import { parse } from 'yaml';
import { quantityValue } from '../../api/quantity.ts';
import { unavailable } from '../../base/errors.ts';
import type { Files } from '../../bootstrap/files.ts';
import { healthzUrl } from '../../bootstrap/kubelet-health.ts';
import type { Reach } from '../reach/reach.ts';
import { answerOf } from './answer.ts';
import type { DiskFacts, MemoryFacts, StatusFacts } from './facts.ts';

/** What counts of a KubeletConfiguration here; what is not in it has upstream's default. */
export interface KubeletPlaces {
  /** Undefined where it tells nobody: `healthzPort: 0`. */
  readonly healthz: string | undefined;
  readonly runtimeEndpoint: string;
  readonly evictionHard: Readonly<Record<string, string>>;
}

/** Upstream's (pkg/kubelet/apis/config/v1beta1/defaults_linux.go). */
const EVICTION_HARD = {
  'memory.available': '100Mi',
  'nodefs.available': '10%',
  'nodefs.inodesFree': '5%',
  'imagefs.available': '15%',
  'imagefs.inodesFree': '5%',
};
/** etcd stops taking writes when its disk is full, and nothing of the cluster can change then. */
const ETCD_LEAST_FREE = 0.02;
const DISK_MS = 1500;

/** Where the kubelet answers, and when it has too little of what. A text that is no configuration counts as empty: the kubelet itself says what is wrong with it. Pure. */
export function kubeletPlaces(text: string): KubeletPlaces {
  const config = mapping(text);
  const endpoint = config['containerRuntimeEndpoint'];
  const eviction = config['evictionHard'];
  return {
    healthz: healthzUrl(Object.keys(config).length === 0 ? '' : text),
    runtimeEndpoint: typeof endpoint === 'string' && endpoint !== '' ? endpoint : 'unix:///run/gantry/cri.sock',
    // upstream takes the defaults where none is given, and nothing beside what is
    evictionHard:
      typeof eviction === 'object' && eviction !== null ? (eviction as Record<string, string>) : EVICTION_HARD,
  };
}

/** Where the runtime of this node serves. */
export function runtimeEndpointOf({ kubeletConfig }: Files, reach: Reach): string {
  return kubeletPlaces(reach.silenceAt(kubeletConfig) === undefined ? textOf(kubeletConfig) : '').runtimeEndpoint;
}

/** Where the proxy tells its health and its mode. Pure. */
export function proxyPlaces(text: string): { readonly health: string; readonly mode: string } {
  const config = mapping(text);
  const place = (key: string, fallback: string): string => {
    const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(String(config[key] ?? '')) ?? [];
    return port === '' ? fallback : `${reachable(host)}:${port}`;
  };
  return {
    health: `http://${place('healthzBindAddress', '127.0.0.1:10256')}/livez`,
    mode: `http://${place('metricsBindAddress', '127.0.0.1:10249')}/proxyMode`,
  };
}

/** All addresses are this machine's, too. */
function reachable(host: string): string {
  if (host === '' || host === '0.0.0.0') return '127.0.0.1';
  if (host === '::' || host === '[::]') return '[::1]';
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

function mapping(text: string): Readonly<Record<string, unknown>> {
  try {
    const document: unknown = parse(text);
    return typeof document === 'object' && document !== null ? (document as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** A share of 1, of `10%` or of an amount of bytes. Pure. */
export function shareOf(threshold: string | undefined, whole: number): number {
  if (threshold === undefined) return 0;
  try {
    const [, percent] = /^([\d.]+)%$/.exec(threshold) ?? [];
    if (percent !== undefined) return Number(percent) / 100;
    return whole === 0 ? 0 : quantityValue(threshold) / whole;
  } catch {
    return 0;
  }
}

/** The file systems that a node writes to. One that hangs is told as one that does not answer. */
export async function diskFacts(
  files: Files,
  evictionHard: KubeletPlaces['evictionHard'],
  { localEtcd, reach, signal }: { readonly localEtcd: boolean; readonly reach: Reach; readonly signal: AbortSignal },
): Promise<readonly DiskFacts[]> {
  const disks: readonly { readonly path: string; readonly available?: string; readonly inodesFree?: string }[] = [
    { path: files.kubeletDir, ...thresholds(evictionHard, 'nodefs') },
    { path: '/var/lib/gantry', ...thresholds(evictionHard, 'imagefs') },
    ...(localEtcd ? [{ path: files.etcdDataDir, available: `${ETCD_LEAST_FREE * 100}%`, inodesFree: '1%' }] : []),
  ];
  return Promise.all(
    disks.map(async ({ path, available, inodesFree }) => {
      const status = await answerOf(path, signal, () => sizesOf(path, reach), DISK_MS);
      const { bytes, inodes } = status.answered ? status : { bytes: 0, inodes: 0 };
      return { path, status, leastFree: shareOf(available, bytes), leastFreeInodes: shareOf(inodesFree, inodes) };
    }),
  );
}

function thresholds(
  evictionHard: KubeletPlaces['evictionHard'],
  name: 'nodefs' | 'imagefs',
): { readonly available?: string; readonly inodesFree?: string } {
  const available = evictionHard[`${name}.available`];
  const inodesFree = evictionHard[`${name}.inodesFree`];
  return {
    ...(available === undefined ? {} : { available: String(available) }),
    ...(inodesFree === undefined ? {} : { inodesFree: String(inodesFree) }),
  };
}

async function sizesOf(path: string, reach: Reach) {
  const silence = reach.silenceAt(path);
  if (silence !== undefined) throw unavailable(silence);
  const { blocks, bsize, bavail, files, ffree } = await statfs(path);
  return { bytes: blocks * bsize, freeBytes: bavail * bsize, inodes: files, freeInodes: ffree };
}

/** What is left of the memory of this machine. */
export function memoryFacts(evictionHard: KubeletPlaces['evictionHard']): MemoryFacts {
  const text = readFileSync('/proc/meminfo', 'utf8');
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
  const whole = bytes('MemTotal');
  return {
    bytes: whole,
    availableBytes: bytes('MemAvailable'),
    leastBytes: Math.round(shareOf(evictionHard['memory.available'], whole) * whole),
    stalledPercent: stalledPercent(textOf('/proc/pressure/memory')),
  };
}

/** The share of the last minute in which some process waited (Documentation/accounting/psi.rst). Pure. */
export function stalledPercent(text: string): number | undefined {
  const [, percent] = /^some .*\bavg60=([\d.]+)/m.exec(text) ?? [];
  return percent === undefined ? undefined : Number(percent);
}

/** What runs here, by its versions. */
export function versionFacts(gantry: string): StatusFacts['versions'] {
  const [, name] = /^PRETTY_NAME="?([^"\n]*)/m.exec(textOf('/etc/os-release')) ?? [];
  return { gantry, nodejs: process.version, kernel: release(), operatingSystem: name ?? 'Linux' };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

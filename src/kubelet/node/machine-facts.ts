import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { arch, release } from 'node:os';
import type { NodeSystemInfo } from '../../api/types/gen/core-v1.ts';

/** What a Node says about the machine that does not change while the kubelet runs. */
export type MachineInfo = Pick<
  NodeSystemInfo,
  'machineID' | 'systemUUID' | 'bootID' | 'kernelVersion' | 'osImage' | 'operatingSystem' | 'architecture'
> & { readonly swapBytes: number };

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', ia32: '386', arm: 'arm' };

/** Read once at the start. What the machine does not tell is empty. */
export function readMachineInfo(): MachineInfo {
  const machineID = line('/etc/machine-id') || line('/var/lib/dbus/machine-id');
  return {
    machineID,
    // a machine without firmware that names it is known by its installation
    systemUUID: line('/sys/class/dmi/id/product_uuid') || line('/proc/device-tree/vm,uuid') || machineID,
    bootID: line('/proc/sys/kernel/random/boot_id'),
    kernelVersion: release(),
    osImage: osImage(text('/etc/os-release') || text('/usr/lib/os-release')),
    operatingSystem: 'linux',
    architecture: goArchitecture(),
    swapBytes: Number(/^SwapTotal:\s+(\d+) kB/m.exec(text('/proc/meminfo'))?.[1] ?? 0) * 1024,
  };
}

/** As the API names it: `amd64`, `arm64`. */
export function goArchitecture(): string {
  return ARCHITECTURES[arch()] ?? arch();
}

/** The size of the file system that holds a directory, in bytes. 0 where it cannot be read. */
export function fileSystemBytes(directory: string): number {
  if (!existsSync(directory)) return 0;
  const { blocks, bsize } = statfsSync(directory);
  return blocks * bsize;
}

/** PRETTY_NAME of os-release; `Linux` where there is none. */
export function osImage(osRelease: string): string {
  const value = /^PRETTY_NAME=(.*)$/m.exec(osRelease)?.[1]?.trim() ?? '';
  return value.replace(/^(["'])(.*)\1$/, '$2') || 'Linux';
}

function line(path: string): string {
  return text(path).trim();
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

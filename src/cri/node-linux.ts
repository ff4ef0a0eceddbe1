import {
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { errnoName, failedPrecondition, notFound } from '../base/errors.ts';
import { randomHex } from '../base/hash.ts';
import type { Logger } from '../daemon/logger.ts';
import { appArmorMacros, loadAppArmorProfile, loadedAppArmorProfiles } from '../linux/apparmor.ts';
import { writeFileAtomic } from '../linux/atomic-file.ts';
import { detectCgroups, killCgroup, removeCgroup } from '../linux/cgroup.ts';
import { readCgroupCounters, readCgroupProcesses, readCgroupUsage } from '../linux/cgroup-reading.ts';
import { faultPoint } from '../linux/fault-point.ts';
import { blockDeviceName, filesystemSize } from '../linux/filesystem-size.ts';
import { kernelIsAtLeast } from '../linux/kernel-version.ts';
import { labelOption, MS, mount, mountHolding, mountOverlay, readMountinfo, unmount } from '../linux/mount.ts';
import { createNetns, inNetns, netnsExists, removeNetns } from '../linux/netns.ts';
import { directoryInRoot, readTextInRoot } from '../linux/path-in-root.ts';
import { signalProcess } from '../linux/pidfd.ts';
import { pinNamespaces } from '../linux/pinned-namespaces.ts';
import { countOpenFiles, openFilesLimit } from '../linux/process-files.ts';
import { bootId, isAlive, type LinkCounters, linkCounters, parseLinkCounters, processHeeds } from '../linux/procfs.ts';
import { relabel } from '../linux/selinux.ts';
import type { NodePort } from './node-port.ts';
import { usernsNode, withIdmappedLayers } from './node-userns.ts';
import { readCdiFiles } from './oci/cdi-files.ts';
import { lookUpDevices, lookUpNode, readHostDevices } from './oci/host-devices.ts';
import type { CriPaths } from './paths.ts';
import { defaultAppArmorProfile } from './spec/apparmor-default.ts';
import type { HostFacts } from './spec/inputs.ts';

/** The machine as it is. */
export function linuxNode(paths: CriPaths, facts: HostFacts, log: Logger): NodePort {
  const cgroups = detectCgroups();
  // A writable layer never outlives the boot it was made in, so nobody needs it on the disk: without `volatile` an unmount writes all of it out first.
  const overlayOptions = kernelIsAtLeast(5, 10) ? ['volatile'] : [];
  let last = 0n;
  let emptying = false;
  let more = false;
  return {
    now() {
      const wall = BigInt(Date.now()) * 1_000_000n;
      last = wall > last ? wall : last + 1n;
      return last;
    },
    newId: () => randomHex(32),
    bootId: bootId(),
    hostname: hostname(),
    facts,

    createNetns: path => void createNetns(path),
    removeNetns,
    pinNamespaces,
    isNamespace: netnsExists,
    setSysctlsIn(netnsPath, sysctls) {
      inNetns(netnsPath, () => {
        for (const [name, value] of Object.entries(sysctls)) writeFileSync(`/proc/sys/${name}`, value);
      });
    },
    mountShm(path, sizeBytes) {
      mkdirSync(path, { recursive: true, mode: 0o1777 });
      mount('shm', path, 'tmpfs', MS.NOSUID | MS.NODEV | MS.NOEXEC, `mode=1777,size=${sizeBytes}`);
    },
    ...usernsNode,
    mountOverlay(request) {
      const { lowerDirs, upperDir, workDir, target } = request;
      for (const directory of [workDir, target]) mkdirSync(directory, 0o700);
      faultPoint('cri/create-container/mount-points-made');
      withIdmappedLayers(lowerDirs, request.idmapped, lower => {
        if (request.idmapped !== undefined) faultPoint('cri/create-container/layers-shown');
        // The upper directory's mode and owner are those of `/` inside: the topmost layer's, as in the image.
        const { mode, uid, gid } = statSync(lower[0] ?? workDir);
        mkdirSync(upperDir, mode & 0o7777);
        chownSync(upperDir, uid, gid);
        faultPoint('cri/create-container/layer-made');
        const label = request.mountLabel === undefined ? [] : [labelOption(request.mountLabel)];
        mountOverlay(target, { lower, upper: upperDir, work: workDir }, [...overlayOptions, ...label]);
      });
    },
    mountReadOnlyOverlay({ lowerDirs, target, idmapped }) {
      mkdirSync(target, { recursive: true, mode: 0o711 });
      // Without an upper directory overlayfs wants two lower ones.
      const padding = [0, 1].slice(Math.min(lowerDirs.length, 2)).map(n => `${target}.empty-${n}`);
      for (const directory of padding) mkdirSync(directory, { recursive: true, mode: 0o755 });
      withIdmappedLayers(lowerDirs, idmapped, lower =>
        mountOverlay(target, { lower: [...lower, ...padding], upper: undefined, work: undefined }),
      );
    },
    unmount: path => unmount(path, { lazy: true }),
    unmountIn(directory) {
      for (const name of namesOf(directory)) unmount(`${directory}/${name}`, { lazy: true });
    },

    makeDirectory: (path, mode) => void mkdirSync(path, { recursive: true, mode }),
    writeFile: (path, data, mode) => writeFileSync(path, data, { mode }),
    replaceFile: (path, data, mode) => writeFileAtomic(path, data, { mode }),
    readFile(path) {
      try {
        // reading a pipe would wait for somebody to write into it, and everything with it
        if (!statSync(path).isFile()) throw failedPrecondition(`${path} is not a regular file`);
        return readFileSync(path, 'utf8');
      } catch (error) {
        if (errnoName(error) !== 'ENOENT') throw error;
        throw notFound(`${path} does not exist`, { cause: error });
      }
    },
    removeTree: path => rmSync(path, { recursive: true, force: true }),
    emptyTrash() {
      // What comes while the last look is under way was not seen by it.
      more = true;
      if (emptying) return;
      emptying = true;
      const empty = async (): Promise<void> => {
        try {
          while (more) {
            more = false;
            await emptyDirectory(paths.trash);
          }
        } finally {
          emptying = false;
        }
      };
      empty().catch(error => log.warn({ err: error }, `cannot empty ${paths.trash}; the next removal tries again`));
    },

    realPath(path) {
      try {
        return realpathSync(path);
      } catch (error) {
        if (errnoName(error) === 'ENOENT' || errnoName(error) === 'ENOTDIR') return undefined;
        throw error;
      }
    },
    mountHolding: path => mountHolding(path, readMountinfo()),
    readInRoot: readTextInRoot,
    directoryInRoot,
    lookUpDevices,
    appArmorProfiles: () => loadedAppArmorProfiles(),
    loadDefaultAppArmorProfile: () =>
      loadAppArmorProfile(defaultAppArmorProfile(appArmorMacros(['abi/3.0', 'tunables/global', 'abstractions/base']))),
    relabel,
    lookUpNode,
    readCdiFiles,
    hostDevices: readHostDevices,

    signal: signalProcess,
    isAlive,
    heeds: processHeeds,
    cgroupUsage: path => readCgroupUsage(path, cgroups),
    cgroupCounters: path => readCgroupCounters(path, cgroups),
    cgroupProcesses: path => readCgroupProcesses(path, cgroups),
    openFiles: countOpenFiles,
    openFilesLimit: process => openFilesLimit(process.pid),
    filesystemSize,
    blockDeviceName,
    linkCounters: of => (typeof of === 'string' ? linkCountersIn(of) : linkCounters(of)),
    killCgroup: path => void killCgroup(path, cgroups),
    async removeCgroup(path) {
      killCgroup(path, cgroups);
      await removeCgroup(path, undefined, cgroups);
    },
  };
}

function namesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return [];
    throw error;
  }
}

function linkCountersIn(netnsPath: string): readonly LinkCounters[] | undefined {
  if (!netnsExists(netnsPath)) return undefined;
  return parseLinkCounters(inNetns(netnsPath, () => readFileSync('/proc/thread-self/net/dev', 'utf8')));
}

async function emptyDirectory(directory: string): Promise<void> {
  for (;;) {
    const names = await readdir(directory).catch(() => []);
    if (names.length === 0) return;
    for (const name of names) await rm(`${directory}/${name}`, { recursive: true, force: true });
  }
}

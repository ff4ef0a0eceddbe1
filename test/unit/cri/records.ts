import type { ContainerRecord } from '../../../src/cri/store/container-record.ts';
import type { SandboxRecord } from '../../../src/cri/store/sandbox-record.ts';
import { ContainerConfig, PodSandboxConfig } from '../../../src/rpc/cri-api.ts';

export const BOOT = 'boot-1';

/** An id from one hexadecimal digit. */
export const idOf = (digit: string): string => digit.repeat(64);

/** A READY sandbox; fields as wanted on top. */
export function sandboxRecord(more: Partial<SandboxRecord> = {}): SandboxRecord {
  return {
    version: 1,
    id: idOf('a'),
    key: 'default/web/uid-web/0',
    config: PodSandboxConfig.fromPartial({
      metadata: { name: 'web', namespace: 'default', uid: 'uid-web', attempt: 0 },
      labels: { app: 'web', tier: 'front' },
    }),
    runtimeHandler: '',
    bootId: BOOT,
    netnsPath: `/run/netns/${idOf('a')}`,
    hostname: 'web',
    ownShm: true,
    ips: ['10.1.0.5', 'fd00::5'],
    infra: { pid: 100, startTime: 1 },
    monitor: { pid: 99, startTime: 1 },
    createdAt: 10n,
    readyAt: 20n,
    ...more,
  };
}

/** A sandbox whose creation is at work (or was cut short). */
export function creatingSandbox(more: Partial<SandboxRecord> = {}): SandboxRecord {
  const { readyAt: _readyAt, infra: _infra, monitor: _monitor, ...rest } = sandboxRecord(more);
  return rest;
}

/** A running container of sandbox `a`; fields as wanted on top. */
export function containerRecord(more: Partial<ContainerRecord> = {}): ContainerRecord {
  return {
    version: 1,
    id: idOf('b'),
    sandboxId: idOf('a'),
    key: 'main/0',
    config: ContainerConfig.fromPartial({
      metadata: { name: 'main', attempt: 0 },
      image: { image: 'localhost/busybox:1' },
      labels: { app: 'web' },
    }),
    imageId: `sha256:${idOf('c')}`,
    imageRef: `localhost/busybox@sha256:${idOf('d')}`,
    logPath: '',
    cgroupPath: `/kubepods/pod1/${idOf('b')}`,
    ownPidNamespace: true,
    stopSignal: 'SIGTERM',
    user: { uid: 0, gid: 0, additionalGids: [] },
    bootId: BOOT,
    init: { pid: 200, startTime: 1 },
    monitor: { pid: 199, startTime: 1 },
    createdAt: 30n,
    startedAt: 40n,
    ...more,
  };
}

/** A container that was created and that no start has given a process. */
export function unstartedContainer(more: Partial<ContainerRecord> = {}): ContainerRecord {
  const { init: _init, monitor: _monitor, ...rest } = createdContainer(more);
  return rest;
}

/** A container whose start has come to where its program would begin. */
export function createdContainer(more: Partial<ContainerRecord> = {}): ContainerRecord {
  const { startedAt: _startedAt, ...rest } = containerRecord(more);
  return rest;
}

/** A container whose creation is at work (or was cut short). */
export function creatingContainer(more: Partial<ContainerRecord> = {}): ContainerRecord {
  const { createdAt: _createdAt, init: _init, monitor: _monitor, ...rest } = createdContainer(more);
  return rest;
}

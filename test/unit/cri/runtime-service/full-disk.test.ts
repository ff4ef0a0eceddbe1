import { describe, expect, it } from 'vitest';
import { errorCode, GantryError } from '../../../../src/base/errors.ts';
import type { RuntimeServiceContext } from '../../../../src/cri/runtime-service/context.ts';
import { createContainer } from '../../../../src/cri/runtime-service/create-container.ts';
import { recordExit } from '../../../../src/cri/runtime-service/record-exit.ts';
import { removeContainer } from '../../../../src/cri/runtime-service/remove-container.ts';
import { removePodSandbox } from '../../../../src/cri/runtime-service/remove-pod-sandbox.ts';
import { runPodSandbox } from '../../../../src/cri/runtime-service/run-pod-sandbox.ts';
import { startContainer } from '../../../../src/cri/runtime-service/start-container.ts';
import { stopContainer } from '../../../../src/cri/runtime-service/stop-container.ts';
import { updateContainerResources } from '../../../../src/cri/runtime-service/update-container-resources.ts';
import { containerState } from '../../../../src/cri/store/container-record.ts';
import { RecordStore } from '../../../../src/cri/store/record-store.ts';
import {
  CreateContainerRequest,
  RunPodSandboxRequest,
  UpdateContainerResourcesRequest,
} from '../../../../src/rpc/cri-api.ts';
import { FakeMachine, fakeContext, IMAGE_NAME } from '../fakes.ts';

/** A machine whose disk is full for the n-th write of a record, and for no other. */
function fullAt(n: number): { machine: FakeMachine; ctx: RuntimeServiceContext; writes: () => number } {
  const machine = new FakeMachine();
  let writes = 0;
  const write = (): void => {
    writes += 1;
    if (writes === n) throw new GantryError('resource-exhausted', 'cannot write the record: ENOSPC');
  };
  const store = new RecordStore({
    writeSandbox: write,
    writeContainer: write,
    deleteSandbox: () => {},
    deleteContainer: () => {},
    readAll: () => ({ sandboxes: [], containers: [], unreadable: [], orphanFolders: [] }),
  });
  const ctx = { ...fakeContext(machine), store };
  machine.onExit = id => {
    recordExit(ctx, id);
    ctx.exits.announce(id);
  };
  return { machine, ctx, writes: () => writes };
}

/** A pod from its beginning to its removal; each call that finds the disk full is made once more, and a start with a new container, as a kubelet does. */
async function life(ctx: RuntimeServiceContext, refused: string[]): Promise<void> {
  const twice = async <T>(what: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      refused.push(`${what}: ${errorCode(error)}`);
      return call();
    }
  };
  const config = { metadata: { name: 'web', namespace: 'default', uid: 'u1', attempt: 0 } };
  const run = RunPodSandboxRequest.fromPartial({ config });
  const { podSandboxId } = await twice('run', () => runPodSandbox(ctx, run));
  let attempt = 0;
  const make = async (): Promise<string> => {
    const container = { metadata: { name: 'main', attempt }, image: { image: IMAGE_NAME } };
    attempt += 1;
    const create = CreateContainerRequest.fromPartial({ podSandboxId, config: container });
    return (await createContainer(ctx, create)).containerId;
  };
  let containerId = await twice('create', make);
  await twice('start', async () => {
    if (containerState(ctx.store.requireContainer(containerId)) === 'exited') {
      await removeContainer(ctx, { containerId });
      containerId = await make();
    }
    await startContainer(ctx, { containerId });
  });
  const update = UpdateContainerResourcesRequest.fromPartial({ containerId, linux: { cpuShares: 204n } });
  await twice('update', () => updateContainerResources(ctx, update));
  expect([...ctx.store.allSandboxes(), ...ctx.store.allContainers()].length).toBe(2);
  await twice('stop', () => stopContainer(ctx, { containerId, timeout: 1n }));
  await twice('remove', () => removePodSandbox(ctx, { podSandboxId }));
}

describe('a disk that is full', () => {
  it.each([
    // what promises something to the caller, or is needed to find a process again, is refused
    [1, ['run: resource-exhausted']],
    [2, ['run: resource-exhausted']],
    [3, ['create: resource-exhausted']],
    [4, ['create: resource-exhausted']],
    [5, ['start: resource-exhausted']],
    // what has happened is not
    [6, []],
    [7, ['update: resource-exhausted']],
    [8, []],
    [9, []],
    [10, []],
    [11, []],
    [12, []],
  ])('at write %i of a record leaves nothing half made, and the pod is made by the next call', async (n, expected) => {
    const { machine, ctx, writes } = fullAt(n);
    const refused: string[] = [];
    await life(ctx, refused);
    expect(refused).toEqual(expected);
    expect(writes()).toBeGreaterThanOrEqual(n);
    expect(machine.inspect()).toEqual([]);
    expect([...ctx.store.allSandboxes(), ...ctx.store.allContainers()]).toEqual([]);
  });
});

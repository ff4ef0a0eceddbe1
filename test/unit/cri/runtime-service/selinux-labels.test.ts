import { describe, expect, it } from 'vitest';
import type { RuntimeServiceContext } from '../../../../src/cri/runtime-service/context.ts';
import { createContainer } from '../../../../src/cri/runtime-service/create-container.ts';
import { runPodSandbox } from '../../../../src/cri/runtime-service/run-pod-sandbox.ts';
import type { OciSpec } from '../../../../src/cri/spec/oci-spec.ts';
import { CreateContainerRequest, RunPodSandboxRequest } from '../../../../src/rpc/cri-api.ts';
import { FakeMachine, fakeContext, IMAGE_NAME } from '../fakes.ts';

const SELINUX = {
  process: 'system_u:system_r:container_t:s0',
  file: 'system_u:object_r:container_file_t:s0',
  readOnlyFile: 'system_u:object_r:container_ro_file_t:s0',
};

function withSelinux(machine: FakeMachine): RuntimeServiceContext {
  const ctx = fakeContext(machine);
  return { ...ctx, node: { ...ctx.node, facts: { ...ctx.node.facts, selinux: SELINUX } } };
}

const pod = (name: string) =>
  RunPodSandboxRequest.fromPartial({ config: { metadata: { name, namespace: 'd', uid: name } } });

describe('on a machine with SELinux', () => {
  it('each pod has a level of its own, and its files have it too', async () => {
    const machine = new FakeMachine();
    const ctx = withSelinux(machine);
    const ids = [(await runPodSandbox(ctx, pod('a'))).podSandboxId, (await runPodSandbox(ctx, pod('b'))).podSandboxId];
    const labels = ids.map(id => ctx.store.sandbox(id)?.selinux?.mount);
    expect(new Set(labels).size).toBe(2);
    expect(machine.labels.get(ctx.paths.hosts(ids[0] ?? ''))).toBe(labels[0]);
    expect(machine.labels.get(ctx.paths.shm(ids[1] ?? ''))).toBe(labels[1]);
  });

  it('a container has its pod’s labels, and the mounts that are to be its own are labelled over', async () => {
    const machine = new FakeMachine();
    const ctx = withSelinux(machine);
    const { podSandboxId } = await runPodSandbox(ctx, pod('a'));
    const { containerId } = await createContainer(
      ctx,
      CreateContainerRequest.fromPartial({
        podSandboxId,
        config: {
          metadata: { name: 'c' },
          image: { image: IMAGE_NAME },
          command: ['/bin/true'],
          mounts: [
            { containerPath: '/own', hostPath: '/data/own', selinuxRelabel: true },
            { containerPath: '/others', hostPath: '/data/others' },
          ],
        },
      }),
    );
    const own = ctx.store.sandbox(podSandboxId)?.selinux;
    const spec = JSON.parse(ctx.node.readFile(`${ctx.paths.containerBundle(containerId)}/config.json`)) as OciSpec;
    expect([spec.process.selinuxLabel, spec.linux.mountLabel]).toEqual([own?.process, own?.mount]);
    expect([machine.labels.get('/data/own'), machine.labels.get('/data/others')]).toEqual([own?.mount, undefined]);
  });
});

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ContainerConfig, PodSandboxConfig } from '../../src/rpc/cri-api.ts';
import { containerConfig, podConfig } from '../harness/cri-pod.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

let runtime: RuntimeHost;
beforeAll(async () => {
  runtime = await gantryHost();
});
afterAll(() => runtime.delete());
afterEach(async () => {
  const { items } = await runtime.client.listPodSandbox({ filter: undefined });
  for (const { id } of items) await runtime.client.removePodSandbox({ podSandboxId: id });
});

/** Writes a file into the host (a path through no absolute link, which would lead out of it), with the directories above it. */
function write(path: string, text: string): void {
  const file = runtime.host.path(path);
  mkdirSync(file.slice(0, file.lastIndexOf('/')), { recursive: true });
  writeFileSync(file, text);
}

/** A hook that leaves the name of its moment in a file of the host. It reads what the runtime tells it, as hooks must: crun is ended by SIGPIPE when one does not. */
const hook = (hookName: string): object => ({
  hookName,
  path: '/bin/sh',
  args: ['sh', '-c', `cat >/dev/null; echo ${hookName} >> /run/hooks-$GPU_RUN`],
  env: ['GPU_RUN=x', 'PATH=/bin'],
});

describe.each(['crun', 'runc'])('CDI devices, by %s', handler => {
  async function create(name: string, changes: Parameters<typeof ContainerConfig.fromPartial>[0]): Promise<string> {
    const { client } = runtime;
    const sandboxConfig = podConfig(`${name}-${handler}`);
    const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: handler });
    const config = ContainerConfig.fromPartial({ ...containerConfig(['/bin/sleep', '1000']), ...changes });
    return (await client.createContainer({ podSandboxId, config, sandboxConfig })).containerId;
  }
  const run = async (containerId: string, script: string): Promise<string> =>
    (await runtime.client.execSync({ containerId, cmd: ['sh', '-c', script], timeout: 10n })).stdout.toString();

  it('bring variables, nodes, mounts and hooks, from JSON and YAML, by the field and by annotations', async () => {
    write('/var/lib/gpu/lib.so', 'library\n');
    write('/run/hooks-x', '');
    write(
      '/etc/cdi/vendor.json',
      JSON.stringify({
        cdiVersion: '0.6.0',
        kind: 'vendor.com/gpu',
        containerEdits: { hooks: [hook('createRuntime'), hook('poststart'), hook('poststop')] },
        devices: [
          {
            name: 'gpu0',
            containerEdits: {
              env: ['GPU=0'],
              deviceNodes: [{ path: '/dev/gpu0', hostPath: '/dev/null', permissions: 'rw' }],
              mounts: [{ hostPath: '/var/lib/gpu', containerPath: '/opt/gpu', options: ['ro', 'rbind'] }],
            },
          },
        ],
      }),
    );
    write(
      '/run/cdi/other.yaml',
      'cdiVersion: "0.7.0"\nkind: other.org/nic\ndevices:\n- name: "1"\n  containerEdits:\n    env: [NIC=1]\n    additionalGids: [4242]\n',
    );
    const containerId = await create('devices', {
      CDIDevices: [{ name: 'vendor.com/gpu=gpu0' }],
      annotations: { 'cdi.k8s.io/plugin': 'other.org/nic=1' },
    });
    await runtime.client.startContainer({ containerId });
    expect(
      await run(
        containerId,
        'echo $GPU $NIC; cat /opt/gpu/lib.so; id -G; echo x > /dev/gpu0 && stat -c %t:%T /dev/gpu0',
      ),
    ).toBe('0 1\nlibrary\n0 4242\n1:3\n');
    await runtime.client.stopContainer({ containerId, timeout: 0n });
    await runtime.client.removeContainer({ containerId });
    await waitFor(
      'the hooks, in their order',
      () => readFileSync(runtime.host.path('/run/hooks-x'), 'utf8') === 'createRuntime\npoststart\npoststop\n',
    );
  });

  it('show the files of a driver as root’s in a pod with a user namespace', async () => {
    const { client, host } = runtime;
    const ids = [{ hostId: 131_072, containerId: 0, length: 65_536 }];
    const namespaceOptions = { network: 0, pid: 1, ipc: 0, usernsOptions: { mode: 0, uids: ids, gids: ids } };
    write('/var/lib/kubelet/driver/lib.so', 'library\n');
    const mounts = [{ hostPath: '/var/lib/kubelet/driver', containerPath: '/opt/driver', options: ['ro', 'rbind'] }];
    write(
      '/etc/cdi/driver.json',
      JSON.stringify({
        cdiVersion: '0.5.0',
        kind: 'driver.com/x',
        devices: [{ name: 'd', containerEdits: { mounts, deviceNodes: [{ path: '/dev/kmsg' }] } }],
      }),
    );
    const pod = podConfig(`userns-${handler}`);
    const sandboxConfig = PodSandboxConfig.fromPartial({
      ...pod,
      linux: { ...pod.linux, securityContext: { namespaceOptions } },
    });
    const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: handler });
    const config = ContainerConfig.fromPartial({
      ...containerConfig(['/bin/sleep', '1000']),
      CDIDevices: [{ name: 'driver.com/x=d' }],
      linux: { securityContext: { namespaceOptions } },
    });
    const { containerId } = await client.createContainer({ podSandboxId, config, sandboxConfig });
    await client.startContainer({ containerId });
    expect(await run(containerId, 'stat -c %u /opt/driver/lib.so; stat -c %t:%T /dev/kmsg')).toBe('0\n1:b\n');
    expect(readdirSync(host.path('/run/gantry/cri/idmapped'))).toEqual([]);
  });

  it('take a file of /var/run/cdi, which is /run/cdi, before one of /etc/cdi, as it is at that moment', async () => {
    const file = (value: string): string =>
      JSON.stringify({
        cdiVersion: '0.5.0',
        kind: 'a.b/c',
        devices: [{ name: 'd', containerEdits: { env: [`V=${value}`] } }],
      });
    write('/etc/cdi/a.json', file('static'));
    write('/run/cdi/a.json', file('dynamic'));
    const containerId = await create('priority', { CDIDevices: [{ name: 'a.b/c=d' }] });
    await runtime.client.startContainer({ containerId });
    expect(await run(containerId, 'echo $V')).toBe('dynamic\n');
  });

  it('that nobody describes are refused by name, with the files that are wrong, and leave nothing', async () => {
    write('/etc/cdi/broken.yaml', 'cdiVersion: [\n');
    await expect(create('unknown', { CDIDevices: [{ name: 'vendor.com/gpu=gpu9' }] })).rejects.toThrow(
      /CDI device injection failed: unresolvable CDI devices vendor.com\/gpu=gpu9 \(\/etc\/cdi\/broken.yaml: /,
    );
    expect((await runtime.client.listContainers({ filter: undefined })).containers).toEqual([]);
  });
});

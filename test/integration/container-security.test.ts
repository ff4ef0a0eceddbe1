import { mkdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ContainerConfig, PodSandboxConfig } from '../../src/rpc/cri-api.ts';
import { containerConfig, podConfig } from '../harness/cri-pod.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';

let runtime: RuntimeHost;
beforeAll(async () => {
  runtime = await gantryHost();
});
afterAll(() => runtime.delete());
afterEach(async () => {
  const { items } = await runtime.client.listPodSandbox({ filter: undefined });
  for (const { id } of items) await runtime.client.removePodSandbox({ podSandboxId: id });
});

const NAMESPACES = { network: 0, pid: 1, ipc: 0 };

describe.each(['crun', 'runc'])('what a container may, by %s', handler => {
  async function start(
    name: string,
    changes: Parameters<typeof ContainerConfig.fromPartial>[0],
    sysctls: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const { client } = runtime;
    const pod = podConfig(`${name}-${handler}`);
    const sandboxConfig = PodSandboxConfig.fromPartial({ ...pod, linux: { ...pod.linux, sysctls } });
    const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: handler });
    const config = ContainerConfig.fromPartial({ ...containerConfig(['/bin/sleep', '1000']), ...changes });
    const { containerId } = await client.createContainer({ podSandboxId, config, sandboxConfig });
    await client.startContainer({ containerId });
    return containerId;
  }
  const run = async (containerId: string, script: string): Promise<string> =>
    (await runtime.client.execSync({ containerId, cmd: ['sh', '-c', script], timeout: 10n })).stdout.toString();
  const status = async (containerId: string, field: string): Promise<string> =>
    (await run(containerId, `grep ^${field}: /proc/1/status`)).replace(/^\w+:\s*/, '').trim();

  it('is an ambient capability, which a user who is not root keeps over exec', async () => {
    const id = await start('ambient', {
      linux: {
        securityContext: {
          namespaceOptions: NAMESPACES,
          runAsUser: { value: 1000n },
          capabilities: { dropCapabilities: ['ALL'], addAmbientCapabilities: ['NET_BIND_SERVICE'] },
          noNewPrivs: true,
        },
      },
    });
    const bit = (1 << 10).toString(16).padStart(16, '0');
    expect([await status(id, 'CapAmb'), await status(id, 'CapEff'), await status(id, 'CapBnd')]).toEqual([
      bit,
      bit,
      bit,
    ]);
    expect(await status(id, 'NoNewPrivs')).toBe('1');
  });

  it('are processors of its own, a swap limit and a kernel parameter of its uts namespace', async () => {
    const id = await start(
      'limits',
      {
        linux: {
          resources: {
            cpusetCpus: '0',
            cpusetMems: '0',
            memoryLimitInBytes: 64n << 20n,
            memorySwapLimitInBytes: 96n << 20n,
          },
          securityContext: { namespaceOptions: NAMESPACES },
        },
      },
      { 'kernel.domainname': 'example.org', 'kernel.shmmax': '65536' },
    );
    expect(await status(id, 'Cpus_allowed_list')).toBe('0');
    expect(await run(id, 'cat /proc/sys/kernel/domainname /proc/sys/kernel/shmmax')).toBe('example.org\n65536\n');
    const { status: seen } = await runtime.client.containerStatus({ containerId: id, verbose: false });
    expect(seen?.resources?.linux?.memorySwapLimitInBytes).toBe(96n << 20n);
  });

  it('are all devices of a directory', async () => {
    mkdirSync(runtime.host.path('/run/nodes/deep'), { recursive: true });
    await runtime.host.exec(['sh', '-c', 'cd /run/nodes; for n in a deep/b; do [ -e $n ] || mknod $n c 1 3; done']);
    const id = await start('devices', {
      devices: [{ hostPath: '/run/nodes', containerPath: '/dev/nodes', permissions: 'rw' }],
    });
    expect(await run(id, 'for n in a deep/b; do echo x > /dev/nodes/$n && stat -c %t:%T /dev/nodes/$n; done')).toBe(
      '1:3\n1:3\n',
    );
  });

  it('is to see what is mounted on the machine later, where it asked for that, and not to change what is read-only all the way down', async () => {
    const { host } = runtime;
    await host.exec([
      'sh',
      '-c',
      'mkdir -p /run/tree/later /run/tree/below && (mountpoint -q /run/tree/below || mount -t tmpfs below /run/tree/below)',
    ]);
    const id = await start('mounts', {
      mounts: [
        { containerPath: '/slave', hostPath: '/run/tree', propagation: 1 },
        { containerPath: '/rro', hostPath: '/run/tree', readonly: true, recursiveReadOnly: true },
        { containerPath: '/ro', hostPath: '/run/tree', readonly: true },
      ],
    });
    await host.exec(['mount', '-t', 'tmpfs', 'later', '/run/tree/later']);
    expect(await run(id, 'for p in /slave /rro; do grep -c " $p/later " /proc/self/mountinfo; done')).toBe('1\n0\n');
    expect(await run(id, 'for p in /ro /rro; do touch $p/below/x 2>/dev/null && echo changed || echo kept; done')).toBe(
      'changed\nkept\n',
    );
    await host.exec(['umount', '/run/tree/later']);
  });
});

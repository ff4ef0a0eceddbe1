import { chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ContainerConfig, Mount, PodSandboxConfig } from '../../src/rpc/cri-api.ts';
import { containerConfig, podConfig } from '../harness/cri-pod.ts';
import { armFault, killAndRestart, waitForRestart } from '../harness/fault.ts';
import { BUSYBOX } from '../harness/images.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

/** A range such as kubelets give: the same ids for users and groups, of which the machine has nobody. */
const HOST_ID = 65_536 * 3;
const IDS = [{ hostId: HOST_ID, containerId: 0, length: 65_536 }];
const NAMESPACES = { network: 0, pid: 1, ipc: 0, usernsOptions: { mode: 0, uids: IDS, gids: IDS } };

function podWithUserns(name: string): PodSandboxConfig {
  const config = podConfig(name);
  return PodSandboxConfig.fromPartial({
    ...config,
    linux: { cgroupParent: '/kubepods', securityContext: { namespaceOptions: NAMESPACES } },
  });
}

function container(script: string, changes: Parameters<typeof ContainerConfig.fromPartial>[0] = {}): ContainerConfig {
  return ContainerConfig.fromPartial({
    ...containerConfig(['/bin/sh', '-c', script]),
    linux: { securityContext: { namespaceOptions: NAMESPACES, capabilities: { addCapabilities: ['NET_ADMIN'] } } },
    ...changes,
  });
}

const volume = (hostPath: string): { mounts: ContainerConfig['mounts'] } => ({
  mounts: [Mount.fromPartial({ containerPath: '/data', hostPath, uidMappings: IDS, gidMappings: IDS })],
});

let runtime: RuntimeHost;
beforeAll(async () => {
  runtime = await gantryHost();
  mkdirSync(runtime.host.path('/var/lib/kubelet/volume'));
  writeFileSync(runtime.host.path('/var/lib/kubelet/volume/of-root'), '', { mode: 0o600 });
  writeFileSync(runtime.host.path('/var/lib/kubelet/volume/of-app'), '', { mode: 0o600 });
  chownSync(runtime.host.path('/var/lib/kubelet/volume/of-app'), 1000, 1000);
});
afterAll(() => runtime.delete());
afterEach(async () => {
  const { items } = await runtime.client.listPodSandbox({ filter: undefined });
  for (const { id } of items) await runtime.client.removePodSandbox({ podSandboxId: id });
});

async function start(
  handler: string,
  name: string,
  config: ContainerConfig,
): Promise<{ sandboxId: string; containerId: string }> {
  const { client } = runtime;
  const sandboxConfig = podWithUserns(name);
  const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: handler });
  const { containerId } = await client.createContainer({ podSandboxId, config, sandboxConfig });
  await client.startContainer({ containerId });
  return { sandboxId: podSandboxId, containerId };
}
async function remove(podSandboxId: string): Promise<void> {
  await runtime.client.stopPodSandbox({ podSandboxId });
  await runtime.client.removePodSandbox({ podSandboxId });
  await expectNoLeftovers(runtime);
}
async function run(containerId: string, script: string): Promise<string> {
  const { stdout, stderr } = await runtime.client.execSync({ containerId, cmd: ['sh', '-c', script], timeout: 10n });
  return stdout.toString() + stderr.toString();
}
const ready = (): Promise<boolean> =>
  waitFor('the shim to answer', async () => {
    await runtime.client.version({ version: '' }, { timeoutMs: 2_000 });
    return true;
  });

describe.each(['crun', 'runc'])('a pod with a user namespace of its own, by %s', handler => {
  it('is announced as possible', async () => {
    const { runtimeHandlers } = await runtime.client.status({ verbose: false });
    expect(runtimeHandlers.map(({ name, features }) => [name, features?.userNamespaces])).toContainEqual([
      handler,
      true,
    ]);
  });

  it('has ids that nobody else has, and is root over its files, its volumes and its network', async () => {
    const { host } = runtime;
    const { sandboxId, containerId } = await start(
      handler,
      `ids-${handler}`,
      container('echo by name >/dev/stderr; exec sleep 1000', volume('/var/lib/kubelet/volume')),
    );
    expect((await run(containerId, 'cat /proc/self/uid_map /proc/self/gid_map')).trim().split(/\s+/)).toEqual([
      '0',
      `${HOST_ID}`,
      '65536',
      '0',
      `${HOST_ID}`,
      '65536',
    ]);
    expect(
      await run(
        containerId,
        'stat -c %u:%g / /bin/sh /data/of-root /etc/hosts /etc/resolv.conf /etc/hostname /dev/shm',
      ),
    ).toBe('0:0\n'.repeat(7));
    expect(await run(containerId, 'stat -c %u:%g /data/of-app; cat /data/of-app && echo may read')).toBe(
      '1000:1000\nmay read\n',
    );
    expect(
      await run(containerId, 'touch /made /data/made /dev/shm/made && chown 1000:1000 /data/made && echo done'),
    ).toBe('done\n');
    expect(
      await run(containerId, 'ip link set lo down && ip link set lo up && cat /proc/sys/net/ipv4/ping_group_range'),
    ).toBe('0\t65535\n');
    expect(await run(containerId, 'echo by name >/dev/stderr')).toBe('by name\n');
    const log = host.path(`/var/log/pods/default_ids-${handler}_uid-ids-${handler}/main/0.log`);
    await waitFor('the line written by name', () => readFileSync(log, 'utf8').includes('stderr F by name'));
    const made = statSync(host.path('/var/lib/kubelet/volume/made'));
    expect([made.uid, made.gid]).toEqual([1000, 1000]);
    const { info } = await runtime.client.containerStatus({ containerId, verbose: true });
    const { pid } = JSON.parse(info['info'] ?? '') as { pid: number };
    expect(statSync(host.path(`/proc/${pid}`)).uid).toBe(HOST_ID);
    await remove(sandboxId);
  });

  it('does not get the null device of the machine, by its start or by a command run in it', async () => {
    const { sandboxId, containerId } = await start(handler, `null-${handler}`, container('sleep 100000'));
    expect(await run(containerId, 'cat; chmod 600 /dev/null; echo ended')).toContain('ended');
    const { uid, gid, mode } = statSync('/dev/null');
    expect([uid, gid, mode & 0o777]).toEqual([0, 0, 0o666]);
    await remove(sandboxId);
  });

  it('goes on through a kill -9 of the shim, takes a second container then, and leaves nothing', async () => {
    const { client } = runtime;
    const { sandboxId, containerId } = await start(handler, 'killed', container('exec sleep 1000'));
    await killAndRestart(runtime.service);
    await ready();
    expect(await run(containerId, 'cat /proc/self/uid_map')).toContain(`${HOST_ID}`);
    const config = container('exec sleep 1000', {
      metadata: { name: 'second', attempt: 0 },
      ...volume('/var/lib/kubelet/volume'),
    });
    const second = await client.createContainer({
      podSandboxId: sandboxId,
      config,
      sandboxConfig: podWithUserns('killed'),
    });
    await client.startContainer({ containerId: second.containerId });
    expect(await run(second.containerId, 'stat -c %u /data/of-app')).toBe('1000\n');
    await remove(sandboxId);
  });

  it('sees the image of an image volume as its own, and has no place for other ids than its own', async () => {
    const { client } = runtime;
    const image = Mount.fromPartial({
      containerPath: '/image',
      image: { image: BUSYBOX },
      readonly: true,
      uidMappings: IDS,
      gidMappings: IDS,
    });
    const { sandboxId, containerId } = await start(
      handler,
      `image-${handler}`,
      container('exec sleep 1000', { mounts: [image] }),
    );
    expect(await run(containerId, 'stat -c %u:%g /image/bin; touch /image/x 2>/dev/null || echo refused')).toBe(
      '0:0\nrefused\n',
    );
    const config = container('true', {
      metadata: { name: 'outside', attempt: 0 },
      linux: { securityContext: { namespaceOptions: NAMESPACES, runAsUser: { value: 65_536n } } },
    });
    const sandboxConfig = podWithUserns(`image-${handler}`);
    await expect(client.createContainer({ podSandboxId: sandboxId, config, sandboxConfig })).rejects.toThrow(
      "user id 65536 has no place in the pod's user namespace",
    );
    await remove(sandboxId);
  });

  it('is refused with ids that the kernel does not take, which it names', async () => {
    const beyond = [{ hostId: 4_294_967_290, containerId: 0, length: 65_536 }];
    const config = PodSandboxConfig.fromPartial({
      ...podWithUserns('beyond'),
      linux: {
        cgroupParent: '/kubepods',
        securityContext: {
          namespaceOptions: { ...NAMESPACES, usernsOptions: { mode: 0, uids: beyond, gids: beyond } },
        },
      },
    });
    await expect(runtime.client.runPodSandbox({ config, runtimeHandler: handler })).rejects.toThrow(
      'the kernel does not take the ids "0 4294967290 65536": EINVAL',
    );
    await expectNoLeftovers(runtime);
  });

  it('refuses a volume whose file system cannot move ids, names it, and leaves nothing', async () => {
    const { client, host } = runtime;
    mkdirSync(host.path('/var/lib/on-an-overlay'), { recursive: true });
    const sandboxConfig = podWithUserns('overlay');
    const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: handler });
    const config = container('true', volume('/var/lib/on-an-overlay'));
    await expect(client.createContainer({ podSandboxId, config, sandboxConfig })).rejects.toThrow(
      'failed to set MOUNT_ATTR_IDMAP on /var/lib/on-an-overlay: its file system cannot',
    );
    await remove(podSandboxId);
  });
});

describe('a kill -9 while such a pod is made', () => {
  it.each([
    'cri/run-pod-sandbox/netns-made',
    'cri/create-container/rootfs-mounted',
    'cri/start-container/runtime-created',
  ] as const)('leaves nothing behind a kill at %s, and runs at the next try', async point => {
    const name = point.replaceAll('/', '-');
    const config = container('exec sleep 1000', volume('/var/lib/kubelet/volume'));
    const armed = await armFault(runtime.host, runtime.service, point);
    await ready();
    await expect(start('crun', name, config)).rejects.toThrow();
    await waitForRestart(runtime.service, armed);
    await ready();
    const { sandboxId, containerId } = await start('crun', name, config);
    expect(await run(containerId, 'stat -c %u /data/of-app')).toBe('1000\n');
    await remove(sandboxId);
  });
});

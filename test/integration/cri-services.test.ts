import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listProcesses } from '../../src/linux/procfs.ts';
import {
  ContainerConfig,
  type ContainerEventResponse,
  ContainerEventType,
  ContainerState,
  PodSandboxConfig,
  PodSandboxState,
  UpdateContainerResourcesRequest,
} from '../../src/rpc/cri-api.ts';
import { containerConfig, podConfig, removeCriPod, runCriPod } from '../harness/cri-pod.ts';
import { killAndRestart } from '../harness/fault.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

let runtime: RuntimeHost;
beforeAll(async () => {
  runtime = await gantryHost();
});
afterAll(() => runtime.delete());

let named = 0;
/** A name no other test uses. */
const freshName = (what: string): string => {
  named += 1;
  return `${what}-${named}`;
};

/** Whatever the shim keeps of pods, in every place where it keeps something. */
function leftovers(): string[] {
  const { host } = runtime;
  const inside = (path: string): string[] => (existsSync(host.path(path)) ? readdirSync(host.path(path)) : []);
  const places = [
    '/var/lib/gantry/sandboxes',
    '/var/lib/gantry/containers',
    '/var/lib/gantry/quarantine',
    '/run/gantry/cri/sandboxes',
    '/run/gantry/cri/containers',
    '/run/gantry/cri/netns',
    '/run/gantry/cri/exits',
    '/run/gantry/cri/crun',
    '/run/gantry/cri/runc',
    '/var/lib/gantry/cni-cache/results',
  ].flatMap(place => inside(place).map(name => `${place}/${name}`));
  const mounts = readFileSync(`/proc/${host.pid1.pid}/mountinfo`, 'utf8')
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .filter(target => target.startsWith('/run/gantry/cri/'));
  const processes = listProcesses()
    .filter(p => /conmon|catatonit/.test(p.cmdline[0] ?? '') && p.pid !== host.pid1.pid)
    .filter(p => cgroupOf(p.pid).includes(host.cgroup))
    .map(p => `process ${p.cmdline.join(' ')}`);
  return [...places, ...mounts, ...processes];
}

function cgroupOf(pid: number): string {
  const path = `/proc/${pid}/cgroup`;
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

async function expectNothingLeft(): Promise<void> {
  await waitFor('nothing of any pod to be left', saw => {
    const left = leftovers();
    saw(left);
    return left.length === 0;
  });
}

/** What a kubelet does with everything it did not ask for. */
async function removeAll(): Promise<void> {
  const { items } = await runtime.client.listPodSandbox({ filter: undefined });
  for (const { id } of items) {
    await runtime.client.stopPodSandbox({ podSandboxId: id });
    await runtime.client.removePodSandbox({ podSandboxId: id });
  }
}

const ready = (): Promise<boolean> =>
  waitFor('the shim to answer', async () => {
    await runtime.client.version({ version: '' }, { timeoutMs: 2_000 });
    return true;
  });

const shell = (script: string): ContainerConfig => containerConfig(['/bin/sh', '-c', script]);

async function startPod(name: string, config: ContainerConfig): Promise<{ podSandboxId: string; containerId: string }> {
  const sandboxConfig = podConfig(name);
  const { podSandboxId } = await runtime.client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
  const { containerId } = await runtime.client.createContainer({ podSandboxId, config, sandboxConfig });
  await runtime.client.startContainer({ containerId });
  return { podSandboxId, containerId };
}

describe('life of a pod', () => {
  it('runs, is seen with its address, runs commands, logs, ends with its code and leaves nothing', async () => {
    const { client, host } = runtime;
    const name = freshName('life');
    const { podSandboxId, containerId } = await startPod(
      name,
      shell('echo "I am $(hostname)"; trap "exit 7" TERM; while :; do sleep 0.05; done'),
    );
    const { status, containersStatuses } = await client.podSandboxStatus({ podSandboxId, verbose: false });
    expect(status?.network?.ip).toMatch(/^10\.244\.0\.\d+$/);
    expect(containersStatuses.map(c => c.state)).toEqual([ContainerState.CONTAINER_RUNNING]);

    const exec = await client.execSync({
      containerId,
      cmd: ['sh', '-c', 'hostname; echo oops >&2; exit 4'],
      timeout: 10n,
    });
    expect([exec.exitCode, exec.stdout.toString(), exec.stderr.toString()]).toEqual([4, `${name}\n`, 'oops\n']);

    const log = host.path(`/var/log/pods/default_${name}_uid-${name}/main/0.log`);
    await waitFor('the log line', () => readFileSync(log, 'utf8').includes(`stdout F I am ${name}`));
    await client.stopContainer({ containerId, timeout: 10n });
    const ended = (await client.containerStatus({ containerId, verbose: false })).status;
    expect([ended?.state, ended?.exitCode, ended?.reason]).toEqual([ContainerState.CONTAINER_EXITED, 7, 'Error']);
    await client.stopPodSandbox({ podSandboxId });
    await client.removePodSandbox({ podSandboxId });
    await expectNothingLeft();
  });

  it('pushes the events of container and sandbox in order, each with the statuses of the pod', async () => {
    const { client } = runtime;
    const leave = new AbortController();
    const events: ContainerEventResponse[] = [];
    const listening = (async () => {
      for await (const event of client.getContainerEvents({}, { signal: leave.signal })) events.push(event);
    })().catch(() => undefined);
    await ready();
    const { podSandboxId, containerId } = await startPod(freshName('events'), shell('exit 3'));
    await waitFor('the exit', () => events.some(e => e.containerId === containerId && e.containerEventType === 2));
    await client.stopPodSandbox({ podSandboxId });
    await client.removePodSandbox({ podSandboxId });
    await waitFor('the last event', () =>
      events.some(e => e.containerId === podSandboxId && e.containerEventType === 3),
    );
    leave.abort();
    await listening;
    const { CONTAINER_CREATED_EVENT, CONTAINER_STARTED_EVENT, CONTAINER_STOPPED_EVENT, CONTAINER_DELETED_EVENT } =
      ContainerEventType;
    const all = [CONTAINER_CREATED_EVENT, CONTAINER_STARTED_EVENT, CONTAINER_STOPPED_EVENT, CONTAINER_DELETED_EVENT];
    const of = (id: string): ContainerEventType[] =>
      events.filter(e => e.containerId === id).map(e => e.containerEventType);
    expect(of(containerId)).toEqual(all);
    expect(of(podSandboxId)).toEqual(all);
    const stopped = events.find(e => e.containerId === containerId && e.containerEventType === CONTAINER_STOPPED_EVENT);
    expect(stopped?.podSandboxStatus?.state).toBe(PodSandboxState.SANDBOX_READY);
    expect(stopped?.containersStatuses.map(c => c.exitCode)).toEqual([3]);
  });

  it('lists by beginning of the id, state and labels', async () => {
    const { client } = runtime;
    const pod = await runCriPod(client, freshName('filters'));
    const list = async (filter: object): Promise<string[]> =>
      (
        await client.listContainers({
          filter: { id: '', state: undefined, podSandboxId: '', labelSelector: {}, ...filter },
        })
      ).containers.map(c => c.id);
    expect(await list({ id: pod.containerId.slice(0, 12) })).toEqual([pod.containerId]);
    expect(await list({ podSandboxId: pod.sandboxId, state: { state: ContainerState.CONTAINER_RUNNING } })).toEqual([
      pod.containerId,
    ]);
    expect(await list({ state: { state: ContainerState.CONTAINER_EXITED } })).toEqual([]);
    expect(await list({ labelSelector: { no: 'such' } })).toEqual([]);
    await removeCriPod(client, pod);
  });

  it('kills a container that does not heed its stop signal, sooner when a later call has less patience', async () => {
    const { client } = runtime;
    const { podSandboxId, containerId } = await startPod(
      freshName('deaf'),
      shell('trap "" TERM; sleep 1000 & wait; wait'),
    );
    const patient = client.stopContainer({ containerId, timeout: 300n });
    await client.stopContainer({ containerId, timeout: 0n });
    await patient;
    const { status } = await client.containerStatus({ containerId, verbose: false });
    expect(status?.exitCode).toBe(137);
    await client.stopPodSandbox({ podSandboxId });
    await client.removePodSandbox({ podSandboxId });
  });
});

describe('kinds of pods', () => {
  const withNamespaces = (config: PodSandboxConfig, options: object): PodSandboxConfig =>
    PodSandboxConfig.fromPartial({
      ...config,
      linux: { ...config.linux, securityContext: { namespaceOptions: { network: 0, pid: 1, ipc: 0, ...options } } },
    });
  const inNamespaces = (config: ContainerConfig, options: object): ContainerConfig =>
    ContainerConfig.fromPartial({
      ...config,
      linux: { ...config.linux, securityContext: { namespaceOptions: { network: 0, pid: 1, ipc: 0, ...options } } },
    });
  async function startKind(name: string, options: object, script: string): Promise<{ sandbox: string; id: string }> {
    const { client } = runtime;
    const sandboxConfig = withNamespaces(podConfig(name), options);
    const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
    const config = inNamespaces(shell(script), options);
    const { containerId } = await client.createContainer({ podSandboxId, config, sandboxConfig });
    await client.startContainer({ containerId });
    return { sandbox: podSandboxId, id: containerId };
  }

  it('on the host network has the names and links of the host and no address of its own', async () => {
    const { client, host } = runtime;
    const pod = await startKind(freshName('hostnet'), { network: 2 }, 'sleep 1000');
    const exec = await client.execSync({
      containerId: pod.id,
      cmd: ['sh', '-c', 'hostname; ls /sys/class/net'],
      timeout: 10n,
    });
    expect(exec.stdout.toString()).toContain(host.name);
    expect(exec.stdout.toString()).toContain('gantry0');
    const { status } = await client.podSandboxStatus({ podSandboxId: pod.sandbox, verbose: false });
    expect(status?.network?.ip).toBe('');
    await client.removePodSandbox({ podSandboxId: pod.sandbox });
    await expectNothingLeft();
  });

  it('with a shared pid namespace loses nothing of a container that ended', async () => {
    const { client } = runtime;
    const pod = await startKind(freshName('shared'), { pid: 0 }, 'sleep 98765 & exit 6');
    await waitFor('the end', async () => {
      const { status } = await client.containerStatus({ containerId: pod.id, verbose: false });
      return status?.exitCode === 6;
    });
    await waitFor('the child that was left behind to be killed', () =>
      listProcesses().every(p => p.cmdline.join(' ') !== 'sleep 98765'),
    );
    await client.removePodSandbox({ podSandboxId: pod.sandbox });
    await expectNothingLeft();
  });

  it.each([
    ['RuntimeDefault is filtered, commands run in it too', 0, '2'],
    ['Unconfined is not', 1, '0'],
  ])('with the seccomp profile %s', async (_sentence, profileType, mode) => {
    const { client } = runtime;
    const sandboxConfig = podConfig(freshName('seccomp'));
    const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
    const config = ContainerConfig.fromPartial({
      ...shell('sleep 1000'),
      linux: { securityContext: { seccomp: { profileType } } },
    });
    const { containerId } = await client.createContainer({ podSandboxId, config, sandboxConfig });
    await client.startContainer({ containerId });
    const cmd = ['grep', '-h', 'Seccomp:', '/proc/1/status', '/proc/self/status'];
    const { stdout } = await client.execSync({ containerId, cmd, timeout: 10n });
    expect(stdout.toString()).toBe(`Seccomp:\t${mode}\n`.repeat(2));
    await client.removePodSandbox({ podSandboxId });
    await expectNothingLeft();
  });

  it('whose first process collects nobody keeps no zombie of a command that timed out', async () => {
    const { client } = runtime;
    const pod = await startKind(freshName('zombie'), {}, 'exec sleep 1000');
    const cmd = ['sleep', '4321'];
    await expect(client.execSync({ containerId: pod.id, cmd, timeout: 1n })).rejects.toThrow('timed out after 1s');
    const names = ['sh', '-c', 'exec cat /proc/[0-9]*/comm'];
    const { stdout } = await client.execSync({ containerId: pod.id, cmd: names, timeout: 10n });
    expect(stdout.toString().trim().split('\n')).toEqual(['sleep', 'cat']);
    await client.removePodSandbox({ podSandboxId: pod.sandbox });
    await expectNothingLeft();
  });

  it('whose limits are changed has them at once, up and down, and shows them', async () => {
    const { client, host } = runtime;
    const sandboxConfig = podConfig(freshName('resized'));
    const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
    const { containerId } = await client.createContainer({ podSandboxId, config: shell('sleep 1000'), sandboxConfig });
    await client.startContainer({ containerId });
    const group = `${sandboxConfig.linux?.cgroupParent}/${containerId}`;
    const limit = (controller: string, file: string): string =>
      readFileSync(host.path(`/sys/fs/cgroup/${controller}${group}/${file}`), 'utf8').trim();
    for (const memoryLimitInBytes of [512n << 20n, 32n << 20n]) {
      const linux = { memoryLimitInBytes, cpuQuota: 20_000n, cpuPeriod: 100_000n };
      await client.updateContainerResources(UpdateContainerResourcesRequest.fromPartial({ containerId, linux }));
      expect(limit('memory', 'memory.limit_in_bytes')).toBe(String(memoryLimitInBytes));
      expect(limit('cpu', 'cpu.cfs_quota_us')).toBe('20000');
      const { status } = await client.containerStatus({ containerId, verbose: false });
      expect(status?.resources?.linux).toMatchObject({ ...linux, cpuShares: 102n });
    }
    await client.removePodSandbox({ podSandboxId });
    await expectNothingLeft();
  });

  it('whose CPU quota is taken away has none, as one that never had any', async () => {
    const { client, host } = runtime;
    const sandboxConfig = podConfig(freshName('unlimited'));
    const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
    const { containerId } = await client.createContainer({ podSandboxId, config: shell('sleep 1000'), sandboxConfig });
    await client.startContainer({ containerId });
    const group = host.path(`/sys/fs/cgroup/cpu${sandboxConfig.linux?.cgroupParent}/${containerId}`);
    for (const cpuQuota of [-1n, 20_000n, -1n]) {
      const linux = { cpuQuota, cpuPeriod: 100_000n, cpuShares: 20n };
      await client.updateContainerResources(UpdateContainerResourcesRequest.fromPartial({ containerId, linux }));
      expect(readFileSync(`${group}/cpu.cfs_quota_us`, 'utf8').trim()).toBe(String(cpuQuota));
      expect(readFileSync(`${group}/cpu.shares`, 'utf8').trim()).toBe('20');
    }
    await client.removePodSandbox({ podSandboxId });
    await expectNothingLeft();
  });

  it('that takes more memory than its limit is OOMKilled', async () => {
    const { client } = runtime;
    const pod = await startKind(freshName('oom'), {}, 'x=a; while :; do x=$x$x; done');
    const status = await waitFor('the end', async saw => {
      const answer = await client.containerStatus({ containerId: pod.id, verbose: false });
      saw(answer.status);
      return answer.status?.state === ContainerState.CONTAINER_EXITED && answer.status;
    });
    expect([status.exitCode, status.reason]).toEqual([137, 'OOMKilled']);
    await client.removePodSandbox({ podSandboxId: pod.sandbox });
  });

  it('logs into a new file after its log was renamed', async () => {
    const { client, host } = runtime;
    const name = freshName('reopen');
    const pod = await startKind(name, {}, 'while :; do echo tick; sleep 0.05; done');
    const log = host.path(`/var/log/pods/default_${name}_uid-${name}/main/0.log`);
    await waitFor('a line', () => readFileSync(log, 'utf8').includes('tick'));
    renameSync(log, `${log}.1`);
    await client.reopenContainerLog({ containerId: pod.id });
    await waitFor('a line in the new file', () => readFileSync(log, 'utf8').includes('tick'));
    await client.removePodSandbox({ podSandboxId: pod.sandbox });
  });
});

describe('repeated and abandoned calls', () => {
  it('answers the same sandbox and container to calls at once and afterwards', async () => {
    const { client } = runtime;
    const sandboxConfig = podConfig(freshName('again'));
    const runSandbox = { config: sandboxConfig, runtimeHandler: '' };
    const ids = await Promise.all([1, 2, 3].map(async () => (await client.runPodSandbox(runSandbox)).podSandboxId));
    ids.push((await client.runPodSandbox(runSandbox)).podSandboxId);
    expect(new Set(ids).size).toBe(1);
    const [podSandboxId = ''] = ids;
    const create = { podSandboxId, config: shell('sleep 1000'), sandboxConfig };
    const made = await Promise.all([1, 2, 3].map(async () => (await client.createContainer(create)).containerId));
    made.push((await client.createContainer(create)).containerId);
    expect(new Set(made).size).toBe(1);
    await client.removePodSandbox({ podSandboxId });
    await client.removePodSandbox({ podSandboxId });
    await client.stopPodSandbox({ podSandboxId });
    await client.stopContainer({ containerId: made[0] ?? '', timeout: 0n });
    await client.removeContainer({ containerId: made[0] ?? '' });
    await expectNothingLeft();
  });

  it('finishes what a caller who left has begun, so that a retry gets it', async () => {
    const { client } = runtime;
    const name = freshName('left');
    const call = client.runPodSandbox({ config: podConfig(name), runtimeHandler: '' }, { timeoutMs: 5 });
    await expect(call).rejects.toThrow();
    const { podSandboxId } = await client.runPodSandbox({ config: podConfig(name), runtimeHandler: '' });
    const { items } = await client.listPodSandbox({ filter: undefined });
    expect(items.map(s => s.id)).toEqual([podSandboxId]);
    await client.removePodSandbox({ podSandboxId });
    await expectNothingLeft();
  });
});

describe('failures', () => {
  it.each([
    ['an image that is not here', { image: { image: 'localhost/nothing:1' } }, /localhost\/nothing:1/],
    [
      'a mount source that cannot be made',
      { mounts: [{ containerPath: '/x', hostPath: '/etc/hostname/no' }] },
      /\/etc\/hostname\/no/,
    ],
    [
      'a seccomp profile that cannot be there',
      { linux: { securityContext: { seccomp: { profileType: 2, localhostRef: '/etc/hostname/no' } } } },
      /seccomp profile \/etc\/hostname\/no cannot be read: ENOTDIR/,
    ],
    ['a command that is not in the image', { command: ['/no/such/command'] }, /\/no\/such\/command/],
  ])('%s: the error names it and nothing is left', async (_what, change, message) => {
    const { client } = runtime;
    const sandboxConfig = podConfig(freshName('fails'));
    const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
    const config = ContainerConfig.fromPartial({ ...containerConfig(['/bin/true']), ...change });
    const attempt = async (): Promise<void> => {
      const { containerId } = await client.createContainer({ podSandboxId, config, sandboxConfig });
      await client.startContainer({ containerId });
    };
    await expect(attempt()).rejects.toThrow(message);
    await client.removePodSandbox({ podSandboxId });
    await expectNothingLeft();
  });

  it('reports a container whose monitor was killed as ended for an unknown reason, and kills it', async () => {
    const { client, host } = runtime;
    const pod = await runCriPod(client, freshName('lost'));
    const monitors = listProcesses().filter(
      p =>
        /conmon$/.test(p.cmdline[0] ?? '') &&
        p.cmdline.includes(pod.containerId) &&
        cgroupOf(p.pid).includes(host.cgroup),
    );
    expect(monitors).toHaveLength(1);
    for (const { pid } of monitors) process.kill(pid, 'SIGKILL');
    await client.stopContainer({ containerId: pod.containerId, timeout: 100n });
    const { status } = await client.containerStatus({ containerId: pod.containerId, verbose: false });
    expect([status?.exitCode, status?.reason]).toEqual([255, 'Unknown']);
    await removeCriPod(client, pod);
    await expectNothingLeft();
  });
});

describe('kill -9 of the shim', () => {
  it('touches no container, and tells what ended meanwhile', async () => {
    const { client, service, host } = runtime;
    const stays = await startPod(freshName('stays'), shell('sleep 1000'));
    const ends = await startPod(freshName('ends'), shell('trap "exit 9" USR1; while :; do sleep 0.05; done'));
    const pidOf = async (containerId: string): Promise<number> => {
      const { info } = await client.containerStatus({ containerId, verbose: true });
      return (JSON.parse(info['info'] ?? '{}') as { pid: number }).pid;
    };
    const pid = await pidOf(stays.containerId);
    const victim = await pidOf(ends.containerId);
    // The signal is sent while the shim is being started again: whether it meets an old or a new one, the exit must be told.
    const restarted = killAndRestart(service);
    await host.exec(['kill', '-USR1', String(victim)]);
    await restarted;
    await ready();
    expect(await pidOf(stays.containerId)).toBe(pid);
    const { status: running } = await client.containerStatus({ containerId: stays.containerId, verbose: false });
    expect(running?.state).toBe(ContainerState.CONTAINER_RUNNING);
    const ended = await waitFor('the exit to be told', async () => {
      const { status } = await client.containerStatus({ containerId: ends.containerId, verbose: false });
      return status?.state === ContainerState.CONTAINER_EXITED && status;
    });
    expect(ended.exitCode).toBe(9);
    await client.stopContainer({ containerId: stays.containerId, timeout: 0n });
    await removeAll();
    await expectNothingLeft();
  });

  it('sees a torn record for what the last whole line of it says', async () => {
    const { client, service, host } = runtime;
    const pod = await runCriPod(client, freshName('torn'));
    const file = `/var/lib/gantry/containers/${pod.containerId}/record.json`;
    await host.exec(['sh', '-c', `printf '{"version":1,"id":"cut' >> "$1"`, 'sh', file]);
    await killAndRestart(service);
    await ready();
    const { status } = await client.containerStatus({ containerId: pod.containerId, verbose: false });
    expect(status?.state).toBe(ContainerState.CONTAINER_RUNNING);
    await removeCriPod(client, pod);
    await expectNothingLeft();
  });

  it('sets an unreadable record aside and cleans up what it named', async () => {
    const { client, service, host } = runtime;
    const pod = await runCriPod(client, freshName('garbage'));
    const file = `/var/lib/gantry/containers/${pod.containerId}/record.json`;
    await host.exec(['sh', '-c', 'echo garbage > "$1"', 'sh', file]);
    await killAndRestart(service);
    await ready();
    expect((await client.listContainers({ filter: undefined })).containers).toEqual([]);
    await client.removePodSandbox({ podSandboxId: pod.sandboxId });
    expect(readdirSync(host.path('/var/lib/gantry/quarantine'))).toEqual([`${pod.containerId}-record.json`]);
    await host.exec(['rm', '-r', '/var/lib/gantry/quarantine']);
    await expectNothingLeft();
  });
});
